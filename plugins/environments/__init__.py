"""Local environments as vectors, and tests whether those of two sets of frames are the same."""
