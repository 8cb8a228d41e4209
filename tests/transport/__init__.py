"""What is needed to follow a value from a pipeline file into the configuration of a real Hydra application."""
