"""Recipes: read, described, checked against the plugins that they name."""
