"""The training loop: phases of a method, with accumulation over devices, checkpoints, and exact resuming."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from realiz3d.data import ResumableLoader, SeededBatches
from realiz3d.errors import UsageError
from realiz3d.multiview import MultiviewModel
from realiz3d.schedules import NoiseSchedule
from realiz3d.training.budget import Budget, count_flops, peak_memory
from realiz3d.training.callbacks import Callback, Log
from realiz3d.training.captions import NULL, Captions, PromptEncoder
from realiz3d.training.checkpoint import checkpoints, prune, read_record, read_state, write_checkpoint
from realiz3d.training.config import PhaseSettings, TrainConfig
from realiz3d.training.draws import MicroBatch, assemble, domains_of, draw, places, seed_of
from realiz3d.training.ema import Average
from realiz3d.training.method import Conditions, Method, Phase
from realiz3d.training.samples import Item, Latents, Objects, Pictures, grids_of, objects_of

SUMMARY = "training.json"


@dataclass(frozen=True)
class Material:
    """What is trained on: data, and how they become latents and conditioning. pictures None: no real data."""

    objects: Objects
    pictures: Pictures | None
    latents: Latents
    captions: Captions

    def prepare(self, accelerator: Accelerator) -> None:
        """Encode all captions, shared out among processes, and let the encoder go."""
        pictures = [] if self.pictures is None else self.pictures.captions()
        wanted = list(dict.fromkeys([NULL, *self.objects.captions(), *pictures]))
        if self.captions.cache is not None:
            wanted = wanted[accelerator.process_index :: accelerator.num_processes]
        self.captions.prepare(wanted)
        if isinstance(self.captions.encoder, PromptEncoder):
            self.captions.encoder.release()
            accelerator.free_memory()
        accelerator.wait_for_everyone()


@dataclass(frozen=True)
class Shape:
    """How a step is cut up: `accumulation` forwards of `micro` samples on each of `world` devices.

    synthetic and real are the samples of each kind in one forward.
    """

    world: int
    accumulation: int
    synthetic: int
    real: int

    @classmethod
    def of(cls, phase: Phase, samples: int, micro: int, world: int) -> Shape:
        """Raises `UsageError` when `samples` a step cannot be dealt out evenly."""
        rows = {"samples_per_step": samples, "micro_batch": micro, "devices": world}
        where = ", ".join(f"{name} = {value}" for name, value in rows.items())
        if samples % world:
            raise UsageError("a step's samples cannot be shared among the devices", where=where)
        micro = min(micro, samples // world)
        if samples // world % micro:
            raise UsageError(
                "a step's samples are no whole number of micro batches",
                where=where,
                expected="samples_per_step divisible by devices x micro_batch",
            )
        if phase.mix == "both" and micro % 2:
            raise UsageError(
                f"phase '{phase.name}' mixes synthetic and real samples half and half",
                where=where,
                expected="an even number of samples in every micro batch",
            )
        half = micro // 2
        counts = {"both": (half, half), "synthetic": (micro, 0), "real": (0, micro)}[phase.mix]
        return cls(world, samples // world // micro, *counts)

    @property
    def synthetic_per_step(self) -> int:
        """On all devices."""
        return self.synthetic * self.accumulation * self.world

    @property
    def real_per_step(self) -> int:
        """On all devices."""
        return self.real * self.accumulation * self.world

    def of_forward(self, rank: int, micro: int) -> list[int]:
        """Places, within the step's samples (synthetic ones first), of one forward's samples."""
        synthetic = places(rank, self.world, micro, self.synthetic)
        real = places(rank, self.world, micro, self.real)
        return [*synthetic, *(self.synthetic_per_step + place for place in real)]


@dataclass
class Progress:
    """Where a run stands. phase: the index of the phase under way; step counts optimiser steps of all phases."""

    phase: int = 0
    phase_step: int = 0
    step: int = 0
    budgets: list[Budget] = field(default_factory=list)


class Trainer:
    """Trains one model by one method. Make it with `realiz3d.training.run.build`, or from parts.

    record: what checkpoints say besides the state of training (base, scheduler, hashes).
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        model: MultiviewModel,
        schedule: NoiseSchedule,
        method: Method,
        material: Material,
        out: Path,
        accelerator: Accelerator,
        callbacks: Sequence[Callback] = (),
        record: dict[str, Any] | None = None,
    ) -> None:
        if accelerator.distributed_type not in (
            DistributedType.NO,
            DistributedType.MULTI_GPU,
            DistributedType.MULTI_CPU,
        ):
            raise UsageError(
                f"training under {accelerator.distributed_type.value} is not supported",
                expected="one device, or data-parallel processes (accelerate launch --multi_gpu)",
            )
        self.config, self.method, self.schedule = config, method, schedule
        self.model = model.to(accelerator.device)
        self.material, self.out, self.accelerator = material, out, accelerator
        # callbacks see, print and write: once is enough
        self.callbacks = tuple(callbacks) if accelerator.is_main_process else ()
        self.record = dict(record or {})
        self.phases = method.phases()
        self.progress = Progress()
        self.totals = [self._steps(phase) for phase in self.phases]
        self._stopped = False
        self._compiled = False
        self._ends: set[int] = set()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.accelerator.device
        return device

    def run(self, resume: Path | None = None) -> Path:
        """Train to the end, from a checkpoint if one is given, and return the last checkpoint's folder.

        SIGINT saves a checkpoint and raises `KeyboardInterrupt`; the second one does so at once.
        """
        if not self.phases:
            raise UsageError("there is nothing to train: every phase has 0 steps", where="method")
        state = None if resume is None else self._resume(resume)
        self.material.prepare(self.accelerator)
        last = resume
        for callback in self.callbacks:
            callback.begin(self)
        try:
            with self._watched():
                for index, phase in enumerate(self.phases):
                    self.method.setup(phase, self.model)
                    self.model.to(self.device)
                    if index < self.progress.phase:
                        continue
                    if state is not None and index == self.progress.phase:
                        self.model.load_state_dict(state["model"])
                    if self.progress.phase_step < self.totals[index]:
                        last = self._train(phase, self.totals[index], state)
                    state = None
                    self.progress.phase, self.progress.phase_step = index + 1, 0
        finally:
            for callback in self.callbacks:
                callback.end(self)
        if last is None:
            raise UsageError("there is nothing to train: every phase has 0 steps", where="method")
        return last

    def _train(self, phase: Phase, total: int, state: dict[str, Any] | None) -> Path:
        """One phase, from where `progress` stands."""
        settings, options = phase.settings, self.config.optimisation
        parameters = self._freeze(phase)
        optimizer = torch.optim.AdamW(
            parameters, lr=settings.learning_rate, betas=options.betas, weight_decay=options.weight_decay
        )
        average = None if options.ema_decay is None else Average(parameters, options.ema_decay)
        shape = Shape.of(phase, options.samples_per_step, options.micro_batch, self.accelerator.num_processes)
        loaders = self._loaders(phase, shape)
        if state is not None:
            optimizer.load_state_dict(state["optimizer"])
            if average is not None:
                average.load_state_dict(state["average"])
            for name, loader in loaders.items():
                loader.load_state_dict(state["loaders"][name])
        else:
            self.progress.budgets.append(Budget(phase.name, sum(p.numel() for p in parameters)))
            self.progress.budgets[-1].flops_per_sample = self._probe(phase, shape, loaders)
        budget = self.progress.budgets[-1]
        if options.compile and not self._compiled:
            self.model.compile_blocks()
            self._compiled = True
        network = self._parallel(phase)
        batches = {name: iter(loader) for name, loader in loaders.items()}
        meter = _Meter(self.device)
        mark = time.monotonic()
        folder: Path | None = None
        while self.progress.phase_step < total:
            step = self.progress.phase_step
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, settings, options.schedule, options.ramp_steps)
            conditions = self._conditions(phase, shape, step)
            # hosts with dropout draw from the global generator; everything else has generators of its own
            torch.manual_seed(seed_of(self.config.seed, phase.name, step, self.accelerator.process_index))
            for micro in range(shape.accumulation):
                batch = self._batch(phase, shape, step, micro, conditions, batches)
                with self._sync(network, micro == shape.accumulation - 1), self.autocast():
                    losses = batch.losses(network, self.schedule)
                self.accelerator.backward(losses.mean() / shape.accumulation)
                meter.add(losses.detach(), batch.n_synthetic)
            norm = None
            if options.clip_norm is not None:
                norm = nn.utils.clip_grad_norm_(parameters, options.clip_norm)
            optimizer.step()
            # None, not zero: AdamW moves weights on a gradient of zeros
            optimizer.zero_grad(set_to_none=True)
            if average is not None:
                average.update()
            self.progress.phase_step += 1
            self.progress.step += 1
            budget.steps += 1
            budget.synthetic_samples += shape.synthetic_per_step
            budget.real_samples += shape.real_per_step
            done = self.progress.phase_step == total
            stopped = self._any_stopped()
            saves = done or stopped or self.progress.step % self.config.checkpoints.every_steps == 0
            log = None
            if saves or self.progress.step % self.config.logging.every_steps == 0:
                lr = optimizer.param_groups[0]["lr"]
                log = meter.read(self, phase, total, lr, norm, conditions)
            budget.seconds += time.monotonic() - mark
            budget.peak_memory_bytes = max(budget.peak_memory_bytes, peak_memory(self.device))
            for callback in self.callbacks:
                callback.step(self, log)
            mark = time.monotonic()
            if saves:
                if done and average is not None:
                    average.copy_to_model()  # the phase's result, which the next phase starts from
                folder = self._save(phase, optimizer, average, loaders, done)
                mark = time.monotonic()
            if stopped:
                raise KeyboardInterrupt
        if folder is None:
            raise UsageError("this phase was finished before", where=phase.name)
        return folder

    def _freeze(self, phase: Phase) -> list[nn.Parameter]:
        """Only the phase's parameters may train. Returns them."""
        self.model.train()
        self.model.requires_grad_(False)
        parameters = list(self.method.trainable(phase, self.model))
        for parameter in parameters:
            parameter.requires_grad_(True)
        if not parameters:
            raise UsageError(f"the phase '{phase.name}' trains no parameter", where=self.method.name)
        if self.config.optimisation.gradient_checkpointing:
            self.model.enable_gradient_checkpointing()
        return parameters

    def _parallel(self, phase: Phase) -> nn.Module:
        if self.accelerator.num_processes == 1:
            return self.model
        return DistributedDataParallel(
            self.model,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            broadcast_buffers=False,
            find_unused_parameters=phase.unused_parameters,
        )

    def _sync(self, network: nn.Module, now: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged once a step, in its last backward pass."""
        return nullcontext() if now or not isinstance(network, DistributedDataParallel) else network.no_sync()

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of the run."""
        if self.config.optimisation.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _steps(self, phase: Phase) -> int:
        length = phase.settings.length
        if length.steps is not None:
            return length.steps
        pictures = self.material.pictures
        seen = len(self.material.objects)
        share = 0.5 if phase.mix == "both" else 1.0
        if phase.mix == "real" and pictures is not None:
            seen = len(pictures) // self.model.n_views
        return math.ceil((length.epochs or 0.0) * seen / (share * self.config.optimisation.samples_per_step) - 1e-9)

    def _loaders(self, phase: Phase, shape: Shape) -> dict[str, ResumableLoader[Item, list[Item]]]:
        wanted: dict[str, tuple[Objects | Pictures, int]] = {}
        if shape.synthetic:
            wanted["synthetic"] = (self.material.objects, shape.synthetic)
        if shape.real:
            if self.material.pictures is None:
                raise UsageError(f"phase '{phase.name}' learns from real pictures", expected="data.real")
            wanted["real"] = (self.material.pictures, shape.real * self.model.n_views)
        return {
            name: ResumableLoader(
                data,
                SeededBatches(
                    len(data),
                    size,
                    seed=seed_of(self.config.seed, phase.name, name, "order"),
                    rank=self.accelerator.process_index,
                    world_size=shape.world,
                ),
                list,
                workers=self.config.data.workers,
            )
            for name, (data, size) in wanted.items()
        }

    def _conditions(self, phase: Phase, shape: Shape, step: int) -> Conditions:
        """Of all samples of a step; every process draws the same."""
        rng = torch.Generator().manual_seed(seed_of(self.config.seed, phase.name, step, "conditions"))
        domains = domains_of(shape.synthetic_per_step, shape.real_per_step)
        return self.method.conditions(phase, self.model, domains, rng)

    def _batch(
        self,
        phase: Phase,
        shape: Shape,
        step: int,
        micro: int,
        conditions: Conditions,
        batches: dict[str, Iterator[list[Item]]],
    ) -> MicroBatch:
        rank = self.accelerator.process_index
        parts = []
        for name, per_step, size in (
            ("synthetic", shape.synthetic_per_step, shape.synthetic),
            ("real", shape.real_per_step, shape.real),
        ):
            if name not in batches:
                continue
            items = self.material.latents.encode(next(batches[name]))
            samples = objects_of(items) if name == "synthetic" else grids_of(items, self.model.n_views)
            first = step * per_step + places(rank, shape.world, micro, size).start
            drawn = draw(
                samples,
                first,
                seed=f"{self.config.seed} {phase.name}",
                schedule=self.schedule,
                dropout_p=self.config.data.text_dropout_p,
                timesteps=self.config.optimisation.timesteps,
            )
            parts.append((samples, drawn))
        mine = conditions.of(shape.of_forward(rank, micro))
        return assemble(parts, mine, self.material.captions, self.viewpoints(), self.device)

    def viewpoints(self) -> Tensor | None:
        """(V, 2) azimuth and elevation of synthetic samples in radians; None in texturing."""
        if self.config.task != "text_to_multiview":
            return None
        source = self.config.data.synthetic
        angles = [(azimuth, source.elevation_deg) for azimuth in source.azimuths_deg]
        return torch.deg2rad(torch.tensor(angles, dtype=torch.float64)).float()

    def _probe(self, phase: Phase, shape: Shape, loaders: dict[str, ResumableLoader[Item, list[Item]]]) -> float:
        """FLOPs a sample, on the main process."""
        if not self.accelerator.is_main_process:
            return 0.0
        batches = {
            name: iter([[loader.dataset[index] for index in loader.batches.batch_at(0)]])
            for name, loader in loaders.items()
        }
        batch = self._batch(phase, shape, 0, 0, self._conditions(phase, shape, 0), batches)
        with self.autocast():
            return count_flops(self.model, batch, self.schedule)

    def _save(
        self,
        phase: Phase,
        optimizer: torch.optim.Optimizer,
        average: Average | None,
        loaders: dict[str, ResumableLoader[Item, list[Item]]],
        done: bool,
    ) -> Path:
        folder = self.out / "checkpoints" / f"step_{self.progress.step}"
        if done:
            self._ends.add(self.progress.step)
        if self.accelerator.is_main_process:
            state = {
                "phase": self.progress.phase,
                "phase_step": self.progress.phase_step,
                "step": self.progress.step,
                "model": self.model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": None if average is None else average.state_dict(),
                "loaders": {name: loader.state_dict() for name, loader in loaders.items()},
                "budgets": [vars(budget) for budget in self.progress.budgets],
                "ends": sorted(self._ends),
            }

            def save(folder: Path) -> None:
                with nullcontext() if average is None or done else average.applied():
                    self.method.save(self.model, folder)

            # the state shares memory with the model: averages must be in place only while the modules are written
            write_checkpoint(self.out, self.progress.step, self._record(phase, done), state, save)
            self._summarise()
            if self.config.checkpoints.keep is not None:
                prune(self.out, self.config.checkpoints.keep, self._ends)
            for callback in self.callbacks:
                callback.checkpoint(self, folder)
        self.accelerator.wait_for_everyone()
        return folder

    def _record(self, phase: Phase, done: bool) -> dict[str, Any]:
        return {
            **self.record,
            "model": self.model.config(),
            "task": self.config.task,
            "method": {"name": self.method.name, "settings": self.method.describe()},
            "stage": phase.name,
            "stage_finished": done,
            "step": self.progress.step,
            "config": self.config.model_dump(mode="json"),
        }

    def _summarise(self) -> None:
        """`training.json`: what it has cost so far."""
        content = {
            "name": self.config.name,
            "method": self.method.name,
            "hashes": self.record.get("hashes", {}),
            "device": str(self.device) if self.device.type == "cpu" else torch.cuda.get_device_name(self.device),
            "processes": self.accelerator.num_processes,
            "precision": self.config.optimisation.precision,
            "versions": self.record.get("versions", {}),
            "finished": self.progress.step == sum(self.totals),
            "phases": [budget.to_json() for budget in self.progress.budgets],
        }
        part = self.out / f".{SUMMARY}.part"
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        part.replace(self.out / SUMMARY)

    def _resume(self, folder: Path) -> dict[str, Any]:
        record = read_record(folder)
        then, now = record.get("hashes", {}), self.record.get("hashes", {})
        changed = [name for name in now if then.get(name) != now[name]]
        if changed:
            raise UsageError(
                f"the run cannot go on: {' and '.join(changed)} changed since",
                where=str(folder),
                expected="the config and data of the interrupted run",
                hint="restore them, or choose another --out",
            )
        state = read_state(folder)
        budgets = [Budget(**budget) for budget in state["budgets"]]
        self.progress = Progress(state["phase"], state["phase_step"], state["step"], budgets)
        self._ends = {step for step in state["ends"] if step in checkpoints(self.out)}
        return state

    def _any_stopped(self) -> bool:
        if self.accelerator.num_processes == 1:
            return self._stopped
        flag = torch.tensor(float(self._stopped), device=self.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """SIGINT asks for a checkpoint after the current step."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            if self._stopped:
                raise KeyboardInterrupt
            self._stopped = True

        try:
            before: Callable[..., Any] | int | None = signal.signal(signal.SIGINT, stop)
        except ValueError:  # not the main thread: whoever runs it there handles signals
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def learning_rate(step: int, total: int, settings: PhaseSettings, schedule: str, ramp: int) -> float:
    """The learning rate of a phase's step: a linear ramp, then constant, or half a cosine to zero at the end."""
    rate = settings.learning_rate
    if step < ramp:
        return rate * (step + 1) / ramp
    if schedule == "constant":
        return rate
    return rate * 0.5 * (1 + math.cos(math.pi * (step - ramp) / max(1, total - ramp)))


class _Meter:
    """Losses since the last log, kept on the device so that no step waits for them."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(4, device=device, dtype=torch.float64)
        self.start, self.steps = time.monotonic(), 0

    def add(self, losses: Tensor, n_synthetic: int) -> None:
        """Losses of one forward, synthetic samples first."""
        synthetic, real = losses[:n_synthetic].double(), losses[n_synthetic:].double()
        self.sums += torch.stack(
            [synthetic.sum(), self.sums.new_tensor(len(synthetic)), real.sum(), self.sums.new_tensor(len(real))]
        )

    def read(
        self, trainer: Trainer, phase: Phase, total: int, lr: float, norm: Tensor | None, conditions: Conditions
    ) -> Log:
        """The means over all processes since the last call. Raises `UsageError` when the loss is not finite."""
        sums = trainer.accelerator.reduce(self.sums, "sum").tolist()
        elapsed = time.monotonic() - self.start
        self.sums.zero_()
        self.start = time.monotonic()
        loss = (sums[0] + sums[2]) / (sums[1] + sums[3])
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss is {loss} at step {trainer.progress.step}",
                where=phase.name,
                hint="lower the phase's learning_rate, set optimisation.clip_norm, or try precision: float32. The last "
                "checkpoint is sound",
            )
        plan = conditions.plan
        return Log(
            phase=phase.name,
            step=trainer.progress.step,
            phase_step=trainer.progress.phase_step,
            phase_steps=total,
            loss=loss,
            loss_synthetic=sums[0] / sums[1] if sums[1] else None,
            loss_real=sums[2] / sums[3] if sums[3] else None,
            learning_rate=lr,
            gradient_norm=None if norm is None else float(norm),
            samples_per_second=(sums[1] + sums[3]) / max(elapsed, 1e-9),
            stop=None if conditions.stop is None else int(conditions.stop.max()),
            reassigned=None if plan is None else plan.settings.get("last_reassigned_block"),
        )
