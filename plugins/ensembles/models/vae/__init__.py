"""The variational autoencoder: a Gaussian encoder, a spline flow for a prior, decoders of several kinds."""
