"""A diffusers transformer that paints V views at once, with domain shifters in front of its blocks.

Multiview mode: the views of a sample are tiled into one picture and self-attention runs over all of it.
Single-image mode: nothing is shared between the views of a sample. They run through the host as separate pictures,
(B, V, ...) folded to (B V, ...), each with the positions that it has within the grid.

Folding the latents, rather than folding tokens inside the self-attention, gives the same numbers there and is right for
everything else that could mix views or that a host keeps one of per picture: Sana's convolutions, the text stream of
SD3, pooled prompts and class labels, which may so differ between the views of a real grid. It leaves attention
processors alone, so any attention backend works. In a mixed batch the two kinds of samples run one after the other in
one forward; the cost is that of the same tokens, and the early blocks keep no activations for samples whose gradient
stops above them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from realiz3d.control import Control, ViewpointControl, join_maps, widen_for_control
from realiz3d.errors import OutOfOrder, UsageError
from realiz3d.extras import Extra
from realiz3d.hosts import Host, Objective, Window, host_for
from realiz3d.hosts.base import Removable
from realiz3d.layer_aware import NO_STOP, cuts
from realiz3d.plan import DomainPlan
from realiz3d.shifters import DomainShifters
from realiz3d.slots import BlockState, Slot, bind_checkpointing, fill, hook_block
from realiz3d.text import Text
from realiz3d.tiling import Grid, spread, tile, untile

Mode = Literal["multiview", "single", "mixed"]
PositionMode = Literal["grid", "view"]


class MultiviewModel(nn.Module):
    """A host transformer, its shifters and its control. Make one with `wrap`.

    transformer: the diffusers model; save it with its own `save_pretrained`. shifters, viewpoints: attached modules.
    extras: what other methods added, by name.
    """

    def __init__(
        self, host: Host, *, latent_channels: int, control_channels: int, views: Grid, position_mode: PositionMode
    ) -> None:
        super().__init__()
        self.host = host
        self.transformer: Any = host.transformer
        self.shifters: DomainShifters | None = None
        self.viewpoints: ViewpointControl | None = None
        self.extras = nn.ModuleDict()
        self._extra_handles: dict[str, list[Removable]] = {}
        self.latent_channels, self.control_channels = latent_channels, control_channels
        self.grid, self.position_mode = views, position_mode
        self._slots = [Slot() for _ in host.blocks]
        self._handles = host.install(self._slots) + [
            hook_block(block, slot, text_stream=host.text_stream)
            for block, slot in zip(host.blocks, self._slots, strict=True)
        ]

    @classmethod
    def wrap(
        cls,
        transformer: Any,
        *,
        control_channels: int = 8,
        views: Grid = (2, 2),
        position_mode: PositionMode = "grid",
        latent_channels: int | None = None,
    ) -> MultiviewModel:
        """Wrap a loaded transformer in place.

        control_channels: channels of the control maps (twice the VAE's for normals and positions), 0 for none; the
        input projection is widened by zeros unless it is that wide already. views: rows and columns of the grid.
        position_mode: in single-image mode a view has the positions of its place in the 'grid', or those of a picture
        of its own ('view'). latent_channels: the VAE's; needed only for a transformer that was widened before.
        Raises `HostRefused` for networks that cannot host the method, `OutOfOrder` for compiled or wrapped ones.
        """
        host = host_for(transformer)
        _refuse_compiled(host, "wrap")
        if any("realiz3d_slot" in block.__dict__ for block in host.blocks):
            raise OutOfOrder(
                "this transformer is wrapped already", hint="use that MultiviewModel, or unwrap() it first"
            )
        if position_mode not in ("grid", "view"):
            raise UsageError(f"position_mode={position_mode!r}", expected="'grid' or 'view'")
        if min(views) < 1:
            raise UsageError(f"views={views}", expected="rows and columns of the grid, at least 1 each")
        host.check(views)
        latent_channels = latent_channels or host.in_channels
        if control_channels:
            widen_for_control(host, latent_channels, control_channels)
        elif host.in_channels != latent_channels:
            raise UsageError(
                f"the transformer reads {host.in_channels} channels, its latents have {latent_channels}",
                hint="it was widened before: pass the same control_channels as then",
            )
        return cls(
            host,
            latent_channels=latent_channels,
            control_channels=control_channels,
            views=(int(views[0]), int(views[1])),
            position_mode=position_mode,
        )

    @property
    def n_blocks(self) -> int:
        """N_B, the number of transformer blocks."""
        return len(self._slots)

    @property
    def n_views(self) -> int:
        """V."""
        return self.grid[0] * self.grid[1]

    @property
    def dim(self) -> int:
        """d, the width of the image tokens."""
        return self.host.dim

    @property
    def objective(self) -> Objective:
        """What this kind of host usually predicts; the scheduler's config has the last word."""
        return self.host.objective

    @property
    def device(self) -> torch.device:
        """Where the transformer's parameters are."""
        return self.host.projection.weight.device

    def config(self) -> dict[str, Any]:
        """The arguments that `wrap` needs to wrap a saved transformer again (plain JSON values)."""
        return {
            "control_channels": self.control_channels,
            "views": list(self.grid),
            "position_mode": self.position_mode,
            "latent_channels": self.latent_channels,
        }

    def attach(self, module: DomainShifters | ViewpointControl) -> None:
        """Attach shifters or viewpoint control, before anything is compiled."""
        _refuse_compiled(self.host, "attach")
        if isinstance(module, DomainShifters):
            shape = tuple(module.embed.shape)
            if shape != (self.n_blocks, 2, self.dim):
                raise UsageError(
                    f"shifters for {shape[0]} blocks of width {shape[2]}",
                    expected=f"{self.n_blocks} blocks of width {self.dim}, as this transformer has",
                )
            self.shifters = module
        elif isinstance(module, ViewpointControl):
            if module.embed.out_features != self.dim:
                raise UsageError(f"viewpoints of width {module.embed.out_features}", expected=f"width {self.dim}")
            self.viewpoints = module
        else:
            raise UsageError(f"cannot attach a {type(module).__name__}", expected="DomainShifters or ViewpointControl")

    def detach_shifters(self) -> None:
        """Run without shifters from now on, before anything is compiled."""
        _refuse_compiled(self.host, "detach_shifters")
        self.shifters = None

    def add_extra(self, name: str, extra: Extra) -> None:
        """Add a method's own module under a new name, before anything is compiled."""
        _refuse_compiled(self.host, "add_extra")
        if name in self.extras:
            raise OutOfOrder(f"the model has '{name}' already", where="add_extra")
        self._extra_handles[name] = list(extra.install(self))
        self.extras[name] = extra.to(self.device)

    def remove_extra(self, name: str) -> None:
        """Run without it from now on, before anything is compiled."""
        _refuse_compiled(self.host, "remove_extra")
        if name not in self.extras:
            raise OutOfOrder(f"the model has no '{name}'", where="remove_extra", expected=", ".join(self.extras))
        for handle in self._extra_handles.pop(name):
            handle.remove()
        del self.extras[name]

    def unwrap(self) -> Any:
        """Take all hooks out and return the transformer (its input projection stays as wide as it is)."""
        _refuse_compiled(self.host, "unwrap")
        for name in list(self.extras):
            self.remove_extra(name)
        for handle in self._handles:
            handle.remove()
        for module in self.transformer.modules():
            module.__dict__.pop("realiz3d_slot", None)
        return self.transformer

    def enable_gradient_checkpointing(self) -> None:
        """Run blocks again during backward instead of keeping their activations."""
        self.transformer.enable_gradient_checkpointing()

    def compile_blocks(self, **options: Any) -> None:
        """Compile the repeated blocks (options as for `torch.compile`). Attach first: later changes are refused."""
        # most diffusers transformers in use here do not declare their blocks themselves
        self.transformer._repeated_blocks = self.host.repeated_blocks
        self.transformer.compile_repeated_blocks(**options)

    def forward(
        self,
        latents: Tensor,
        t: Tensor | float,
        text: Text | tuple[Text, Text],
        control: Control | Tensor | None = None,
        *,
        mode: Mode = "multiview",
        n_grid: int | None = None,
        plan: DomainPlan | None = None,
        stop: Tensor | Sequence[int] | None = None,
    ) -> Tensor:
        """The host's prediction for noisy latents.

        latents: (B, V, C, h, w). t: a scalar or (B,) timesteps in [0, T], in the scheduler's units for every host.
        text: for multiview samples one per sample; for single-image samples one per sample or one per view. In a mixed
        batch a pair: that of the multiview samples, that of the others.
        control: maps (B, V, c, h, w), a `Control`, or None for null control.
        mode: 'multiview', 'single', or 'mixed': the first `n_grid` samples multiview, the others single-image.
        plan: one step of a `DomainPlan`; needed when shifters are attached. Extras that read domains take None as well.
        stop: (B,) the last block that a sample must not update, -1 for none, on the CPU (`layer_aware.draw_stops`).
        Returns (B, V, C, h, w); predicted variances of hosts that have them are dropped.
        """
        batch = self._check_latents(latents)
        times = torch.as_tensor(t, device=latents.device).expand(batch)
        stops = torch.as_tensor([NO_STOP] * batch if stop is None else stop).to("cpu", torch.int64)
        if stops.shape != (batch,):
            raise UsageError(f"stop of shape {tuple(stops.shape)}", expected=f"({batch},)")
        control = Control(maps=control) if isinstance(control, Tensor) else control
        joined = self._join(latents, control)
        offsets = self._viewpoint_offsets(latents, control)
        domains = self._domains(plan, batch)
        shifts = self._shifts(domains)
        served = domains if self._extras_read_domains() else None
        bind_checkpointing(self.transformer)

        outputs = []
        for samples, words, as_grid in self._parts(batch, text, mode, n_grid):
            run = self._run_grid if as_grid else self._run_single
            outputs.append(
                run(
                    joined[samples],
                    times[samples],
                    words,
                    offsets=None if offsets is None else offsets[samples],
                    shifts=None if shifts is None else shifts[:, samples],
                    domains=None if served is None else served[:, samples],
                    stops=stops[samples],
                )
            )
        return torch.cat(outputs)[:, :, : self.latent_channels]

    def _parts(
        self, batch: int, text: Text | tuple[Text, Text], mode: Mode, n_grid: int | None
    ) -> list[tuple[slice, Text, bool]]:
        """Samples that run together: which, their text, and whether as grids."""
        if (mode == "mixed") != isinstance(text, tuple) or (mode == "mixed") != (n_grid is not None):
            raise UsageError(
                "a mixed batch, and only a mixed batch, takes n_grid and a pair of texts", where=f"mode={mode!r}"
            )
        if isinstance(text, tuple):
            split = int(n_grid or 0)
            if not 0 < split < batch:
                raise UsageError(f"n_grid={n_grid} in a batch of {batch}", expected=f"1 to {batch - 1}")
            parts = [(slice(0, split), text[0], True), (slice(split, batch), text[1], False)]
        elif mode in ("multiview", "single"):
            parts = [(slice(0, batch), text, mode == "multiview")]
        else:
            raise UsageError(f"mode={mode!r}", expected="'multiview', 'single' or 'mixed'")
        for samples, words, as_grid in parts:
            if words.batch != samples.stop - samples.start:
                raise UsageError(f"{words.batch} texts for {samples.stop - samples.start} samples", where="text")
            if as_grid and words.views is not None:
                raise UsageError(
                    "multiview samples take one text per sample: their views are one picture to the host",
                    where="text",
                    hint="a text per view is for single-image samples",
                )
        return parts

    def _run_grid(
        self,
        x: Tensor,
        t: Tensor,
        text: Text,
        *,
        offsets: Tensor | None,
        shifts: Tensor | None,
        domains: Tensor | None,
        stops: Tensor,
    ) -> Tensor:
        offset = None if offsets is None else spread(offsets, self.grid, self._token_size(x))
        with self._filled(x, shifts, domains, stops, self.grid):
            return untile(self.host(tile(x, self.grid), t, text, offset=offset), self.grid)

    def _run_single(
        self,
        x: Tensor,
        t: Tensor,
        text: Text,
        *,
        offsets: Tensor | None,
        shifts: Tensor | None,
        domains: Tensor | None,
        stops: Tensor,
    ) -> Tensor:
        if self.host.one_view_a_call and self.position_mode == "grid":
            views = []
            for view in range(self.n_views):
                offset = None if offsets is None else offsets[:, view, None]
                with self._filled(x, shifts, domains, stops, None):
                    window = Window(self.grid, view)
                    views.append(self.host(x[:, view], t, text.of_view(view), window=window, offset=offset))
            return torch.stack(views, dim=1)

        def each(value: Tensor, axis: int = 0) -> Tensor:
            return value.repeat_interleave(self.n_views, dim=axis)

        place = Window(self.grid, None) if self.position_mode == "grid" else None
        offset = None if offsets is None else offsets.flatten(0, 1)[:, None]
        folded_shifts, folded_domains = (None if value is None else each(value, 1) for value in (shifts, domains))
        with self._filled(x, folded_shifts, folded_domains, each(stops), None):
            folded = self.host(x.flatten(0, 1), each(t), text.per_view(self.n_views), window=place, offset=offset)
        return folded.reshape(*x.shape[:2], *folded.shape[1:])

    @contextmanager
    def _filled(
        self, x: Tensor, shifts: Tensor | None, domains: Tensor | None, stops: Tensor, grid: Grid | None
    ) -> Iterator[None]:
        """Tell the blocks what to do for the length of one host call."""
        at_blocks, head = cuts(stops, self.n_blocks, x.device)
        adds = [None] * self.n_blocks if shifts is None else [shift[:, None] for shift in shifts]
        served = [None] * self.n_blocks if domains is None else list(domains.to(x.device))
        states = [
            BlockState(add, cut, head, grid, domain) for add, cut, domain in zip(adds, at_blocks, served, strict=True)
        ]
        fill(self._slots, states)
        try:
            yield
        finally:
            fill(self._slots, None)

    def _domains(self, plan: DomainPlan | None, batch: int) -> Tensor | None:
        """(N, B): which domain every block serves for every sample."""
        if plan is None and self.shifters is None:
            return None
        if plan is None or (self.shifters is None and not self._extras_read_domains()):
            raise UsageError(
                "domain shifters are attached but no plan says which domain they serve"
                if plan is None
                else "a plan was given but no domain shifters are attached",
                hint="plan=DomainPlan.constant('real', n_blocks) is the plainest plan; attach() comes before it",
            )
        if plan.n_blocks != self.n_blocks:
            raise UsageError(f"a plan for {plan.n_blocks} blocks", expected=f"{self.n_blocks}, as this host has")
        return plan.of_samples(batch)

    def _extras_read_domains(self) -> bool:
        return any(isinstance(extra, Extra) and extra.reads_domains for extra in self.extras.values())

    def _shifts(self, domains: Tensor | None) -> Tensor | None:
        """(N, B, d): the residual of every block for every sample."""
        if self.shifters is None or domains is None:
            return None
        table: Tensor = self.shifters()
        blocks = torch.arange(self.n_blocks, device=table.device)[:, None]
        return table[blocks, domains.to(table.device)]

    def _join(self, latents: Tensor, control: Control | None) -> Tensor:
        if self.control_channels:
            return join_maps(latents, control, self.control_channels)
        if control is not None and control.maps is not None:
            raise UsageError("control maps for a model without control channels", hint="wrap(..., control_channels=8)")
        return latents

    def _viewpoint_offsets(self, latents: Tensor, control: Control | None) -> Tensor | None:
        """(B, V, d), added to the tokens of each view."""
        angles = None if control is None else control.viewpoints
        if self.viewpoints is None:
            if angles is not None:
                raise UsageError("viewpoints for a model without viewpoint control", hint="attach(ViewpointControl)")
            return None
        batch, device = len(latents), latents.device
        if angles is None or control is None:
            angles = torch.zeros(batch, self.n_views, 2, device=device)
            present = torch.zeros(batch, dtype=torch.bool, device=device)
        else:
            present = control.present(batch, device)
        if angles.shape != (batch, self.n_views, 2):
            shape = f"({batch}, {self.n_views}, 2)"
            raise UsageError(f"viewpoints of shape {tuple(angles.shape)}", where="control.viewpoints", expected=shape)
        offsets: Tensor = self.viewpoints(angles.to(device), present)
        return offsets

    def _check_latents(self, latents: Tensor) -> int:
        if latents.ndim != 5 or latents.shape[1:3] != (self.n_views, self.latent_channels):
            raise UsageError(
                f"latents of shape {tuple(latents.shape)}",
                expected=f"(batch, {self.n_views}, {self.latent_channels}, height, width)",
            )
        if any(side % self.host.patch for side in latents.shape[-2:]):
            raise UsageError(
                f"views of {tuple(latents.shape[-2:])} latent pixels",
                expected=f"sides divisible by the patch size {self.host.patch}, so that no patch straddles two views",
            )
        return int(latents.shape[0])

    def _token_size(self, x: Tensor) -> tuple[int, int]:
        return int(x.shape[-2]) // self.host.patch, int(x.shape[-1]) // self.host.patch


def _refuse_compiled(host: Host, action: str) -> None:
    """A compiled block keeps running what was traced: changes after that would be ignored without a word."""
    modules = [host.transformer, *host.blocks]
    if any(getattr(module, "_compiled_call_impl", None) is not None for module in modules):
        raise OutOfOrder(
            f"{action}() on a transformer that is compiled already: the compiled code would ignore it",
            expected="wrap, attach, then compile",
        )
