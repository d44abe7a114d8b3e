"""Compiled functions: their cache, and the time that they take to compile."""
