"""Reading metric signatures: are two numbers measured alike, and if not, where do they differ?"""

from __future__ import annotations

from collections.abc import Iterable


def signature_fields(signature: str) -> dict[str, str]:
    """The parts of a signature in order: `key=value` by its key, a bare word such as the metric's name by its place.

    >>> signature_fields("fid extractor=inception n=160 v1")
    {'metric': 'fid', 'extractor': 'inception', 'n': '160', 'version': 'v1'}
    """
    fields: dict[str, str] = {}
    for position, token in enumerate(signature.split()):
        key, separator, value = token.partition("=")
        if separator:
            fields[key] = value
        elif position == 0:
            fields["metric"] = token
        elif token[0] == "v" and token[1:].isdigit():
            fields["version"] = token
        else:
            fields[token] = "yes"
    return fields


def signature_difference(signatures: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """(key, its value in each distinct signature) for every key on which they disagree; '-' where one lacks it."""
    parsed = [signature_fields(signature) for signature in dict.fromkeys(signatures)]
    keys = dict.fromkeys(key for fields in parsed for key in fields)
    differences = []
    for key in keys:
        values = tuple(fields.get(key, "-") for fields in parsed)
        if len(set(values)) > 1:
            differences.append((key, values))
    return differences


def describe_difference(signatures: Iterable[str]) -> str:
    """One line for people: `n: 160 | 152; resize: clean | bilinear`."""
    return "; ".join(f"{key}: {' | '.join(values)}" for key, values in signature_difference(signatures))
