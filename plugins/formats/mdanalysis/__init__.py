"""What MDAnalysis reads for us, and its Universe."""
