"""Where scans come from and drawings go: one protocol, one file per kind of store."""
