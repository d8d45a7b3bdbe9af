"""What would leave a file behind if a pickle were opened, and how a file made to do harm is named: by its idea."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[], bytes]
OPENED = Path(tempfile.gettempdir()) / "a-pickle-was-opened"


class Runs:
    """Touches `OPENED` when its pickle is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (OPENED,)
