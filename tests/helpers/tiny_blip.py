"""A real BLIP-VQA of transformers' own class, small and untrained, saved in the layout of the published one."""

from __future__ import annotations

from pathlib import Path

import torch

WORDS = '[PAD] [UNK] [CLS] [SEP] [MASK] [DEC] yes no does this figure show please answer or a red box ball ? . " ,'


def save_tiny_blip(folder: Path, seed: int = 0, words: str = WORDS) -> None:
    """Write a tiny network, its configuration and its vocabulary into `folder`."""
    import transformers

    vocabulary = words.split(" ")
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    torch.manual_seed(seed)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.BlipConfig(
        text_config={
            **small,
            "encoder_hidden_size": 16,
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 24,
            "pad_token_id": 0,
            "bos_token_id": 5,
            "sep_token_id": 3,
            "eos_token_id": 3,
            "initializer_range": 0.5,  # answers that depend on what was asked and shown
        },
        vision_config={**small, "image_size": 32, "patch_size": 8, "initializer_range": 0.5},
        projection_dim=16,
    )
    transformers.BlipForQuestionAnswering(config).save_pretrained(folder)
