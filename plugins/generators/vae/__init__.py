"""A variational autoencoder of whole blocks: latents given the surroundings, then atoms given both."""
