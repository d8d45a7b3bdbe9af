"""Realiz3D on any diffusers transformer: domain shifters, two-stage training, inference-time domain shifting.

    mv = MultiviewModel.wrap(transformer, control_channels=8)
    mv.attach(DomainShifters.for_model(mv, rank=8))
    plan = DomainPlan.train(domains, mv.n_blocks, rng=rng)
    prediction = mv(latents, t, text, control, mode="mixed", n_grid=4, plan=plan, stop=draw_stops(domains, mv.n_blocks))

Names are imported when they are first used: reading and writing training data needs no diffusers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realiz3d.control import Control, ViewpointControl
    from realiz3d.hosts import host_for
    from realiz3d.latents import decode_views, encode_control, encode_views
    from realiz3d.layer_aware import draw_stops
    from realiz3d.multiview import MultiviewModel
    from realiz3d.pipeline import Realiz3DPipeline, Realiz3DPipelineOutput
    from realiz3d.plan import Domain, DomainPlan
    from realiz3d.sampling.shifting import Shifting
    from realiz3d.schedules import NoiseSchedule
    from realiz3d.shifters import DomainShifters
    from realiz3d.text import Text
    from realiz3d.tuning import Tuning, tune_shifting

_WHERE = {
    "Control": "control",
    "Domain": "plan",
    "DomainPlan": "plan",
    "DomainShifters": "shifters",
    "ModelMixin": "shifters",  # diffusers asks a component's library for the base class that knows how to load it
    "MultiviewModel": "multiview",
    "NoiseSchedule": "schedules",
    "Realiz3DPipeline": "pipeline",
    "Realiz3DPipelineOutput": "pipeline",
    "Shifting": "sampling.shifting",
    "Text": "text",
    "Tuning": "tuning",
    "ViewpointControl": "control",
    "decode_views": "latents",
    "draw_stops": "layer_aware",
    "encode_control": "latents",
    "encode_views": "latents",
    "host_for": "hosts",
    "tune_shifting": "tuning",
}

__all__ = [
    "Control",
    "Domain",
    "DomainPlan",
    "DomainShifters",
    "MultiviewModel",
    "NoiseSchedule",
    "Realiz3DPipeline",
    "Realiz3DPipelineOutput",
    "Shifting",
    "Text",
    "Tuning",
    "ViewpointControl",
    "decode_views",
    "draw_stops",
    "encode_control",
    "encode_views",
    "host_for",
    "tune_shifting",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'realiz3d' has no attribute {name!r}")
    return getattr(import_module(f"realiz3d.{_WHERE[name]}"), name)
