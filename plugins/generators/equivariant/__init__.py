"""An equivariant autoregressive generator with a tractable density."""
