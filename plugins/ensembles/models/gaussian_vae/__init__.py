"""The autoencoder with which learning from an energy was published."""
