"""The producer's commands, one file each; they parse and print, nothing else."""
