"""``backmap check``: a recipe and its files are read as far as they can be, and looked over by every checker."""
