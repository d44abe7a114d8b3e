"""Damaged and made-up input: whatever the bytes are, one clear line or a result."""
