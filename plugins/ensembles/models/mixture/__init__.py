"""The model ``mixture``."""
