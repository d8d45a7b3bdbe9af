"""Meshes made to do harm: counts and offsets that lie, circles, floods of nodes, addresses outside."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from hostile_pickle import Make


def _gltf(**change: Any) -> bytes:
    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes() + np.uint16([0, 1, 2, 0]).tobytes()
    tree: dict[str, Any] = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0],
                       "max": [1, 1, 0]}, {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 6}],
        "buffers": [{"byteLength": 44, "uri": "data:;base64," + base64.b64encode(points).decode()}],
    }  # fmt: skip
    for path, value in change.items():
        *above, last = path.split("__")
        place: Any = tree
        for step in above:
            place = place[int(step) if step.isdecimal() else step]
        if value is None:
            del place[int(last) if last.isdecimal() else last]
        else:
            place[int(last) if last.isdecimal() else last] = value
    return json.dumps(tree).encode()


def _sparse(count: int, **more: Any) -> dict[str, Any]:
    return {
        "count": count,
        "indices": {"bufferView": 1, "componentType": 5123} | more,
        "values": {"bufferView": 0},
    }


_MANY = 60_000
MESHES: dict[str, Make] = {
    "count of 10^12": lambda: _gltf(accessors__0__count=10**12),
    "count of 10^12 without a view": lambda: _gltf(accessors__0__count=10**12, accessors__0__bufferView=None),
    "count 1e400": lambda: _gltf().replace(b'"count": 3', b'"count": 1e400', 1),
    "count NaN": lambda: _gltf().replace(b'"count": 3', b'"count": NaN', 1),
    "count true": lambda: _gltf(accessors__0__count=True),
    "count of 200 million that a sparse accessor allows": lambda: _gltf(
        accessors__0__count=200_000_000, accessors__0__bufferView=None, accessors__0__sparse=_sparse(1)
    ),
    "sparse of more values than there are": lambda: _gltf(accessors__0__sparse=_sparse(4)),
    "sparse index outside": lambda: _gltf(accessors__0__sparse=_sparse(1, byteOffset=4)),
    "sparse offset overflow": lambda: _gltf(accessors__0__sparse=_sparse(1, byteOffset=2**63)),
    "sparse count negative": lambda: _gltf(accessors__0__sparse=_sparse(-1)),
    "indices outside": lambda: _gltf(accessors__0__count=2),
    "byteOffset 2^64": lambda: _gltf(bufferViews__0__byteOffset=2**64),
    "byteStride 0": lambda: _gltf(bufferViews__0__byteStride=0),
    "byteStride 10^9": lambda: _gltf(bufferViews__0__byteStride=10**9),
    "a node below itself": lambda: _gltf(nodes=[{"mesh": 0, "children": [0]}]),
    "two nodes below each other": lambda: _gltf(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}]),
    "a diamond of 2^40 paths": lambda: _gltf(
        nodes=[{"children": [i + 1, i + 1]} for i in range(40)] + [{"mesh": 0}], scenes=[{"nodes": [0]}]
    ),
    "a chain of 60,000 nodes": lambda: _gltf(nodes=[{"children": [i + 1]} for i in range(_MANY)] + [{"mesh": 0}]),
    "60,000 nodes with the mesh": lambda: _gltf(
        nodes=[{"mesh": 0}] * _MANY, scenes=[{"nodes": list(range(_MANY))}]
    ),
    "one mesh of 60,000 equal parts": lambda: _gltf(
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}] * _MANY}]
    ),
    "matrix of NaN": lambda: _gltf(nodes=[{"mesh": 0, "matrix": [float("nan")] * 16}]),
    "scale 1e308": lambda: _gltf(nodes=[{"mesh": 0, "scale": [1e308] * 3}]),
    "scale 0": lambda: _gltf(nodes=[{"mesh": 0, "scale": [0, 0, 0]}]),
    "buffer outside": lambda: _gltf(buffers__0__uri="../../../../etc/passwd"),
    "buffer absolute": lambda: _gltf(buffers__0__uri="/etc/passwd"),
    "buffer by file:": lambda: _gltf(buffers__0__uri="file:///etc/passwd"),
    "buffer by http:": lambda: _gltf(buffers__0__uri="http://169.254.1.1/x.bin"),
    "buffer by percent signs": lambda: _gltf(buffers__0__uri="%2e%2e/%2e%2e/etc/passwd"),
    "buffer by backslashes": lambda: _gltf(buffers__0__uri="..\\..\\etc\\passwd"),
    "buffer /dev/zero": lambda: _gltf(buffers__0__uri="../../../../../../dev/zero"),
    "image outside": lambda: _gltf(
        images=[{"uri": "../../etc/passwd"}], textures=[{"source": 0}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        meshes__0__primitives__0__material=0,
    ),
    "Draco of garbage": lambda: _gltf(
        extensionsRequired=["KHR_draco_mesh_compression"], extensionsUsed=["KHR_draco_mesh_compression"],
        meshes__0__primitives__0__extensions={
            "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}
        },
    ),
    "meshopt of garbage": lambda: _gltf(
        extensionsRequired=["EXT_meshopt_compression"], extensionsUsed=["EXT_meshopt_compression"],
        bufferViews__0__extensions={"EXT_meshopt_compression": {
            "buffer": 0, "byteLength": 36, "byteStride": 12, "count": 2**31, "mode": "ATTRIBUTES"}},
    ),
    "deep nesting": lambda: b'{"asset":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "extras of a million keys": lambda: _gltf(extras={str(i): i for i in range(300_000)}),
}  # fmt: skip
