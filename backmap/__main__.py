"""``python -m backmap`` is the command ``backmap``."""
from .commands.cli import main

main()
