"""Local environments of the atoms of a system as vectors."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.system import System

from ...environments.spectra import PowerSpectra, Spectrum
from .centres import Centres

#: Beads and others without an element are species of their own, by type, from this number on.
BEADS = 1000


def species_of(system: System) -> NDArray[np.int32]:
    """What neighbours are told apart by: the element of each atom, or the type of those that have none, (A,)."""
    bare = sorted({name for kind in system.types
                   for name, element in zip(kind.atom_types, kind.chemistry.element) if not element})
    species = np.empty(system.n_atoms, dtype=np.int32)
    for group in system.groups:
        kind = group.type
        species[group.atoms] = [element or BEADS + bare.index(name)
                                for name, element in zip(kind.atom_types, kind.chemistry.element.tolist())]
    return species


class Environments:
    """Power spectra around the centres of a system, each of norm 1.

    The norm of an environment without any neighbour is 0.

    Args:
        system: What is there.
        centres: Around which points.
        spectrum: How.

    Raises:
        BackmapError: If featomic is not installed, or there is no atom to be seen.
    """

    def __init__(self, system: System, centres: Centres, spectrum: Spectrum) -> None:
        self.centres, self.spectrum = centres, spectrum
        elements = species_of(system)
        seen = np.ones(len(elements), dtype=bool) if spectrum.hydrogen else elements != 1
        self._seen, self.elements = np.flatnonzero(seen), elements[seen]
        if not len(self._seen):
            raise BackmapError("there is no atom but hydrogen to be seen", where="landscape",
                               hint="Write 'hydrogen: true'.")
        self.species = np.unique(self.elements).tolist()
        self.spectra = PowerSpectra(spectrum, self.species)

    @property
    def n_features(self) -> int:
        return self.spectra.n_features

    def of(self, frame: Snapshot, centres: Centres | None = None) -> NDArray[np.float32]:
        """Descriptors of a frame, (M N, F)."""
        centres = self.centres if centres is None else centres
        return self.spectra.of(frame.atoms[self._seen], self.elements, centres.positions(frame), frame.box)
