"""Pictures of frames, drawn without a display."""
