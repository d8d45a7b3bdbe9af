"""Make each fault of mutants.yaml in a copy of the tree and see whether its tests fail: see README.md beside this."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROCESSES = 2
TIME_LIMIT_S = 600
KILLED, SURVIVED, GONE = "killed", "SURVIVED", "GONE"


@dataclass(frozen=True)
class Mutant:
    """`find` is replaced by `replace` in `file`, wherever it occurs; `tests` are files or node ids of pytest."""

    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]


def main(words: list[str]) -> int:
    """Try all, or those whose name contains one of the words."""
    listed = yaml.safe_load((HERE / "mutants.yaml").read_text(encoding="utf-8"))
    mutants = [Mutant(**{**entry, "tests": tuple(entry["tests"].split())}) for entry in listed]
    mutants = [mutant for mutant in mutants if not words or any(word in mutant.name for word in words)]
    copies: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PROCESSES):
            copies.put(copied(Path(folder) / str(number)))
        with ThreadPoolExecutor(PROCESSES) as pool:
            outcomes = list(pool.map(lambda mutant: tried(mutant, copies), mutants))
    print(f"{outcomes.count(KILLED)} of {len(outcomes)} killed")
    return 0 if outcomes.count(KILLED) == len(outcomes) else 1


def copied(target: Path) -> Path:
    """The files that git tracks, or would track, in another folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, target / name)
    return target


def tried(mutant: Mutant, copies: SimpleQueue[Path]) -> str:
    """What became of one mutant; prints it."""
    root = copies.get()
    try:
        file = root / mutant.file
        original = file.read_text(encoding="utf-8")
        if mutant.find not in original:
            outcome = GONE
        else:
            file.write_text(original.replace(mutant.find, mutant.replace), encoding="utf-8")
            try:
                outcome = KILLED if _fails(root, mutant.tests) else SURVIVED
            finally:
                file.write_text(original, encoding="utf-8")
    finally:
        copies.put(root)
    print(f"{outcome:<9} {mutant.name}  ({mutant.file})", flush=True)
    return outcome


def _fails(root: Path, tests: tuple[str, ...]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        sys.exit(f"pytest could not run {' '.join(tests)}:\n{done.stdout.decode()}")
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
