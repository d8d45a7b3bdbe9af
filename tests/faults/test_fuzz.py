"""Mutated files of every kind that strangers hand in: read, or refused by name, in reasonable time. Nothing else."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from fuzz import CORPUS, KINDS, mutated, seeds, survive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ALL = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def mutate(kind: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=ALL, database=None)
    @given(st.randoms(use_true_random=False), st.sampled_from(seeds(kind)))
    def holds(rng: random.Random, content: bytes) -> None:
        survive(KINDS[kind], mutated(content, rng), Path(folder))

    with tempfile.TemporaryDirectory() as folder:
        holds()


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_well_formed(kind: str, tmp_path: Path) -> None:
    assert {survive(KINDS[kind], content, tmp_path) for content in seeds(kind)} == {"read"}


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(kind: str) -> None:
    mutate(kind, 25)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_mutated_files_are_read_or_refused(kind: str) -> None:
    mutate(kind, 1000)


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*-*")), ids=lambda file: file.name)
def test_what_was_found_once_stays_closed(file: Path, tmp_path: Path) -> None:
    survive(KINDS[file.name.partition("-")[0]], file.read_bytes(), tmp_path)
