"""The side that does the work: scans in, clean drawings out, on one machine or on many."""
