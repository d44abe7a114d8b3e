"""What training leaves behind: weights, and conformers for rigid starts, in files of tensors and JSON."""
