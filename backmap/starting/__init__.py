"""``backmap init``: from a user's own files to a recipe that runs."""
