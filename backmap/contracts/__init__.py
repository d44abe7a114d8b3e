"""What plugins are built on: options, the state of a run, the contracts of ensembles."""
