"""What ``backmap check`` looks for."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_checkers() -> dict[str, str]:
    here = "backmap_plugins.checkers"
    return {"mapping": f"{here}.mapping:MappingChecker", "bead_bonds": f"{here}.bead_bonds:BeadBondChecker",
            "molecules": f"{here}.molecules:MoleculeChecker", "frames": f"{here}.frames:FrameChecker",
            "temperature": f"{here}.temperature:TemperatureChecker", "sizes": f"{here}.sizes:SizeChecker",
            "parameters": f"{here}.parameters:ParameterChecker", "fit": f"{here}.fit:FitChecker",
            "plausibility": f"{here}.plausibility:PlausibilityChecker", "order": f"{here}.order:OrderChecker"}
