"""Helpers that plugins of several kinds share."""
