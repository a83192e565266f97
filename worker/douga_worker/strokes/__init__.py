"""From a line image to strokes: one curve a drawn line, with its weight, joined where lines join."""
