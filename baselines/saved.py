"""Modules that a checkpoint holds beside its transformer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from realiz3d.errors import WeightsMissing
from realiz3d.extras import Extra


def load_module(kind: Any, folder: Path) -> Extra:
    """An extra that `save_pretrained` wrote. Raises `WeightsMissing` when it is not there or broken."""
    try:
        found: Extra = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    except Exception as error:  # diffusers raises whatever a broken folder makes it raise
        raise WeightsMissing(
            f"a part of the checkpoint cannot be loaded: {str(error)[:300]}",
            where=str(folder),
            expected=f"a {kind.__name__}, as training writes it",
        ) from error
    return found
