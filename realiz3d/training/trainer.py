"""The training loop: phases of a method, with accumulation over devices, checkpoints, and exact resuming."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parallel import DistributedDataParallel

from groundwork.files import write_atomically
from groundwork.hashing import content_seed
from groundwork.notes import tell
from realiz3d.errors import UsageError
from realiz3d.multiview import MultiviewModel
from realiz3d.schedules import NoiseSchedule
from realiz3d.training.budget import Budget, count_flops, peak_memory
from realiz3d.training.callbacks import Callback, Log
from realiz3d.training.checkpoint import checkpoints, prune, read_record, read_state, write_checkpoint
from realiz3d.training.config import TrainConfig
from realiz3d.training.ema import Average
from realiz3d.training.feed import Feed, Loader, Material
from realiz3d.training.interrupt import Interrupt
from realiz3d.training.meter import Meter
from realiz3d.training.method import Conditions, Method, Phase
from realiz3d.training.precision import computed_in
from realiz3d.training.processes import Processes
from realiz3d.training.section import PhaseSettings
from realiz3d.training.shape import Shape

SUMMARY = "training.json"
_RECORDED = {
    "config": "the config", "base": "the base model", "synthetic": "the synthetic data", "real": "the real pictures"
}  # fmt: skip


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
        processes: Processes,
        callbacks: Sequence[Callback] = (),
        record: dict[str, Any] | None = None,
    ) -> None:
        self.config, self.method, self.schedule = config, method, schedule
        self.model = model.to(processes.device)
        self.material, self.out, self.processes = material, out, processes
        self.precision = computed_in(config.optimisation.precision, processes.device)
        # callbacks see, print and write: once is enough
        self.callbacks = tuple(callbacks) if processes.is_main_process else ()
        self.record = dict(record or {})
        self.phases = method.phases()
        self.progress = Progress()
        self.feed = Feed(
            config,
            model=model,
            method=method,
            material=material,
            schedule=schedule,
            rank=processes.process_index,
            device=processes.device,
        )
        self.totals = [self.feed.steps(phase) for phase in self.phases]
        self._average: Average | None = None
        self._interrupt = Interrupt()
        self._compiled = False
        self._ends: set[int] = set()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.processes.device
        return device

    def run(self, resume: Path | None = None) -> Path:
        """Train to the end, from a checkpoint if one is given, and return the last checkpoint's folder.

        SIGINT saves a checkpoint and raises `KeyboardInterrupt`; the second one does so at once.
        """
        if not self.phases:
            raise UsageError("there is nothing to train: every phase has 0 steps", where="method")
        state = None if resume is None else self._resume(resume)
        if self.precision != self.config.optimisation.precision and self.processes.is_main_process:
            tell("this processor would take eight times as long to imitate bfloat16, which it lacks: float32 is used")
        self.material.prepare(self.processes)
        last = resume
        for callback in self.callbacks:
            callback.begin(self)
        try:
            with self._interrupt.watched():
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
            parameters,
            lr=settings.learning_rate,
            betas=options.betas,
            weight_decay=options.weight_decay,
            # one pass over a parameter instead of a dozen: a tenth of a small model's step
            fused=self.device.type in ("cpu", "cuda"),
        )
        average = None if options.ema_decay is None else Average(parameters, options.ema_decay)
        self._average = average
        shape = Shape.of(phase, options.samples_per_step, options.micro_batch, self.processes.num_processes)
        loaders = self.feed.loaders(phase, shape)
        if state is not None:
            optimizer.load_state_dict(state["optimizer"])
            if average is not None:
                average.load_state_dict(state["average"])
            for name, loader in loaders.items():
                loader.load_state_dict(state["loaders"][name])
        else:
            self.progress.budgets.append(Budget(phase.name, sum(p.numel() for p in parameters)))
            self.progress.budgets[-1].flops_per_sample = self._flops(phase, shape, loaders)
        budget = self.progress.budgets[-1]
        if options.compile and not self._compiled:
            self.model.compile_blocks()
            self._compiled = True
        network = self._parallel(phase)
        batches = {name: iter(loader) for name, loader in loaders.items()}
        meter = Meter(self.device)
        mark = time.monotonic()
        folder: Path | None = None
        while self.progress.phase_step < total:
            step = self.progress.phase_step
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, settings, options.schedule, options.ramp_steps)
            conditions = self.feed.conditions(phase, shape, step)
            # hosts with dropout draw from the global generator; everything else has generators of its own
            torch.manual_seed(content_seed(self.config.seed, phase.name, step, self.processes.process_index))
            for micro in range(shape.accumulation):
                batch = self.feed.batch(phase, shape, step, micro, conditions, batches)
                with self._sync(network, micro == shape.accumulation - 1), self.autocast():
                    losses = batch.losses(network, self.schedule)
                # not accelerate's: it would divide and scale by what a launcher's environment says
                (losses.mean() / shape.accumulation).backward()  # type: ignore[no-untyped-call]
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
            stopped = self._interrupt.anywhere(self.processes)
            saves = done or stopped or self.progress.step % self.config.checkpoints.every_steps == 0
            log = None
            if saves or self.progress.step % self.config.logging.every_steps == 0:
                lr = optimizer.param_groups[0]["lr"]
                log = self._log(meter, phase, total, lr, norm, conditions)
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
        if self.processes.num_processes == 1:
            return self.model
        return DistributedDataParallel(
            self.model,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            broadcast_buffers=False,
            find_unused_parameters=phase.unused_parameters,
        )

    def _sync(self, network: nn.Module, now: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged once per step, in its last backward pass."""
        return nullcontext() if now or not isinstance(network, DistributedDataParallel) else network.no_sync()

    def averaged(self) -> AbstractContextManager[None]:
        """The model as a checkpoint of this step would hold it: with averaged weights, where they are averaged."""
        return nullcontext() if self._average is None else self._average.applied()

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of the run, and its kernels of attention."""
        stack = ExitStack()
        if self.precision == "bfloat16":
            stack.enter_context(torch.autocast(self.device.type, dtype=torch.bfloat16))
        if self.config.optimisation.attention == "math":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        return stack

    def _flops(self, phase: Phase, shape: Shape, loaders: Mapping[str, Loader]) -> float:
        """FLOPs a sample, on the main process."""
        if not self.processes.is_main_process:
            return 0.0
        batch = self.feed.first_batch(phase, shape, loaders)
        with self.autocast():
            return count_flops(self.model, batch, self.schedule)

    def _log(
        self, meter: Meter, phase: Phase, total: int, rate: float, norm: Tensor | None, conditions: Conditions
    ) -> Log:
        """Read the meter. Raises `UsageError` when the loss is not finite."""
        reading = meter.read(self.processes)
        if not math.isfinite(reading.loss):
            raise UsageError(
                f"the loss is {reading.loss} at step {self.progress.step}",
                where=phase.name,
                hint="lower the phase's learning_rate, set optimisation.clip_norm, or try precision: float32. The last "
                "checkpoint is sound",
            )
        plan = conditions.plan
        return Log(
            phase=phase.name,
            step=self.progress.step,
            phase_step=self.progress.phase_step,
            phase_steps=total,
            loss=reading.loss,
            loss_synthetic=reading.loss_synthetic,
            loss_real=reading.loss_real,
            learning_rate=rate,
            gradient_norm=None if norm is None else float(norm),
            samples_per_second=reading.samples_per_second,
            stop=None if conditions.stop is None else int(conditions.stop.max()),
            reassigned=None if plan is None else plan.settings.get("last_reassigned_block"),
        )

    def _save(
        self,
        phase: Phase,
        optimizer: torch.optim.Optimizer,
        average: Average | None,
        loaders: Mapping[str, Loader],
        done: bool,
    ) -> Path:
        folder = self.out / "checkpoints" / f"step_{self.progress.step}"
        if done:
            self._ends.add(self.progress.step)
        if self.processes.is_main_process:
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
                with nullcontext() if done else self.averaged():
                    self.method.save(self.model, folder)

            # the state shares memory with the model: averages must be in place only while the modules are written
            write_checkpoint(self.out, self.progress.step, self._record(phase, done), state, save)
            self._summarise()
            if self.config.checkpoints.keep is not None:
                prune(self.out, self.config.checkpoints.keep, self._ends)
            for callback in self.callbacks:
                callback.checkpoint(self, folder)
        self.processes.wait_for_everyone()
        return folder

    def _record(self, phase: Phase, done: bool) -> dict[str, Any]:
        return {
            **self.record,
            "model": self.model.config(),
            "task": self.config.task,
            "precision": self.precision,
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
            "processes": self.processes.num_processes,
            "precision": self.precision,
            "versions": self.record.get("versions", {}),
            "finished": self.progress.step == sum(self.totals),
            "phases": [budget.to_json() for budget in self.progress.budgets],
        }
        write_atomically(self.out / SUMMARY, f"{json.dumps(content, indent=2)}\n".encode())

    def _resume(self, folder: Path) -> dict[str, Any]:
        record = read_record(folder)
        then, now = record.get("hashes", {}), self.record.get("hashes", {})
        changed = [name for name in now if then.get(name) != now[name]]
        if changed:
            named = " and ".join(_RECORDED.get(name, name) for name in changed)
            raise UsageError(
                f"the run cannot be resumed: {named} changed since",
                where=str(folder),
                expected="the config and data of the interrupted run",
                hint="restore them, or choose another --out",
            )
        if record.get("precision", self.precision) != self.precision:
            before = record["precision"]
            tell(f"{folder} was computed in {before} on another kind of machine; it goes on in {self.precision}")
        state = read_state(folder)
        budgets = [Budget(**budget) for budget in state["budgets"]]
        self.progress = Progress(state["phase"], state["phase_step"], state["step"], budgets)
        self._ends = {step for step in state["ends"] if step in checkpoints(self.out)}
        return state


def learning_rate(step: int, total: int, settings: PhaseSettings, schedule: str, ramp: int) -> float:
    """The learning rate of a phase's step: a linear ramp, then constant, or half a cosine to zero at the end."""
    rate = settings.learning_rate
    if step < ramp:
        return rate * (step + 1) / ramp
    if schedule == "constant":
        return rate
    return rate * 0.5 * (1 + math.cos(math.pi * (step - ramp) / max(1, total - ramp)))
