"""Kinds of objects: what a prompt names, and what EfficientNet-Lite0 sees.

`imagenet`: the network's own classifier. The words are the names of its classes, their last words ('penguin' for 'king
penguin'), and everyday words for groups of them. `miniworld`: a linear layer on the same network's features, fitted to
renders of the mini-world's training objects: other objects of the same kinds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from bench.extractors.efficientnet_lite0 import POOLED, backbone, load_network, weights_path
from bench.geometry.bounding_box import bounding_box
from groundwork.hashing import hash_file
from groundwork.late import late
from groundwork.pictures import RGB, Picture, PictureRGBA, composite

if TYPE_CHECKING:
    import torch
else:
    torch = late("torch")

Kinds = Literal["imagenet", "miniworld"]
FOLDER = Path(__file__).parent
NOUNS_FILE = FOLDER / "imagenet_nouns.tsv"
MINIWORLD_FILE = FOLDER / "miniworld_kinds.npz"
_MARGIN = 1.25  # side of the crop, in objects

Scores = npt.NDArray[np.float64]  # log probabilities (classes,)


def named_kind(prompt: str, kinds: Kinds) -> str:
    """The word of `kinds` that a prompt names; '' when it names none. What comes after 'with' is a part.

    >>> named_kind("A king penguin with a large white belly", "imagenet")
    'king penguin'
    """
    known = vocabulary(kinds)
    for part in (re.split(r"\bwith\b", prompt.lower())[0], prompt.lower()):
        words = [word.removesuffix("s") if word not in known else word for word in re.findall(r"[a-z'-]+", part)]
        for length in (4, 3, 2, 1):
            phrases = [" ".join(words[start : start + length]) for start in range(len(words) - length, -1, -1)]
            if found := [phrase for phrase in phrases if phrase in known]:
                return found[0]
    return ""


@lru_cache(maxsize=2)
def vocabulary(kinds: Kinds) -> Mapping[str, tuple[int, ...]]:
    """Words, and the classes that each stands for."""
    if kinds == "miniworld":
        return {str(noun): (number,) for number, noun in enumerate(_miniworld()["nouns"])}
    lines = (line.split("\t") for line in NOUNS_FILE.read_text(encoding="utf-8").splitlines())
    return {phrase: tuple(map(int, classes.split())) for phrase, classes in lines}


def kinds_digest(kinds: Kinds) -> str:
    """SHA-256 (hex) of the words, or of the layer."""
    return hash_file(NOUNS_FILE if kinds == "imagenet" else MINIWORLD_FILE)


def object_picture(cut: PictureRGBA, background: RGB) -> Picture:
    """A cut-out's square with a margin, on `background`: pictures show kinds at any size. Empty ones as they were."""
    box = bounding_box(torch.from_numpy(cut[..., 3] > 0))
    if box is None:
        return np.ascontiguousarray(cut[..., :3])
    rows, columns = box
    side = round(max(rows.stop - rows.start, columns.stop - columns.start) * _MARGIN)
    canvas = np.zeros((side, side, 4), dtype=np.uint8)
    top, left = (side - (rows.stop - rows.start)) // 2, (side - (columns.stop - columns.start)) // 2
    canvas[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start] = cut[rows, columns]
    return composite(canvas, background)


def pooled_features(cuts: Sequence[PictureRGBA], background: RGB, device: str) -> npt.NDArray[np.float32]:
    """EfficientNet-Lite0's pooled features of cut-out objects, (n, 1280). Raises `WeightsMissing`."""
    network = backbone(device)
    prepared = [network.prepare(object_picture(cut, background)) for cut in cuts]
    rows = [
        network.forward(prepared[start : start + network.batch])[POOLED]
        for start in range(0, len(prepared), network.batch)
    ]
    return np.concatenate(rows)


def kind_scores(features: npt.NDArray[np.float32], kinds: Kinds) -> Scores:
    """Mean over views of the classes' log probabilities, (classes,), from pooled features (V, 1280)."""
    if kinds == "miniworld":
        layer = _miniworld()
        units = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
        logits = torch.from_numpy(units @ layer["weight"].astype(np.float32).T + layer["bias"].astype(np.float32))
    else:
        logits = _classifier()(torch.from_numpy(features))
    return np.asarray(torch.log_softmax(logits.double(), dim=1).mean(dim=0).numpy())


def kind_fit(scores: Scores, word: str, kinds: Kinds) -> float:
    """The log probability of the word's classes together."""
    return float(np.logaddexp.reduce(scores[list(vocabulary(kinds)[word])]))


@lru_cache(maxsize=1)
def _classifier() -> torch.nn.Module:
    return load_network(weights_path()).classifier


@lru_cache(maxsize=1)
def _miniworld() -> Mapping[str, npt.NDArray[np.generic]]:
    with np.load(MINIWORLD_FILE, allow_pickle=False) as arrays:
        return dict(arrays)
