"""Text formats' bytes as lines."""

from __future__ import annotations


def text_lines(data: bytes) -> list[str]:
    """Lines of UTF-8 with or without a byte order mark, else of Latin-1, which never fails; a `\\` at an end joins two.

    Lines end as text files' do, in `\\n`, `\\r\\n` or `\\r`, and not at the other characters that Unicode counts as
    breaks: in Latin-1 one of them is a byte of names in other encodings.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\\\n", " ").split("\n")
