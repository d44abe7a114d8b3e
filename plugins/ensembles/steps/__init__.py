"""Steps that explore a target, learn a model of it, and sample it."""
