"""Notes: what people should know although nothing failed, such as files that were left out.

Any room can tell one; the command line prints it as a line of its own, in Python code it is a warning that can be
filtered or turned into an error.
"""

from __future__ import annotations

import warnings


class Note(UserWarning):
    """Something that was left out, or that a number may depend on."""


def tell(text: str) -> None:
    """Tell people `text`, once for each text and process."""
    warnings.warn(text, Note, stacklevel=3)
