"""Files that more than one kind of plugin reads, and checkpoints."""
