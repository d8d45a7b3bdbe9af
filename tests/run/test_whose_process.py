"""With several workers, a stranger's code has processes for itself; what ships shares the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict
from small_runs import go, write_suite

from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.generators.protocol import Preparation
from bench.run import places
from bench.workers import crew
from bench.workers.process import Worker


class Signing(SingleCaseGenerator):
    """Leaves its name and the number of its process wherever it is asked."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        folder: Path

    def sign(self, where):
        (self.options.folder / f"{os.getpid()} {self.name} {where}").touch()

    def fingerprint(self):
        self.sign("set-up")
        return self.name

    def preparations(self, seeds):
        return [Preparation("prepare", self.name, self.name, 1, "nowhere", lambda advance: self.sign("preparation"))]

    def views(self, request):
        self.sign("views")
        return ground_truth(request.case, request.cameras, request.background, self.context.device).views


@pytest.mark.slow
@pytest.mark.parametrize("isolate", ["foreign", "all"])
def test_nobody_meets_a_stranger(tmp_path, mesh_folder, monkeypatch, isolate):
    made = []
    monkeypatch.setattr(crew, "Worker", lambda *args: made.append(Worker(*args)) or made[-1])
    signed = tmp_path / "signed"
    signed.mkdir()
    entries = "\n".join(
        f'  - {{name: {name}, use: "{__name__}:Signing", folder: "{signed}"}}' for name in ("one", "two")
    )
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder, generators=entries)
    assert go(suite, tmp_path / "run", workers=2, isolate=isolate).incomplete == ()
    found = [path.name.split() for path in signed.iterdir()]
    assert {(name, where) for _, name, where in found} == {
        (name, where) for name in ("one", "two") for where in ("set-up", "preparation", "views")
    }
    whose = {int(pid): name for pid, name, _ in found}
    assert len(whose) == len({(pid, name) for pid, name, _ in found}) and os.getpid() not in whose
    owners = {worker.process.pid: worker.owner for worker in made}
    assert {pid: owners[pid] for pid in whose} == whose
    shipped = {places.OURS} if isolate == "foreign" else {"ceiling", "noise"}
    assert set(owners.values()) == {*whose.values(), *shipped, ""}
