"""A whole farm on this one machine, without Docker: what `make farm` starts."""
