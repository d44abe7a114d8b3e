"""Monte Carlo on a target."""
