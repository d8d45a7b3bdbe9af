"""The front view again where another view was asked for: right in colours, kind and texture, and flat."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from bench.generators.cheats.cheat import Cheat, CheatOptions, Floats, Stage
from bench.generators.cheats.filtered import own_paint


class FrontViewOptions(CheatOptions):
    """Options of `front_view`."""

    where: Literal["all", "back"] = Field(
        "all", description="views that show the front: all, or only the back, mirrored"
    )
    outline: Literal["own", "front"] = Field("own", description="cut out by each view's own outline, or the front's")


class FrontView(Cheat):
    """Calibration: the truth's front view in every view, or its mirror image as the back (a Janus head)."""

    Options: ClassVar[type[BaseModel]] = FrontViewOptions

    def paint(self, stage: Stage) -> Floats:
        """The back is the view half way round the ring."""
        views = stage.truth.views / 255.0
        paint, _ = own_paint(stage)
        kept = self.options.outline == "front"
        shown = views[0] if kept else paint[0]
        if self.options.where == "all":
            front = np.broadcast_to(shown, views.shape)
            return np.array(front) if kept else stage.framed(front)
        back = len(views) // 2
        made = np.array(views if kept else paint)
        made[back] = shown[:, ::-1]
        return made if kept else stage.framed(made)
