"""The viewpoints that a checkpoint was trained on. Apart from what loads models: suites are checked without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def trained_viewpoints(record: Mapping[str, Any]) -> list[list[float]] | None:
    """(azimuth, elevation) in degrees of each view that text_to_multiview was trained on, by a checkpoint's record.

    None in texturing, which reads maps, and where the record does not say.
    """
    config = record.get("config", {})
    synthetic = config.get("data", {}).get("synthetic", {})
    if config.get("task") != "text_to_multiview" or "azimuths_deg" not in synthetic:
        return None
    return [[float(azimuth), float(synthetic.get("elevation_deg", 0.0))] for azimuth in synthetic["azimuths_deg"]]
