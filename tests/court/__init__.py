"""A court: runs that are wrong in known ways, and right ones, and what the verdict says of each.

``python -m tests.court FOLDER`` makes the liquids in FOLDER by GROMACS, unless they are there, runs every case and
writes tests/court.json, from which ``make docs`` writes docs/court.md.
"""
