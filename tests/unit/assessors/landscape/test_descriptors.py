"""Power spectra: what they do not see, what they see, and boxes of any size and shape."""
from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.centres import centres_of
from backmap_plugins.assessors.landscape.descriptors import Environments, species_of
from backmap_plugins.environments.spectra import Spectrum
from scipy.spatial.transform import Rotation

from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from tests import builders
from tests.polymer import kind_of

from ..scene import molecule, snapshot

pytest.importorskip("featomic")

BOX = builders.TRICLINIC
#: Descriptors are kept in single precision: of numbers up to 1, one unit is 6e-8.
CLOSE = 1e-6


def described(system: System, atoms: np.ndarray, box: np.ndarray | None, **options) -> np.ndarray:
    centres = centres_of(system, None, None)
    return Environments(system, centres, Spectrum(**{"radius": 0.5, **options})).of(snapshot(system, atoms, box))


def atom() -> MoleculeType:
    """One atom that is no bead, so that it is not given."""
    return replace(molecule("[Ar]", "AR")[0], given=False)


def crowd() -> tuple[System, np.ndarray]:
    """Molecules of carbon, and of fluorine, chlorine and bromine, in a triclinic box."""
    system = builders.system((builders.butane(), 15), (builders.chiral(), 15))
    return system, builders.place(system, BOX, 1)


def test_rotation_translation_and_lattice_shifts_are_not_seen() -> None:
    """Any atom may be in any image; noise of 0.001 nm is seen a thousand times as well."""
    system, atoms = crowd()
    found, rng = described(system, atoms, BOX), np.random.default_rng(2)
    turn = Rotation.random(random_state=3).as_matrix()
    shifts = rng.integers(-2, 3, size=(len(atoms), 3)) @ BOX
    moved = atoms + np.array([0.3, -0.7, 1.1])
    for other, box in ((atoms @ turn.T, BOX @ turn.T), (moved, BOX), (atoms + shifts, BOX)):
        assert described(system, other, box) == pytest.approx(found, abs=CLOSE)
    noise = described(system, atoms + rng.normal(scale=1e-3, size=atoms.shape), BOX)
    assert np.abs(noise - found).max() > 1000 * CLOSE
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=CLOSE)


def test_another_description_of_the_same_lattice_is_not_seen() -> None:
    system, atoms = crowd()
    skewed = BOX.copy()
    skewed[2] += BOX[0] - BOX[1]
    assert described(system, atoms, skewed) == pytest.approx(described(system, atoms, BOX), abs=CLOSE)


def test_the_mirror_image_is_not_seen() -> None:
    """Power spectra are blind to inversion; another assessor looks at stereocentres."""
    system, atoms = crowd()
    found = described(system, atoms, BOX)
    assert described(system, -atoms, BOX) == pytest.approx(found, abs=CLOSE)
    mirror = np.array([1, 1, -1])
    assert described(system, atoms * mirror, BOX * mirror) == pytest.approx(found, abs=CLOSE)


def test_the_order_of_like_molecules_and_atoms_is_not_seen() -> None:
    """Molecules in another order have their descriptors in that order; like neighbours may change places."""
    argon, rng = atom(), np.random.default_rng(4)
    system, atoms, order = System(((argon, 30),)), rng.random((30, 3)), rng.permutation(30)
    found = described(system, atoms, np.eye(3))
    assert described(system, atoms[order], np.eye(3)) == pytest.approx(found[order], abs=CLOSE)
    assert np.abs(found[order] - found).max() > 0.1


def test_elements_are_told_apart() -> None:
    """Chlorine and bromine changing places is another environment."""
    system = builders.system((builders.chiral(), 1))
    atoms = builders.place(system, BOX, 5)
    kind = builders.chiral()
    swapped = np.arange(len(atoms))
    a, b = (kind.atom_names.index(name) for name in ("Cl1", "Br1"))
    swapped[[a, b]] = b, a
    found = described(system, atoms, None)
    assert np.abs(described(system, atoms[swapped], None) - found).max() > 0.01


def test_a_neighbour_fades_before_the_radius() -> None:
    """An atom at 0.999 and 1.001 of it makes no difference above 0.001; from 0.8 to 0.9 it makes 50 times that.

    Beyond the radius nothing is seen at all.
    """
    system = System(((atom(), 3),))

    def at(distance: float) -> np.ndarray:
        return described(system, np.array([[0.0, 0, 0], [0, 0, 0.3], [distance, 0, 0]]), None)[0]

    assert at(0.4995) == pytest.approx(at(0.5005), abs=1e-3)
    assert np.array_equal(at(0.5005), at(0.9))
    assert np.abs(at(0.4) - at(0.45)).max() > 0.05


@pytest.mark.parametrize("edge", [0.45, 0.6, 0.9])
def test_a_box_smaller_than_two_radii_is_what_its_images_are(edge: float) -> None:
    """Every image of an atom within the radius counts: the same as all these atoms written out, without a box."""
    box = edge * np.array([[1.0, 0, 0], [0.3, 1, 0], [-0.2, 0.4, 1]])
    one = builders.system((builders.butane(), 1))
    atoms = builders.place(one, box, 2)
    shifts = np.array(sorted(product(range(-4, 5), repeat=3), key=lambda shift: float(np.abs(shift).sum())))
    many = builders.system((builders.butane(), len(shifts)))
    images = (atoms + (shifts @ box)[:, None]).reshape(-1, 3)
    found = described(one, atoms, box)
    assert described(many, images, None)[:len(found)] == pytest.approx(found, abs=CLOSE)


def test_pairs_of_radial_functions_are_kept_once() -> None:
    """Products of descriptors are those of the whole power spectra."""
    system, atoms = crowd()
    environments = Environments(system, centres_of(system, None, None), Spectrum(0.5, n_max=3, l_max=2))
    frame = snapshot(system, atoms, BOX)
    kept = environments.of(frame)
    assert kept.shape == (60, environments.n_features)
    environments.spectra._folded = lambda block, alike: block  # type: ignore[method-assign]
    whole = environments.of(frame)
    assert whole.shape[1] > kept.shape[1]
    assert kept @ kept.T == pytest.approx(whole @ whole.T, abs=CLOSE)


def test_hydrogen_is_seen_where_it_should_be() -> None:
    system = builders.system((builders.butane(), 1))
    atoms = builders.place(system, BOX, 6)
    moved = atoms.copy()
    moved[builders.butane().chemistry.element == 1] += 0.05
    for hydrogen in (False, True):
        changed = np.abs(described(system, atoms, BOX, hydrogen=hydrogen, n_max=4, l_max=3)
                         - described(system, moved, BOX, hydrogen=hydrogen, n_max=4, l_max=3)).max()
        assert (changed > 0.01) == hydrogen


def test_an_environment_without_neighbours_is_no_nan() -> None:
    """An atom is its own neighbour; a bead away from all atoms has none."""
    system = builders.system((builders.butane(), 1))
    atoms = builders.place(system, BOX, 7)
    centres = centres_of(system, "beads", None)
    far = snapshot(system, atoms, None, beads=np.array([[9.0, 9, 9], atoms[0]]))
    found = Environments(system, centres, Spectrum(0.5)).of(far)
    assert not found[0].any()
    assert np.linalg.norm(found[1]) == pytest.approx(1, abs=CLOSE)


def test_neighbours_of_one_element_only_leave_the_others_at_zero() -> None:
    """Far from each other, each of two molecules is what it is alone, and blocks of the other's elements are 0."""
    system = builders.system((builders.butane(), 1), (builders.chiral(), 1))
    atoms = builders.place(system, BOX, 8)
    first = builders.butane().chemistry.element.size
    atoms[first:] += 50.0
    both = described(system, atoms, None)
    close = atoms.copy()
    close[first:] += atoms[:first].mean(axis=0) - atoms[first:].mean(axis=0) + 0.2
    near = described(system, close, None)
    alone = described(builders.system((builders.butane(), 1)), atoms[:first], None)
    assert both.shape[0] == 4
    carbon = alone.shape[1]
    assert both[:2, :carbon] == pytest.approx(alone, abs=CLOSE)
    assert not both[:2, carbon:].any()
    assert np.abs(near[:2] - both[:2]).max() > 0.01


def test_hydrogen_alone_is_refused() -> None:
    hydrogen, _ = molecule("[H][H]", "HH")
    system = System(((hydrogen, 2),))
    with pytest.raises(BackmapError, match="there is no atom but hydrogen to be seen"):
        Environments(system, centres_of(system, "beads", None), Spectrum(0.5))


def test_beads_are_told_apart_by_type() -> None:
    """Swapping A and B of a molecule is seen, turning it is not; elements stay what they are."""
    ends, twin = (System(((kind_of([(0, 1), (1, 2)], types, "ABA"), 1),)) for types in (list("ABA"), list("AAB")))
    beads = np.array([[0.0, 0, 0], [0.3, 0, 0], [0.3, 0.4, 0]])
    found, other = (described(system, beads, None, sigma=0.1) for system in (ends, twin))
    assert np.abs(found - other).max() > 0.1
    np.testing.assert_allclose(described(ends, beads[:, [1, 2, 0]], None, sigma=0.1), found, atol=CLOSE)
    mixed = System(((builders.butane(), 1), *ends.blocks))
    species = species_of(mixed)
    assert set(species[:-3].tolist()) == {1, 6}
    assert species[-3:].tolist() == [1000, 1001, 1000]
