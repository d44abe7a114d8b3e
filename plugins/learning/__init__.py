"""How generators learn: training sets, steps, checkpoints on the way."""
