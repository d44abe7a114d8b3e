"""Generators: they draw the atoms of many fragments at once."""
from backmap.hookspecs import hookimpl

HERE = "backmap_plugins.generators"


@hookimpl
def backmap_generators():
    return {
        "equivariant": f"{HERE}.equivariant.generator:Equivariant",
        "force_field": f"{HERE}.force_field.generator:FromForceField",
        "splitting": f"{HERE}.splitting.generator:Splitting",
        "stay_or_renew": f"{HERE}.stay_or_renew.generator:StayOrRenew",
        "template": f"{HERE}.template.generator:Template",
        "vae": f"{HERE}.vae.generator:Vae",
        "voxel_gan": f"{HERE}.voxel_gan.generator:VoxelGan",
        "voxel_vae": f"{HERE}.voxel_vae.generator:VoxelVae",
    }
