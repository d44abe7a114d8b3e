"""Conformance kit for plugin authors: each function tests what one kind of plugin promises.

    from backmap import testing

    def test_my_generator():
        testing.check_options(MyGenerator)
        testing.check_generator(MyGenerator(MyGenerator.Options()))

A broken promise is an ``AssertionError`` that says which.
"""
from __future__ import annotations

from .ensembles import Guess, Pendulum, check_ensemble_assessor, check_model, check_sampler, check_target
from .examples import (
    Sites,
    example,
    example_beads,
    example_forcefield,
    example_topology,
    fluorohexane,
    molecule_type,
    turned,
)
from .files import (
    check_bridge,
    check_forcefield,
    check_mapping_reader,
    check_reader,
    check_topology_reader,
    check_writer,
)
from .frames import check_assessor, check_refiner, check_step, check_tuning
from .morphers import check_morpher
from .runs import check_run
from .surveys import check_checker
from .workers import check_generator, check_options, check_regularizer, check_traversal

__all__ = [
    "Guess", "Pendulum", "Sites", "check_assessor", "check_bridge", "check_checker", "check_ensemble_assessor",
    "check_forcefield", "check_generator", "check_mapping_reader", "check_model", "check_morpher",
    "check_options", "check_reader", "check_refiner", "check_regularizer", "check_run", "check_sampler", "check_step",
    "check_target", "check_topology_reader", "check_traversal", "check_tuning", "check_writer", "example",
    "example_beads", "example_forcefield", "example_topology", "fluorohexane", "molecule_type", "turned",
]
