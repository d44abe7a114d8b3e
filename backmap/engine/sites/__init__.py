"""Where atoms are drawn: fragments, what they see, which of them at once, in which order, and what is drawn again."""
