"""The pages that are generated, one module each."""
