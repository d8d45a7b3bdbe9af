"""Cameras as JSON: what lies beside rendered views, so that whoever uses them knows where they look from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.geometry.cameras import Cameras

MAX_BYTES = 2**20
_CONVENTION = "world y up, front +z; camera x right, y down, z forward; pixel centres at + 0.5"


def camera_json(cameras: Cameras) -> bytes:
    """The cameras as UTF-8 JSON. Floats are written so that reading gives the same bits."""
    content = {
        "convention": _CONVENTION,
        "projection": cameras.projection,
        "resolution": cameras.resolution,
        "world_to_camera": cameras.world_to_camera.tolist(),
        "intrinsics": cameras.intrinsics.tolist(),
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def read_cameras(path: Path) -> Cameras:
    """Cameras from a file that `camera_json` wrote. Raises `InputError` for anything else."""
    expected = "projection, resolution, world_to_camera (V, 4, 4), intrinsics (V, 3, 3)"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("the file of cameras is too large", where=str(path), expected=f"at most {MAX_BYTES} bytes")
        content: Any = json.loads(path.read_bytes())
        matrices = np.array(content["world_to_camera"], dtype=np.float64)
        intrinsics = np.array(content["intrinsics"], dtype=np.float64)
        projection, resolution = content["projection"], content["resolution"]
    except OSError as error:
        raise InputError(f"the cameras cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"the file does not describe cameras ({error!r})", where=str(path), expected=expected
        ) from error
    sound = (
        projection in ("perspective", "orthographic")
        and type(resolution) is int
        and 1 <= resolution <= 16384
        and 1 <= len(matrices) <= 1024
        and matrices.shape[1:] == (4, 4)
        and intrinsics.shape == (len(matrices), 3, 3)
        and bool(np.isfinite(matrices).all() and np.isfinite(intrinsics).all())
        and bool((intrinsics[:, [0, 1], [0, 1]] > 0).all())
    )
    if not sound:
        raise InputError("the file does not describe cameras", where=str(path), expected=expected)
    return Cameras(matrices, intrinsics, projection, resolution)
