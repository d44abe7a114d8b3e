"""How atoms move from frame to frame."""
