"""Draws of generators, accepted or rejected one block at a time."""
