"""One task from its inputs to its result: folders, environments, processes and containers, logs, outputs."""
