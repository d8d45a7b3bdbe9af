"""The few words that results are described in."""

from __future__ import annotations

from typing import Literal, get_args

Direction = Literal["up", "down"]
"""Which way is better."""

Axis = Literal["realism", "consistency", "control", "text", "speed"]
"""What a result judges: is it like photographs, do the views agree, does it follow the given shape, does it show what
was asked, and what does it cost."""

Status = Literal["ok", "not_measurable", "weights_missing", "failed"]
"""Whether there is a number, and if not, why."""

Role = Literal["ceiling", "floor"]
"""A generator that is known by construction: the best or the worst that each object's scores are set against."""

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
AXES: tuple[Axis, ...] = get_args(Axis)
STATUSES: tuple[Status, ...] = get_args(Status)
