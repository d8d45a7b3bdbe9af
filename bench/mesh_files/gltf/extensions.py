"""glTF extensions by what they do to geometry and base colour: read, harmless, or refused by name."""

from __future__ import annotations

from bench.errors import MeshError
from bench.mesh_files.gltf.fields import Entry

# what this reader honours; what it cannot honour in a particular file is refused where it stands
READ = frozenset(
    {
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "EXT_texture_avif",  # by its fallback picture, else refused; so the next ones
        "EXT_texture_webp",
        "KHR_draco_mesh_compression",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_unlit",
        "KHR_mesh_quantization",
        "KHR_meshopt_compression",
        "KHR_node_visibility",
        "KHR_texture_basisu",
        "KHR_texture_transform",
        "MSFT_texture_dds",
    }
)
# light, reflection, physics, metadata, other looks on request: neither the geometry nor the base colour depends on them
_HARMLESS = (
    "ADOBE_materials_",
    "AGI_articulations",
    "AGI_stk_metadata",
    "CESIUM_primitive_outline",
    "EXT_lights_",
    "EXT_mesh_features",
    "EXT_mesh_manifold",
    "EXT_instance_features",
    "EXT_structural_metadata",
    "FB_geometry_metadata",
    "GOOGLE_",
    "GRIFFEL_bim_data",
    "KHR_animation_pointer",
    "KHR_audio",
    "KHR_interactivity",
    "KHR_lights_",
    "KHR_materials_",
    "KHR_node_hoverability",
    "KHR_node_selectability",
    "KHR_physics_",
    "KHR_xmp",
    "MSFT_lod",
    "MSFT_packing_",
    "MSFT_audio_",
    "NV_materials_",
    "OMI_",
    "VRM",
    "VRMC_",
)
# these replace the base colour by something of their own
_OTHER_COLOURS = frozenset({"KHR_materials_common", "KHR_techniques_webgl", "KHR_materials_cmnBlinnPhong"})


def check_extensions(root: Entry, notes: list[str]) -> None:
    """Refuse files that require what is not read; note what they merely use. Raises `MeshError`."""
    required, used = root.texts("extensionsRequired"), root.texts("extensionsUsed")
    unread = [name for name in required if not is_known(name)]
    if unread:
        raise MeshError(
            f"the file requires glTF extensions that are not supported: {', '.join(unread)}",
            where=root.place,
            hint="export without them",
        )
    left_out = [name for name in used if not is_known(name)]
    if left_out:
        notes.append(f"glTF extensions that are not known are left out: {', '.join(left_out)}")


def is_known(name: str) -> bool:
    """Whether an extension is honoured or changes nothing here."""
    return name in READ or (name.startswith(_HARMLESS) and name not in _OTHER_COLOURS)


def other_colours(material: Entry) -> str | None:
    """The extension by which a material brings a colour of a kind that is not read, or None."""
    extensions = material.child("extensions")
    return next((name for name in _OTHER_COLOURS if extensions is not None and name in extensions), None)
