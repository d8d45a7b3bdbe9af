"""The VQA protocol: a picture and a question in, the probability of the answer 'yes' out."""

from __future__ import annotations

from typing import Protocol

from groundwork.pictures import Picture


class VqaModel(Protocol):
    """A frozen network. An answer depends on the picture and the question alone."""

    name: str

    def fingerprint(self) -> str:
        """SHA-256 (hex) of weights, preparation and everything else that decides the numbers."""
        ...

    def probability(self, picture: Picture, question: str) -> float:
        """How likely the answer to `question` about a uint8 (H, W, 3) picture is 'yes', in [0, 1]."""
        ...
