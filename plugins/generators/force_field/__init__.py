"""The generator ``force_field``: configurational bias from the topology's own terms."""
