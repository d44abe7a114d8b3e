"""Backmapping: from coarse-grained beads to atoms distributed as they should be."""
from .api import Generator, Options, Regularizer, Step, Traversal
from .errors import BackmapError
from .hookspecs import hookimpl
from .session import Result, judge, merge, report, run

__version__ = "0.2.0"
__all__ = ["BackmapError", "Generator", "Options", "Regularizer", "Result", "Step", "Traversal", "__version__",
           "hookimpl", "judge", "merge", "report", "run"]
