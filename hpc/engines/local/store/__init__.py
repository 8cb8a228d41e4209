"""What is remembered of runs: one SQLite file for each root folder."""
