"""Whole frames as densities on a grid, drawn at once from the frame before and latent variables."""
