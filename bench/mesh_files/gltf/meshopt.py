"""Buffer views compressed with EXT_meshopt_compression, or its KHR successor, through the package meshopt."""

from __future__ import annotations

from typing import Any

from bench.errors import MeshError
from bench.mesh_files.gltf.fields import Entry

NAMES = ("EXT_meshopt_compression", "KHR_meshopt_compression")
MAX_BYTES = 2**30  # of one view when decoded: a few kilobytes can promise any number
_FILTERS = ("NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL", "COLOR")


def decode_meshopt(packed: Entry, data: bytes, length: int) -> bytes:
    """The bytes of a view that promises `length` of them; `packed` is what the extension says of it, `data` its stream.

    Raises `MeshError` for a damaged stream, for what the extension does not allow, or without the package.
    """
    mode, fitting = packed.text("mode"), packed.text("filter", "NONE")
    stride, count = packed.integer("byteStride", low=1, high=256), packed.integer("count", low=1)
    if mode not in ("ATTRIBUTES", "TRIANGLES", "INDICES"):
        raise packed.wrong("mode", "ATTRIBUTES, TRIANGLES or INDICES")
    if fitting not in _FILTERS or (fitting != "NONE" and mode != "ATTRIBUTES"):
        raise packed.wrong("filter", f"one of {', '.join(_FILTERS)}, of attributes")
    if count * stride != length or length > MAX_BYTES:
        raise packed.wrong("count", f"{length // stride} times {stride} bytes, at most {MAX_BYTES} together")
    try:
        import meshopt
    except ImportError as error:
        raise MeshError(
            f"the geometry is compressed with {packed.place.rpartition('.')[2]}",
            where=packed.place,
            hint="pip install 'realiz3d-bench[meshopt]', or decompress it: npx @gltf-transform/cli copy IN.glb OUT.glb",
        ) from error
    try:
        found: Any = meshopt.decode_gltf_buffer(data, count, stride, mode, fitting)
    except Exception as error:  # the decoder raises whatever a broken stream makes it raise
        raise MeshError(
            f"the compressed geometry is damaged ({type(error).__name__}: {str(error)[:100]})",
            where=packed.place,
            hint="export or download the mesh again",
        ) from error
    return bytes(found.tobytes())
