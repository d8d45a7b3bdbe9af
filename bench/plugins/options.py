"""The options of a plug-in that has none."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class NoOptions(BaseModel):
    """This plug-in takes no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)
