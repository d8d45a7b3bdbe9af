"""Real diffusers pipelines with tiny random weights and vocabularies, saved as a user would find them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

WIDTH = 16


def vae(**options: Any) -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=(4, 8), norm_num_groups=2, latent_channels=4, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, sample_size=16,
        **options,
    )  # fmt: skip


def t5(width: int = WIDTH) -> Any:
    config = transformers.T5Config(vocab_size=64, d_model=width, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return transformers.T5EncoderModel(config)


def t5_tokenizer() -> Any:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz ,.{}"]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    fast.model_max_length = 120
    return fast


def pixart(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    transformer = diffusers.PixArtTransformer2DModel(
        num_layers=2, num_attention_heads=2, attention_head_dim=12, cross_attention_dim=24, in_channels=4,
        out_channels=8, sample_size=8, caption_channels=WIDTH, norm_num_groups=1,
    )  # fmt: skip
    torch.nn.init.normal_(transformer.proj_out.weight, std=0.5)
    pipeline = diffusers.PixArtAlphaPipeline(
        tokenizer=_as_t5(t5_tokenizer(), folder),
        text_encoder=t5(),
        vae=vae(),
        transformer=transformer,
        scheduler=diffusers.DDIMScheduler(clip_sample=False),
    )
    pipeline.save_pretrained(folder)
    return folder


def _as_t5(tokenizer: Any, folder: Path) -> Any:
    """The pipeline demands T5's own class; it takes the vocabulary of any fast tokenizer."""
    place = folder.with_name(f"{folder.name}-words")
    tokenizer.save_pretrained(place)
    return transformers.T5TokenizerFast(tokenizer_file=str(place / "tokenizer.json"), model_max_length=120, extra_ids=0)


def stable_diffusion(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=8, norm_num_groups=2, cross_attention_dim=WIDTH,
        attention_head_dim=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae(),
        text_encoder=transformers.CLIPTextModel(_clip_config()),
        tokenizer=_clip_tokenizer(),
        unet=unet,
        scheduler=diffusers.DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def _clip_words() -> dict[str, int]:
    letters = "abcdefghijklmnopqrstuvwxyz,.{}"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return {word: number for number, word in enumerate(words)}


def _clip_tokenizer() -> Any:
    return transformers.CLIPTokenizer(vocab=_clip_words(), merges=[], model_max_length=77)


def _clip_config() -> Any:
    return transformers.CLIPTextConfig(
        vocab_size=len(_clip_words()), hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=2,
        num_attention_heads=2, projection_dim=WIDTH, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip


def sd3(folder: Path, seed: int = 0) -> Path:
    """Stable Diffusion 3: two CLIPs and a T5, flow matching."""
    torch.manual_seed(seed)
    transformer = diffusers.SD3Transformer2DModel(
        num_layers=3, num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=4, sample_size=8,
        joint_attention_dim=2 * WIDTH, caption_projection_dim=16, pooled_projection_dim=2 * WIDTH,
        pos_embed_max_size=16,
    )  # fmt: skip
    randomise(transformer)
    pipeline = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(scaling_factor=0.4, shift_factor=0.1),
        text_encoder=transformers.CLIPTextModelWithProjection(_clip_config()),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=transformers.CLIPTextModelWithProjection(_clip_config()),
        tokenizer_2=_clip_tokenizer(),
        text_encoder_3=t5(2 * WIDTH),
        tokenizer_3=_as_t5(t5_tokenizer(), folder),
    )
    pipeline.save_pretrained(folder)
    return folder


def flux(folder: Path, seed: int = 0) -> Path:
    """Flux: CLIP and T5, flow matching with steps that depend on the size of the picture."""
    torch.manual_seed(seed)
    transformer = diffusers.FluxTransformer2DModel(
        num_layers=1, num_single_layers=2, num_attention_heads=2, attention_head_dim=16, in_channels=16,
        joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH, axes_dims_rope=(4, 6, 6), guidance_embeds=True,
    )  # fmt: skip
    randomise(transformer)
    pipeline = diffusers.FluxPipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae(scaling_factor=0.4, shift_factor=0.1),
        text_encoder=transformers.CLIPTextModel(_clip_config()),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=_as_t5(t5_tokenizer(), folder),
    )
    pipeline.save_pretrained(folder)
    return folder


def sana(folder: Path, seed: int = 0) -> Path:
    """Sana: Gemma, a deep-compression autoencoder."""
    torch.manual_seed(seed)
    transformer = diffusers.SanaTransformer2DModel(
        num_layers=3, num_attention_heads=2, attention_head_dim=8, num_cross_attention_heads=2,
        cross_attention_head_dim=8, cross_attention_dim=16, in_channels=4, out_channels=4, sample_size=8,
        caption_channels=WIDTH,
    )  # fmt: skip
    randomise(transformer)
    blocks = ("ResBlock", "EfficientViTBlock")
    autoencoder = diffusers.AutoencoderDC(
        latent_channels=4, attention_head_dim=2, encoder_block_types=blocks, decoder_block_types=blocks,
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)), encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1),
        downsample_block_type="conv", upsample_block_type="interpolate", scaling_factor=0.4,
    )  # fmt: skip
    gemma = transformers.Gemma2Config(
        vocab_size=64, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, query_pre_attn_scalar=8, bos_token_id=0, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    pipeline = diffusers.SanaPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=transformers.Gemma2Model(gemma),
        vae=autoencoder,
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    )
    pipeline.save_pretrained(folder)
    return folder


def qwen(folder: Path, seed: int = 0) -> Path:
    """Qwen-Image: a vision-language model reads the prompt, the autoencoder is one of videos."""
    torch.manual_seed(seed)
    transformer = diffusers.QwenImageTransformer2DModel(
        num_layers=3, num_attention_heads=2, attention_head_dim=16, in_channels=16, out_channels=4,
        joint_attention_dim=WIDTH, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    randomise(transformer)
    autoencoder = diffusers.AutoencoderKLQwenImage(
        base_dim=12, z_dim=4, dim_mult=[1, 2], num_res_blocks=1, temperal_downsample=[False], latents_mean=[0.1] * 4,
        latents_std=[0.7] * 4,
    )  # fmt: skip
    ends = {"bos_token_id": 0, "eos_token_id": 1}
    words = {
        "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": 64, "rope_theta": 1e6, **ends,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    }  # fmt: skip
    sight = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    reader = transformers.Qwen2_5_VLConfig(text_config=words, vision_config=sight, **ends)
    tokenizer = t5_tokenizer()
    tokenizer.padding_side = "right"
    pipeline = diffusers.QwenImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder,
        text_encoder=transformers.Qwen2_5_VLForConditionalGeneration(reader).eval(),
        tokenizer=tokenizer,
        transformer=transformer,
    )
    pipeline.save_pretrained(folder)
    return folder


def dit(folder: Path, seed: int = 0) -> Path:
    """DiT: class labels in place of prompts."""
    torch.manual_seed(seed)
    transformer = diffusers.DiTTransformer2DModel(
        num_layers=3, num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, sample_size=8,
        num_embeds_ada_norm=1000, norm_num_groups=1,
    )  # fmt: skip
    randomise(transformer)
    pipeline = diffusers.DiTPipeline(
        transformer=transformer,
        vae=vae(),
        scheduler=diffusers.DDIMScheduler(clip_sample=False),
        id2label={0: "mug, cup", 1: "chair", 2: "lamp"},
    )
    pipeline.save_pretrained(folder)
    return folder


def randomise(transformer: Any) -> None:
    """Make layers that start at zero random, so that every input shows in the output."""
    with torch.no_grad():
        for parameter in transformer.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
