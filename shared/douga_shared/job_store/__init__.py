"""What is remembered of jobs while they run: one protocol, one file per kind of memory."""
