"""Names that look the same and are not: letters of other scripts, signs that nobody sees, blanks and accents.

`skeleton` is what a hurried reader takes in. Two developers whose names have one skeleton and different letters are
one name spelled in two ways, or one that passes itself off as the other. The letters are those of Cyrillic and Greek
that Unicode's confusables (UTS 39) list beside a Latin one; full-width and mathematical letters are plain under NFKD.
"""

from __future__ import annotations

import unicodedata

_LATIN = {
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ҽ": "e", "һ": "h", "і": "i", "ї": "i", "ј": "j", "к": "k",
    "ӏ": "l", "м": "m", "н": "h", "п": "n", "о": "o", "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "у": "y", "ѵ": "v",
    "ԝ": "w", "х": "x", "ү": "y", "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "u", "ν": "v",
    "ο": "o", "ρ": "p", "σ": "o", "τ": "t", "υ": "u", "χ": "x", "ω": "w", "ϲ": "c", "ϳ": "j", "ı": "i", "ɑ": "a",
    "ɡ": "g", "ɩ": "i", "ʋ": "u", "օ": "o", "ս": "u", "հ": "h", "ո": "n", "ł": "l", "ø": "o", "ß": "ss", "đ": "d",
    "0": "o", "1": "l", "|": "l", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "_": "-",
}  # fmt: skip


def skeleton(name: str) -> str:
    """A name as a hurried reader sees it: no accents, no case, no blanks, letters of other scripts as Latin ones."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    kept = (letter for letter in plain if unicodedata.category(letter) not in ("Mn", "Me", "Cf", "Zs"))
    return "".join(_LATIN.get(letter, letter) for letter in kept).replace("i", "l")
