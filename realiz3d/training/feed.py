"""What a method's phases are fed with: the next micro batch, whatever it takes to make it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from groundwork.hashing import content_seed
from realiz3d.data import ResumableLoader, SeededBatches
from realiz3d.errors import UsageError
from realiz3d.multiview import MultiviewModel
from realiz3d.schedules import NoiseSchedule
from realiz3d.training.captions import NULL, Captions, PromptEncoder
from realiz3d.training.config import TrainConfig
from realiz3d.training.draws import MicroBatch, assemble, draw
from realiz3d.training.method import Conditions, Method, Phase
from realiz3d.training.processes import Processes
from realiz3d.training.samples import Item, Latents, Objects, Pictures, Remembered, grids_of, objects_of
from realiz3d.training.shape import Shape, domains_of, places

Loader = ResumableLoader[Item, list[Item]]
Batches = Mapping[str, Iterator[list[Item]]]


@dataclass(frozen=True)
class Material:
    """What is trained on: data, and how they become latents and conditioning. pictures None: no real data."""

    objects: Objects
    pictures: Pictures | None
    latents: Latents
    captions: Captions

    def prepare(self, processes: Processes) -> None:
        """Encode all captions, shared out among processes, and let the encoder go."""
        pictures = [] if self.pictures is None else self.pictures.captions()
        wanted = list(dict.fromkeys([NULL, *self.objects.captions(), *pictures]))
        if self.captions.cache is not None:
            wanted = wanted[processes.process_index :: processes.num_processes]
        self.captions.prepare(wanted)
        if isinstance(self.captions.encoder, PromptEncoder):
            self.captions.encoder.release()
            processes.free_memory()
        processes.wait_for_everyone()


class Feed:
    """Makes the micro batches of one process. rank: of this process; device: where batches go."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        model: MultiviewModel,
        method: Method,
        material: Material,
        schedule: NoiseSchedule,
        rank: int,
        device: torch.device,
    ) -> None:
        self.config, self.model, self.method = config, model, method
        self.material, self.schedule, self.rank, self.device = material, schedule, rank, device

    def steps(self, phase: Phase) -> int:
        """Optimiser steps of a phase. An epoch is a pass over the objects or, without them, over grids of pictures."""
        length, pictures = phase.settings.length, self.material.pictures
        if length.steps is not None:
            return length.steps
        seen = len(self.material.objects)
        if phase.mix == "real" and pictures is not None:
            seen = len(pictures) // self.model.n_views
        per_step = (0.5 if phase.mix == "both" else 1.0) * self.config.optimisation.samples_per_step
        return math.ceil((length.epochs or 0.0) * seen / per_step - 1e-9)

    def loaders(self, phase: Phase, shape: Shape) -> dict[str, Loader]:
        """Loaders of the phase's samples, 'synthetic' and 'real', in an order of the phase's own."""
        wanted: dict[str, tuple[Objects | Pictures, int]] = {}
        if shape.synthetic:
            wanted["synthetic"] = (self.material.objects, shape.synthetic)
        if shape.real:
            if self.material.pictures is None:
                raise UsageError(f"phase '{phase.name}' learns from real pictures", expected="data.real")
            wanted["real"] = (self.material.pictures, shape.real * self.model.n_views)
        return {name: self._loader(phase, shape, name, data, size) for name, (data, size) in wanted.items()}

    def _loader(self, phase: Phase, shape: Shape, name: str, data: Objects | Pictures, size: int) -> Loader:
        seed = content_seed(self.config.seed, phase.name, name, "order")
        batches = SeededBatches(len(data), size, seed=seed, rank=self.rank, world_size=shape.world)
        items = Remembered(data) if self.config.data.in_memory else data
        return ResumableLoader(items, batches, list, workers=self.config.data.workers)

    def conditions(self, phase: Phase, shape: Shape, step: int) -> Conditions:
        """Of all samples of a step; every process draws the same."""
        rng = torch.Generator().manual_seed(content_seed(self.config.seed, phase.name, step, "conditions"))
        domains = domains_of(shape.synthetic_per_step, shape.real_per_step)
        return self.method.conditions(phase, self.model, domains, rng)

    def batch(
        self, phase: Phase, shape: Shape, step: int, micro: int, conditions: Conditions, batches: Batches
    ) -> MicroBatch:
        """The next micro batch. conditions: of the whole step; batches: running iterators of the loaders."""
        parts = []
        for name, per_step, size in (
            ("synthetic", shape.synthetic_per_step, shape.synthetic),
            ("real", shape.real_per_step, shape.real),
        ):
            if name not in batches:
                continue
            items = self.material.latents.encode(next(batches[name]))
            samples = objects_of(items) if name == "synthetic" else grids_of(items, self.model.n_views)
            drawn = draw(
                samples,
                step * per_step + places(self.rank, shape.world, micro, size).start,
                seed=f"{self.config.seed} {phase.name}",
                schedule=self.schedule,
                dropout_p=self.config.data.text_dropout_p,
                timesteps=self.config.optimisation.timesteps,
            )
            parts.append((samples, drawn))
        mine = conditions.of(shape.of_forward(self.rank, micro))
        return assemble(parts, mine, self.material.captions, self.viewpoints(), self.device)

    def first_batch(self, phase: Phase, shape: Shape, loaders: Mapping[str, Loader]) -> MicroBatch:
        """The phase's first micro batch, without moving the loaders on."""
        batches = {
            name: iter([[loader.dataset[index] for index in loader.batches.batch_at(0)]])
            for name, loader in loaders.items()
        }
        return self.batch(phase, shape, 0, 0, self.conditions(phase, shape, 0), batches)

    def viewpoints(self) -> Tensor | None:
        """(V, 2) azimuth and elevation of synthetic samples in radians; None in texturing."""
        if self.config.task != "text_to_multiview":
            return None
        source = self.config.data.synthetic
        angles = [(azimuth, source.elevation_deg) for azimuth in source.azimuths_deg]
        return torch.deg2rad(torch.tensor(angles, dtype=torch.float64)).float()
