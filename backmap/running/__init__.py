"""Runs: frames in, steps over windows, a ledger of what is done, processes, parts and their merging."""
