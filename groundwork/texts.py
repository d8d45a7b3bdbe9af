"""Strangers' text made safe to look at: what would drive a terminal, or turn the line around it, becomes visible."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d\u00ad"  # invisible, and part of how some languages and emoji are written


def visible(text: str) -> str:
    r"""`text` with control characters, bidirectional overrides and lone surrogates spelled out, as in `\x1b`.

    Line breaks and tabs stay, and so does every letter of every script.

    >>> visible("a cow\x1b[2J")
    'a cow\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(ascii(letter)[1:-1] if _acts(letter) else letter for letter in text)


def _acts(letter: str) -> bool:
    if letter in "\n\t" or letter in _JOINERS:
        return False
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
