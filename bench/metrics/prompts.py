"""What a view is compared with when its prompt is: the case's own words, or these with a suffix."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote


def prompt_with(prompt: str, suffix: str) -> str:
    """The case's prompt as it is, or with `suffix` after a comma.

    Papers add words such as 'highly photorealistic and detailed' when they generate. They say nothing of the object, so
    scores use the case's own words unless a suite wants otherwise.
    """
    return f"{prompt.strip()}, {suffix.strip()}" if suffix.strip() else prompt.strip()


def suffix_signature(suffix: str) -> str:
    """`suffix=...` without spaces, for signatures."""
    return f"suffix={quote(suffix.strip(), safe='') or 'none'}"


def wording(prompt: str) -> str:
    """What two prompts that say the same have in common: case and white space do not count, as in CLIP's tokenizer."""
    return " ".join(prompt.split()).lower()


def distinct_prompts(prompts: Iterable[str]) -> tuple[str, ...]:
    """The `wording` of each prompt that says something, once, in order of first appearance."""
    return tuple(dict.fromkeys(wording(prompt) for prompt in prompts if prompt.strip()))
