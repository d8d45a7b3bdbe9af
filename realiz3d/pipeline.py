"""`Realiz3DPipeline`: V views of an object from a prompt and a control, with diffusers' conventions.

    pipe = Realiz3DPipeline.from_pretrained(path, dtype=torch.bfloat16).to("cuda")
    pipe("a red mug", control={"normal": normals, "position": positions}, generator=rng).images[0]    # V pictures

The parts are the base model's own, with a widened transformer, domain shifters and perhaps viewpoint control. One class
serves all hosts: the base pipeline's class (`text_pipeline`) encodes prompts, `MultiviewModel` does everything else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.utils.outputs import BaseOutput
from torch import Tensor

from realiz3d.control import Control
from realiz3d.errors import UsageError, nearest
from realiz3d.latents import decode_views, downscaling
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.sampling.conditioning import caption_encoder, encode_text, join_texts
from realiz3d.sampling.inputs import (
    Generators,
    control_latents,
    draw_noise,
    given_noise,
    latent_size,
    view_angles,
)
from realiz3d.sampling.schedulers import set_timesteps
from realiz3d.sampling.shifting import Shifting, doubled, resolve_plan
from realiz3d.text import Text

Prompts = str | Sequence[str] | Text
OUTPUT_TYPES = ("pil", "np", "pt", "latent")
_Untyped: Any = DiffusionPipeline


@dataclass
class Realiz3DPipelineOutput(BaseOutput):
    """The views of B objects.

    images: [B][V] PIL pictures, floats in [0, 1], (B, V, H, W, 3) as array or (B, V, 3, H, W) as tensor, or latents.
    domain_plan: the domain of every step and block as it ran (`DomainPlan.to_json`), None without shifters.
    """

    images: list[list[Any]] | np.ndarray[Any, Any] | Tensor
    domain_plan: dict[str, Any] | None = None


class Realiz3DPipeline(_Untyped):  # type: ignore[misc]
    """Samples the views of objects.

    transformer, scheduler, vae (None: pictures are the latents), tokenizers, text encoders: the base model's parts.
    domain_shifters, viewpoint_control: None for a model without. text_pipeline: the diffusers class that encodes
    prompts. text_settings: how (`realiz3d.training.config.TextConfig`). views, control_channels, position_mode,
    latent_channels: as for `MultiviewModel.wrap`. view_size: default side of a view in pixels. trained_viewpoints:
    (azimuth, elevation) in degrees of each view that the model has learned to read; None: not known. block_frac, t_max:
    the default domain shifting.
    """

    model_cpu_offload_seq = "text_encoder->text_encoder_2->text_encoder_3->transformer->vae"
    # a few hundred kilobytes that every step reads
    _exclude_from_cpu_offload: ClassVar[list[str]] = ["domain_shifters", "viewpoint_control"]
    _optional_components: ClassVar[list[str]] = [
        "vae", "tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2", "tokenizer_3", "text_encoder_3",
        "domain_shifters", "viewpoint_control",
    ]  # fmt: skip
    _callback_tensor_inputs: ClassVar[list[str]] = ["latents", "prompt_embeds", "control_latents"]

    def __init__(
        self,
        transformer: Any,
        scheduler: Any,
        vae: Any = None,
        tokenizer: Any = None,
        text_encoder: Any = None,
        tokenizer_2: Any = None,
        text_encoder_2: Any = None,
        tokenizer_3: Any = None,
        text_encoder_3: Any = None,
        domain_shifters: Any = None,
        viewpoint_control: Any = None,
        text_pipeline: str | None = None,
        text_settings: dict[str, Any] | None = None,
        views: list[int] | tuple[int, ...] = (2, 2),
        control_channels: int = 8,
        position_mode: str = "grid",
        latent_channels: int | None = None,
        view_size: int | None = None,
        trained_viewpoints: list[list[float]] | None = None,
        block_frac: float = Shifting.block_frac,
        t_max: float | None = Shifting.t_max,
    ) -> None:
        super().__init__()
        self.register_modules(
            transformer=transformer, scheduler=scheduler, vae=vae, tokenizer=tokenizer, text_encoder=text_encoder,
            tokenizer_2=tokenizer_2, text_encoder_2=text_encoder_2, tokenizer_3=tokenizer_3,
            text_encoder_3=text_encoder_3, domain_shifters=domain_shifters, viewpoint_control=viewpoint_control,
        )  # fmt: skip
        self.register_to_config(
            text_pipeline=text_pipeline, text_settings=text_settings, views=list(views),
            control_channels=control_channels, position_mode=position_mode, latent_channels=latent_channels,
            view_size=view_size, trained_viewpoints=trained_viewpoints, block_frac=block_frac, t_max=t_max,
        )  # fmt: skip
        self.vae_scale_factor = downscaling(vae)
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)
        self._model: MultiviewModel | None = None
        self._interrupt = False
        self._guidance_scale = 1.0
        self._num_timesteps = 0

    @classmethod
    def from_base(
        cls, base: Any, *, model: MultiviewModel | None = None, scheduler: Any = None, **options: Any
    ) -> Realiz3DPipeline:
        """From any text-to-image pipeline of diffusers whose transformer can host the method.

        model: a wrapped transformer, with what is attached to it, in place of the base's; without it the base's own is
        wrapped, with `options` such as control_channels, domain_shifters or viewpoint_control. scheduler: default DDIM
        for epsilon and v hosts, the base's own for flow hosts.
        """
        from realiz3d.sampling.loading import from_base

        return cast("Realiz3DPipeline", from_base(cls, base, model, scheduler, options))

    @classmethod
    def from_checkpoint(
        cls,
        folder: Any,
        *,
        base: str | None = None,
        dtype: torch.dtype | None = None,
        offline: bool = False,
        method: str | None = None,
    ) -> Realiz3DPipeline:
        """From a checkpoint of `realiz3d-bench train`, whose other parts come from its base model.

        base: where the base model is now, if not where the checkpoint says. method: `module:attribute` of a method of
        one's own that trained it, whose code runs. Raises `WeightsMissing` when checkpoint or base are not there.
        """
        from realiz3d.sampling.loading import from_checkpoint

        return cast("Realiz3DPipeline", from_checkpoint(cls, folder, base, dtype, offline, method))

    @classmethod
    def load_config(cls, *args: Any, **kwargs: Any) -> Any:
        """As diffusers, with settings that had another name when the file was written under today's."""
        from realiz3d.sampling.loading import renamed_shifting

        found = super().load_config(*args, **kwargs)
        return renamed_shifting(found) if isinstance(found, Mapping) else found

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("domain_shifters", "viewpoint_control") and value is not None:
            # diffusers records no class for a part that was None before, and would not save it
            self.register_to_config(**{name: (type(value).__module__, type(value).__name__)})

    @property
    def multiview(self) -> MultiviewModel:
        """The wrapped transformer, with shifters and viewpoint control attached. Wraps it when first asked for."""
        if self._model is None or self._model.transformer is not self.transformer:
            config = self.config
            model = MultiviewModel.wrap(
                self.transformer,
                control_channels=config.control_channels,
                views=(config.views[0], config.views[1]),
                position_mode=config.position_mode,
                latent_channels=config.latent_channels,
            )
            self._model = model.train(self.transformer.training)
        if self.domain_shifters is not self._model.shifters:
            self._model.detach_shifters() if self.domain_shifters is None else self._model.attach(self.domain_shifters)
        if self.viewpoint_control is not None and self.viewpoint_control is not self._model.viewpoints:
            self._model.attach(self.viewpoint_control)
        return self._model

    def compile(self, **options: Any) -> None:
        """Compile the transformer's blocks (options as for `torch.compile`); later changes of parts are refused."""
        self.multiview.compile_blocks(**options)

    @property
    def guidance_scale(self) -> float:
        """The scale of the running call."""
        return self._guidance_scale

    @property
    def do_classifier_free_guidance(self) -> bool:
        """Whether two branches run: not at scale 1, nor in hosts that have guidance distilled into them."""
        return self._guidance_scale > 1 and not self._distilled

    @property
    def num_timesteps(self) -> int:
        """Steps of the running call."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Set `_interrupt = True` in a callback to stop."""
        return self._interrupt

    @property
    def _distilled(self) -> bool:
        return bool(self.transformer.config.get("guidance_embeds", False))

    @property
    def _reads_domains(self) -> bool:
        extras = self.multiview.extras.values()
        return self.domain_shifters is not None or any(getattr(extra, "reads_domains", False) for extra in extras)

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """As diffusers. Raises `UsageError` for models of other methods: there is no place for what they added."""
        if len(self.multiview.extras):
            added = ", ".join(self.multiview.extras)
            hint = "sample from the training checkpoint"
            raise UsageError(f"a pipeline cannot hold the model's {added}", where=str(save_directory), hint=hint)
        super().save_pretrained(save_directory, *args, **kwargs)

    def encode_prompt(self, prompt: Prompts, device: torch.device | str | None = None) -> Text:
        """(B, ...) of B prompts, in the transformer's precision; pass it as `prompt` to reuse it."""
        if not isinstance(prompt, Text):
            words = [prompt] if isinstance(prompt, str) else list(prompt)
            device = device or self._execution_device
            host = type(self.multiview.host)
            encoder = caption_encoder(
                host, self.config.text_settings, self.config.text_pipeline, self.components, device
            )
            prompt = encode_text(encoder, words)
        return prompt.to(device or self._execution_device, self.transformer.dtype)

    @torch.no_grad()
    def __call__(
        self,
        prompt: Prompts,
        control: Mapping[str, Any] | Tensor | None = None,
        viewpoints: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 4.5,
        negative_prompt: Prompts | None = None,
        domain_plan: DomainPlan | Shifting | None = None,
        generator: Generators = None,
        latents: Tensor | None = None,
        start_t: float | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Realiz3DPipelineOutput | tuple[Any, ...]:
        """Sample the views of B objects.

        prompt: B prompts, or their encoding (`encode_prompt`; class labels: `Text(labels=...)`).
        control: the maps 'normal' and 'position' (see `realiz3d.sampling.inputs.control_latents`), or control latents;
        None = null control. viewpoints: (V, 2) or (B, V, 2) azimuth and elevation in radians, for models with viewpoint
        control. height, width: of a view in pixels; default: the maps', or the model's size.
        guidance_scale: of classifier-free guidance on the text alone: both branches have the same control and domains.
        Hosts with distilled guidance read it as their input. negative_prompt: in place of no text.
        domain_plan: a `Shifting`, or the domains of every step and block; None = the pipeline's default shifting.
        generator: one per sample, or one for all. latents: noise (B, V, C, h, w) in place of it.
        start_t: leave out the steps with t > start_t; `latents` are then pictures, noised to the first step that is
        left (`set_timesteps` gives it).
        callback_on_step_end: called as f(pipe, step, t, tensors); may return 'latents', 'prompt_embeds' (of both
        branches, without text first) or 'control_latents' in a dict. Raises `UsageError` for what cannot work.
        """
        model, device = self.multiview, self._execution_device
        model.extras.to(device)
        self._check_choices(output_type, callback_on_step_end_tensor_inputs, domain_plan)
        self._guidance_scale, self._interrupt = guidance_scale, False
        text = self._text(prompt, negative_prompt, device)
        guided = self.do_classifier_free_guidance
        batch = text.batch // 2 if guided else text.batch
        maps = None
        if control is not None:
            maps = control_latents(self.vae, control, batch, model.n_views, device)
        scale, patch = self.vae_scale_factor, model.host.patch
        usual = self.config.view_size or int(self.transformer.config.get("sample_size") or 0) * scale
        size = latent_size(height, width, maps, usual=usual, scale=scale, patch=patch)
        angles = None if viewpoints is None else view_angles(viewpoints, batch, model.n_views, device)
        tokens = model.n_views * (size[0] // patch) * (size[1] // patch)
        timesteps = set_timesteps(self.scheduler, num_inference_steps, device, tokens, start_t=start_t)
        self._num_timesteps = len(timesteps)
        plan = self._plan(domain_plan, timesteps, batch)
        steps_plan = None if plan is None else (doubled(plan) if guided else plan).to(device)

        shape = (batch, model.n_views, model.latent_channels, *size)
        if start_t is not None and latents is None:
            raise UsageError("start_t without latents: there is nothing to start from", where="latents")
        noise = draw_noise(shape, generator, device) if latents is None else given_noise(latents, shape, device)
        latents = noise * (1.0 if start_t is not None else float(getattr(self.scheduler, "init_noise_sigma", 1.0)))
        extra = {}
        if "generator" in inspect.signature(self.scheduler.step).parameters:
            extra["generator"] = list(generator) if isinstance(generator, Sequence) else generator

        with self.progress_bar(total=len(timesteps)) as bar:
            for step, t in enumerate(timesteps):
                if self.interrupt:
                    break
                noisy = torch.cat([latents, latents]) if guided else latents
                if hasattr(self.scheduler, "scale_model_input"):
                    noisy = self.scheduler.scale_model_input(noisy, t)
                prediction = model(
                    noisy.to(self.transformer.dtype),
                    t,
                    text,
                    _control(maps, angles, 2 if guided else 1),
                    plan=None if steps_plan is None else steps_plan.at(step),
                ).float()
                if guided:
                    without, with_text = prediction.chunk(2)
                    prediction = without + self.guidance_scale * (with_text - without)
                latents = self.scheduler.step(prediction, t, latents, **extra, return_dict=False)[0]
                if callback_on_step_end is not None:
                    tensors = {"latents": latents, "prompt_embeds": text.embeds, "control_latents": maps}
                    chosen = {name: tensors[name] for name in callback_on_step_end_tensor_inputs}
                    changed = callback_on_step_end(self, step, t, chosen) or {}
                    latents = changed.get("latents", latents)
                    maps = changed.get("control_latents", maps)
                    if "prompt_embeds" in changed:
                        text = replace(text, embeds=changed["prompt_embeds"])
                bar.update()

        images = self.pictures(latents, output_type)
        self.maybe_free_model_hooks()
        record = None if plan is None else plan.to_json()
        return Realiz3DPipelineOutput(images, record) if return_dict else (images, record)

    def _check_choices(self, output_type: str, tensor_inputs: Sequence[str], plan: Any) -> None:
        if output_type not in OUTPUT_TYPES:
            raise UsageError(f"output_type={output_type!r}", hint=nearest(output_type, OUTPUT_TYPES))
        unknown = [name for name in tensor_inputs if name not in self._callback_tensor_inputs]
        if unknown:
            raise UsageError(
                f"callbacks cannot be given {unknown[0]!r}",
                where="callback_on_step_end_tensor_inputs",
                hint=nearest(unknown[0], self._callback_tensor_inputs),
            )
        if plan is not None and not self._reads_domains:
            raise UsageError("a domain plan for a pipeline without domain shifters", where="domain_plan")

    def _text(self, prompt: Prompts, negative: Prompts | None, device: torch.device) -> Text:
        """The samples' text, after that of the unconditional branch when there is one."""
        text = self.encode_prompt(prompt, device)
        if self._distilled:
            return replace(text, guidance=self.guidance_scale)
        if not self.do_classifier_free_guidance:
            return text
        if negative is None and text.labels is not None:
            names = (self.config.text_settings or {}).get("names")
            none = len(names) if names else int(self.transformer.config.num_embeds_ada_norm)
            negative = Text(labels=torch.full_like(text.labels, none))
        words = negative if negative is not None else ""
        without = self.encode_prompt([words] * text.batch if isinstance(words, str) else words, device)
        if without.batch != text.batch:
            raise UsageError(f"{without.batch} negative prompts for {text.batch} prompts", where="negative_prompt")
        return join_texts(without, text)

    def _plan(self, wanted: DomainPlan | Shifting | None, timesteps: Tensor, batch: int) -> DomainPlan | None:
        if not self._reads_domains:
            return None
        # methods other than Realiz3D that know domains sample in the real one
        shifted = self.domain_shifters is not None
        default = Shifting(self.config.block_frac, self.config.t_max) if shifted else Shifting(0.0, None)
        return resolve_plan(wanted or default, self.multiview.n_blocks, timesteps, self.scheduler, batch)

    def pictures(self, latents: Tensor, output_type: str) -> Any:
        """Latents (B, V, c, h, w) in one of the forms that `__call__` returns."""
        if output_type == "latent":
            return latents
        pictures = latents if self.vae is None else decode_views(self.vae, latents)
        batch, views = pictures.shape[:2]
        flat = self.image_processor.postprocess(pictures.flatten(0, 1).float(), output_type=output_type)
        if output_type == "pil":
            return [flat[start : start + views] for start in range(0, batch * views, views)]
        return flat.reshape(batch, views, *flat.shape[1:])


def _control(maps: Tensor | None, angles: Tensor | None, branches: int) -> Control | None:
    """The same control for every branch."""
    if maps is None and angles is None:
        return None
    repeated = (None if part is None else torch.cat([part] * branches) for part in (maps, angles))
    return Control(*repeated)


# model_index.json records where classes are found; this makes `realiz3d` the file format, wherever the code lies
Realiz3DPipeline.__module__ = "realiz3d"
Realiz3DPipelineOutput.__module__ = "realiz3d"
