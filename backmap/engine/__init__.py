"""The verbs: schedules, environments, sweeps, projection (torch, vesin, scipy)."""
