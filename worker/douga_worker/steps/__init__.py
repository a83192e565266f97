"""One file per step of a frame's way; pure functions on arrays and bytes, free of torch and of settings."""
