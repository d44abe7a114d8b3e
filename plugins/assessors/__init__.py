"""Assessors: what a trajectory is measured by."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_assessors() -> dict[str, str]:
    return {"structure": "backmap_plugins.assessors.structure:Structure",
            "energy": "backmap_plugins.assessors.energy:Energy",
            "consistency": "backmap_plugins.assessors.consistency:Consistency",
            "equipartition": "backmap_plugins.assessors.equipartition.assessor:Equipartition",
            "along_beads": "backmap_plugins.assessors.equipartition.beads:AlongBeads",
            "calibration": "backmap_plugins.assessors.calibration:Calibration",
            "coarse_structure": "backmap_plugins.assessors.coarse.assessor:CoarseStructure",
            "dynamics": "backmap_plugins.assessors.dynamics.assessor:Coherence",
            "landscape": "backmap_plugins.assessors.landscape.assessor:Landscape",
            "block_free_energies": "backmap_plugins.assessors.blocks:BlockFreeEnergies",
            "projected_forces": "backmap_plugins.assessors.forces.projected:ProjectedForces",
            "force_residual": "backmap_plugins.assessors.forces.residual:ForceResidual",
            "ranks": "backmap_plugins.assessors.ranks:Ranks",
            "released_beads": "backmap_plugins.assessors.released:ReleasedBeads",
            "stability": "backmap_plugins.assessors.stability:Stability"}
