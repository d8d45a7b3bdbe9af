"""Files made to do harm: each is read as what it is, or refused in a sentence, soon and in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_files import KINDS, outcome, warm_up
from hostile_pickle import OPENED

SLOW = {
    "GIF of 100,000 frames", "PNG of 8192 x 8192 zeros", "50,000 chunks", "60,000 nodes with the mesh",
    "one mesh of 60,000 equal parts", "a chain of 60,000 nodes", "extras of a million keys", "a million keys",
    "20 million equal rows", "11,000 parts of one row", "a text of 1 MB in 100,000 rows", "1 GB of zeros",
    "100,000 members", "a name of 512 MB", "a pax header of 512 MB", "2 GB of zeros", "zip of 1 GB",
    "iCCP bomb", "zTXt bomb", "iTXt bombs", "IDAT longer than its size", "a member that lies about its size",
}  # fmt: skip
SECONDS, BYTES = 60.0, 1 << 30  # generous: tests run beside others
IDEAS = [
    pytest.param(kind, idea, marks=[pytest.mark.slow] if idea in SLOW else [], id=f"{kind}: {idea}")
    for kind, (_, _, makes) in KINDS.items()
    for idea in makes
]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    warm_up()


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="forks")
@pytest.mark.parametrize(("kind", "idea"), IDEAS)
def test_it_does_no_harm(kind: str, idea: str, tmp_path: Path) -> None:
    end, words, seconds, used = outcome(kind, idea, tmp_path)
    assert end in ("read", "refused"), words
    assert seconds < SECONDS and used < BYTES
    assert (end == "read") == (words == "")
    assert not OPENED.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {KINDS[kind][0], "samples"}
