"""The stages before generation: what generators need is done once, told beforehand, and costs nobody else's samples."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import BaseModel
from rich.console import Console

from bench.errors import GeneratorError
from bench.generators.protocol import GenerationRequest, Generator, MultiviewImage, Preparation
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite
from groundwork.progress import Reporter

DONE: list[str] = []


class Options(BaseModel, extra="forbid"):
    """What the generator needs, and what of it goes wrong."""

    needs: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


class Needy(Generator):
    """Black halves, once what it needs is there; every piece is 'kind name'."""

    Options: ClassVar[type[BaseModel]] = Options

    def fingerprint(self) -> str:
        return f"{self.name} {self.options.model_dump_json()}".ljust(64, "0")

    def preparations(self, seeds: Sequence[int]) -> tuple[Preparation, ...]:
        assert list(seeds) == [0, 1]
        return tuple(
            Preparation(need.split()[0], need.split()[1], need, 3, "/somewhere", self._work(need))
            for need in self.options.needs
            if need not in DONE
        )

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[MultiviewImage]:
        assert set(self.options.needs) <= set(DONE)
        for request in requests:
            views = np.full((4, *[request.cameras.resolution] * 2, 3), 255, np.uint8)
            views[:, :, : views.shape[2] // 2] = 0
            yield MultiviewImage(request.case.id, request.seed, views)

    def _work(self, need: str) -> Callable[[Callable[[int], None]], None]:
        def do(advance: Callable[[int], None]) -> None:
            advance(1)
            if need in self.options.broken:
                raise GeneratorError("no luck")
            advance(2)
            DONE.append(need)

        return do


def summary_of(out: Path, *entries: dict[str, Any]) -> tuple[dict[str, Any], str]:
    text = io.StringIO()
    generators = [{"use": f"{__name__}:Needy", **entry} for entry in entries]
    suite = load_suite("miniworld", [f"generators={generators}", "metrics=[silhouette_iou]", "primary=[]", "gates={}"])
    # here, where the tests see what was done
    options = RunOptions(out=out, limit=1, seeds=(0, 1), offline=True, isolate="none")
    outcome = run(suite, options, Reporter(Console(file=text, width=200)))
    return outcome.summary.to_json(), text.getvalue()


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    DONE.clear()


def test_work_is_done_once_kind_by_kind_before_any_sample(tmp_path: Path) -> None:
    first = {"name": "first", "needs": ["render data", "train a"]}
    second = {"name": "second", "needs": ["render data", "render more", "train b", "train a"]}
    found, told = summary_of(tmp_path, first, second)
    assert DONE == ["render data", "render more", "train a", "train b"] and found["failures"] == []
    places = [told.index(words) for words in ("render: data, more; kept in /somewhere", "train: 6 to do", "generate")]
    assert places == sorted(places) and "render: 6/6, more, 2 of 2" in told
    assert "train" not in summary_of(tmp_path, first, second)[1]


def test_what_cannot_be_prepared_fails_alone(tmp_path: Path) -> None:
    broken = {"name": "broken", "needs": ["render data", "train a"], "broken": ["render data"]}
    found, _ = summary_of(tmp_path, broken, {"name": "sound", "needs": ["train b"]})
    assert DONE == ["train b"]
    assert [(f["generator"], f["seed"]) for f in found["failures"]] == [("broken", 0), ("broken", 1)]
    assert all("generator 'broken': no luck" in f["message"] for f in found["failures"])
    assert "no luck" in (tmp_path / "failures.log").read_text()
