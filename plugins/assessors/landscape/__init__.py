"""Landscapes: whole molecules among their neighbours, compared by kernels, tested, and drawn on a map."""
