"""A real Marigold pipeline, small and untrained, saved in the layout of the published one."""

from __future__ import annotations

import json
from pathlib import Path

import torch

SETTINGS = {
    "prediction_type": "normals",
    "use_full_z_range": True,
    "default_denoising_steps": 2,
    "default_processing_resolution": 32,
}


def save_tiny_marigold(folder: Path, seed: int = 0) -> None:
    """Write a tiny pipeline's files into `folder`, weights in half precision."""
    import diffusers
    import transformers

    torch.manual_seed(seed)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
    )
    text_encoder = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=4,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8,
            bos_token_id=2,
            eos_token_id=3,
        )
    )
    scheduler = diffusers.DDIMScheduler(
        num_train_timesteps=100, prediction_type="v_prediction", timestep_spacing="trailing", clip_sample=False
    )
    for name, part in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
        part.half().save_pretrained(folder / name, variant="fp16")
    scheduler.save_pretrained(folder / "scheduler")
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    words = {"a": 0, "a</w>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}
    (tokenizer / "vocab.json").write_text(json.dumps(words))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    (tokenizer / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 8})
    )
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "MarigoldNormalsPipeline", **SETTINGS}))
