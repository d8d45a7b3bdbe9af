"""BLIP fine-tuned on VQA (Li et al. 2022), by transformers: how much rather would it answer 'yes' than 'no'?

VQAScore (Lin et al. 2024) takes the probability of 'Yes' from a language model of eleven billion parameters. This
network is thirty times smaller and knows some three thousand answers, so 'yes' is set against 'no' alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.errors import WeightsMissing
from bench.extractors.clip import DEVIATION, MEAN
from bench.extractors.exact import exact_kernels
from bench.extractors.hub import needed_package
from bench.extractors.hub_folder import HubFolder, find_folder, load_network
from groundwork.hashing import hash_strings
from groundwork.pictures import Picture

NAME = "blip_vqa"
BLIP = HubFolder(
    repository="Salesforce/blip-vqa-base",
    revision="787b3d35d57e49572baabd22884b3d5a05acf072",
    folder="blip-vqa-base",
    weights={"model.safetensors": "33786eed34def0c95fa948128cb4386be9b9219aa2c2e25f1c9c744692121bb7"},
    configs=("config.json", "tokenizer_config.json", "vocab.txt"),
)
YES, NO = "yes", "no"
VERSION = "1"  # raised whenever the same weights would give other numbers

_INSTEAD = "no VQA network works offline"


def blip_vqa(device: str = "cpu", offline: bool = False) -> BlipVqa:
    """`blip_vqa`: 'yes' against 'no' by BLIP-VQA base. Raises `WeightsMissing`."""
    transformers = needed_package("transformers", "vqa", "BLIP")
    found = find_folder(BLIP, offline, _INSTEAD)
    try:
        with found.alone() as path:
            network = load_network(transformers.BlipForQuestionAnswering, path)
            tokenizer = transformers.BertTokenizerFast.from_pretrained(path, local_files_only=True)
        return BlipVqa(network, tokenizer, found.sha256, device)
    except Exception as error:  # the libraries' own, for a vocabulary that is broken or another network's
        raise WeightsMissing(
            f"BLIP cannot be put together: {type(error).__name__}: {error}",
            where=str(found.path),
            expected=f"the files of {BLIP.repository} at revision {BLIP.revision[:12]}",
            hint="fetch the files again, and pip install --upgrade 'realiz3d-bench[vqa]'",
        ) from error


class BlipVqa:
    """The three towers in turn, as the network's own `generate` runs them up to the answer's first word."""

    name = NAME

    def __init__(self, network: Any, tokenizer: Any, weights_sha256: str, device: str) -> None:
        self._device, self._weights = torch.device(device), weights_sha256
        self._network = network.to(self._device)
        self._tokenizer = tokenizer
        self._size = int(network.config.vision_config.image_size)
        self._longest = int(network.config.text_config.max_position_embeddings)
        self._answers = [tokenizer.convert_tokens_to_ids(answer) for answer in (YES, NO)]
        if tokenizer.unk_token_id in self._answers or None in self._answers:
            raise ValueError(f"its vocabulary lacks '{YES}' or '{NO}'")

    def fingerprint(self) -> str:
        """SHA-256 (hex) of all files and of this code's version."""
        return hash_strings([NAME, self._weights, f"pil-bicubic-{self._size}", YES, NO, VERSION])

    def probability(self, picture: Picture, question: str) -> float:
        """p(yes) / (p(yes) + p(no)) of the answer's first word; long questions are cut off."""
        tokens = self._tokenizer(question, truncation=True, max_length=self._longest, return_tensors="pt")
        with torch.inference_mode(), exact_kernels(self._device):
            logits = self._first_word(self.prepare(picture), tokens.input_ids.to(self._device))
        yes, no = logits.double()[self._answers]
        return float(torch.sigmoid(yes - no))

    def prepare(self, picture: Picture) -> Tensor:
        """float32 (1, 3, S, S): the whole picture squeezed into the network's square, in CLIP's normalisation."""
        resized = Image.fromarray(picture).resize((self._size, self._size), Image.Resampling.BICUBIC)
        values = (np.asarray(resized) / 255.0 - np.array(MEAN)) / np.array(DEVIATION)
        return torch.from_numpy(values).permute(2, 0, 1)[None].float().to(self._device)

    def _first_word(self, pixels: Tensor, question: Tensor) -> Tensor:
        """Logits over the vocabulary."""
        seen = self._network.vision_model(pixel_values=pixels).last_hidden_state
        asked = self._network.text_encoder(
            input_ids=question,
            attention_mask=torch.ones_like(question),
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        ).last_hidden_state
        start = torch.full((1, 1), self._network.decoder_start_token_id, device=asked.device)
        answered = self._network.text_decoder(
            input_ids=start, encoder_hidden_states=asked, encoder_attention_mask=torch.ones_like(question)
        )
        logits: Tensor = answered.logits[0, -1]
        return logits
