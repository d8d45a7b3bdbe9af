"""Kinds of text that an entry may hold. Entries come from strangers, and are shown on pages and written into tables."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from groundwork.hashing import hash_bytes
from groundwork.texts import visible

_SLUG = 40


def _one_line(text: str) -> str:
    if text != text.strip() or not text:
        raise ValueError("expected a text that does not begin or end with blanks, and is not empty")
    return _harmless(text, "")


def _lines(text: str) -> str:
    return _harmless(text, "\n\t")


def _harmless(text: str, allowed: str) -> str:
    """Letters of all scripts are welcome; what drives terminals, or turns the reading order of what follows, is not."""
    if visible(text) != text or any(letter in "\ufffe\uffff" for letter in text):
        raise ValueError("expected a text without control characters and marks that reverse the reading direction")
    if any(letter in "\n\t" and letter not in allowed for letter in text):
        raise ValueError("expected a text on one line")
    return text


def _web_address(text: str) -> str:
    _one_line(text)
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s<>\"'`\\]", text):
        raise ValueError("expected a web address that begins with http:// or https:// and holds no password")
    return text


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("expected a day that there is, such as 2026-05-14") from error
    return text


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]
"""A name, on one line."""

Line = Annotated[str, Field(max_length=400), AfterValidator(lambda text: _harmless(text, ""))]
"""A remark on one line; may be empty."""

Prose = Annotated[str, Field(max_length=4000), AfterValidator(_lines)]
"""Some sentences; may be empty."""

Prompt = Annotated[str, Field(max_length=200_000), AfterValidator(_lines)]
"""A prompt of a suite's case: whatever the suite's author wrote."""

Signature = Annotated[str, Field(max_length=2000), AfterValidator(lambda text: _harmless(text, ""))]
"""A metric's signature."""

Url = Annotated[str, Field(max_length=500), AfterValidator(_web_address)]
"""A web address."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal digits."""

Date = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"), AfterValidator(_day)]
"""A day: 2026-05-14."""


def slug(text: str) -> str:
    """A name as a folder's name on every system: `Café Lab` is `cafe-lab`; names that leave nothing get their hash."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:_SLUG].strip("-.")
    return words or hash_bytes(text.encode())[:12]


def shown(text: str, limit: int = 300) -> str:
    """A text that may be long, cut for a page or a message."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
