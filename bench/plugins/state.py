"""What all code of a process shares, put back as it was after each call of a plug-in.

The current directory, numpy's treatment of floating-point errors, torch's default type, device and gradients: changed
by one plug-in, they would fail another. One that has the process for itself may keep them as it likes (`own_process`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np

_shared = True


@contextmanager
def own_process() -> Iterator[None]:
    """Leave the state to the plug-in that runs meanwhile: nobody else is here."""
    global _shared
    before, _shared = _shared, False
    try:
        yield
    finally:
        _shared = before


def remember() -> Callable[[], None]:
    """A function that puts the shared state back as it is now."""
    if not _shared:
        return lambda: None
    floats, folder, torch = np.geterr(), _folder(), sys.modules.get("torch")
    defaults = None
    if torch is not None:
        defaults = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()

    def restore() -> None:
        if np.geterr() != floats:
            np.seterr(**floats)
        if folder is not None and _folder() != folder:
            with suppress(OSError):
                os.chdir(folder)
        if torch is not None and defaults is not None:
            dtype, device, gradients = defaults
            if torch.get_default_dtype() != dtype:
                torch.set_default_dtype(dtype)
            if torch.get_default_device() != device:
                torch.set_default_device(None if device.type == "cpu" else device)
            if torch.is_grad_enabled() != gradients:
                torch.set_grad_enabled(gradients)

    return restore


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  called often
    except OSError:  # removed meanwhile
        return None
