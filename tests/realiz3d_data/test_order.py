"""The order of samples: (seed, epoch) alone decide it, ranks share it out, and it goes on exactly where it stopped."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from realiz3d.data.order import ResumableLoader, SeededBatches, epoch_order
from realiz3d.errors import UsageError


class Numbers(Dataset[int]):
    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index


def loader(length: int = 10, batch: int = 3, workers: int = 0, **options: int) -> ResumableLoader[int, list[int]]:
    return ResumableLoader(Numbers(length), SeededBatches(length, batch, **options), list, workers=workers)


def test_an_epoch_is_a_permutation_pinned_for_ever() -> None:
    assert sorted(epoch_order(100, 3, 7)) == list(range(100))
    assert epoch_order(8, 0, 0).tolist() == PINNED
    assert not (epoch_order(100, 3, 7) == epoch_order(100, 3, 8)).all()
    assert not (epoch_order(100, 3, 7) == epoch_order(100, 4, 7)).all()


PINNED = [3, 2, 1, 6, 0, 7, 4, 5]


def test_every_place_of_an_order_is_equally_likely() -> None:
    first = Counter(int(epoch_order(5, 1, epoch)[0]) for epoch in range(4000))
    chi_square = sum((first[k] - 800) ** 2 / 800 for k in range(5))
    assert chi_square < 18.5  # 0.1 % of fair draws exceed it (4 degrees of freedom)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(0, 3))
def test_ranks_share_one_stream_without_loss(length: int, batch: int, ranks: int, seed: int) -> None:
    steps = 2 * length // (batch * ranks) + 2
    shares = [
        list(islice(SeededBatches(length, batch, seed=seed, rank=r, world_size=ranks), steps)) for r in range(ranks)
    ]
    stream = [index for step in zip(*shares, strict=True) for share in step for index in share]
    whole = [int(k) for epoch in range(len(stream) // length + 1) for k in epoch_order(length, seed, epoch)]
    assert stream == whole[: len(stream)]


@pytest.mark.parametrize("workers", [0, 2])
def test_resumes_exactly_whatever_was_read_ahead(workers: int) -> None:
    straight = list(islice(loader(), 12))
    first = loader(workers=workers)
    head = list(islice(first, 5))
    state = first.state_dict()
    assert state["samples"] == 15 and first.epoch == 1.5
    second = loader(workers=workers)
    second.load_state_dict(state)
    assert head + list(islice(second, 7)) == straight
    # the same loader, asked to go on, goes on
    assert list(islice(first, 2)) == straight[5:7]


def test_resumes_on_another_number_of_ranks() -> None:
    one = loader(10, 2, rank=0, world_size=2)
    list(islice(one, 3))
    alone = loader(10, 4)
    alone.load_state_dict(one.state_dict())
    assert next(iter(alone)) == list(SeededBatches(10, 4).batch_at(12))


def test_refuses_what_would_change_the_order() -> None:
    state = loader(10).state_dict()
    with pytest.raises(UsageError, match="length was 10 and is 11"):
        loader(11).load_state_dict(state)
    with pytest.raises(UsageError, match="seed was 0 and is 5"):
        loader(10, seed=5).load_state_dict(state)
    for wrong in ({"length": 0}, {"batch": 0}, {"rank": 1}, {"start": -1}, {"seed": -1}):
        with pytest.raises(UsageError, match="cannot be drawn"):
            loader(**wrong)


def test_workers_hand_out_the_same_batches() -> None:
    assert list(islice(loader(workers=2), 6)) == list(islice(loader(), 6))
    assert torch.utils.data.get_worker_info() is None
