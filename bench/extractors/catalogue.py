"""Which feature extractors there are, by name."""

from __future__ import annotations

from contextlib import suppress

from bench.errors import ExtractorError, UsageError
from bench.extractors.protocol import Extractor
from bench.plugins.guard import plugin_code
from groundwork.registry import Registry

EXTRACTORS = Registry(
    kind="extractor",
    group="realiz3d_bench.extractors",
    built_in={
        "clip": "bench.extractors.clip:clip_extractor",
        "clip_336": "bench.extractors.clip:clip_336_extractor",
        "dinov2": "bench.extractors.dinov2:dinov2_extractor",
        "efficientnet_lite0": "bench.extractors.efficientnet_lite0:pooled_extractor",
        "efficientnet_lite0_interior": "bench.extractors.efficientnet_lite0_interior:interior_extractor",
        "efficientnet_lite0_texture": "bench.extractors.efficientnet_lite0:texture_extractor",
        "inception": "bench.extractors.inception:inception_extractor",
    },
)


def load_extractor(name: str, device: str = "cpu", offline: bool = False) -> Extractor:
    """The extractor called `name` with its weights on `device`.

    A plug-in is called the same way: `factory(device=..., offline=...)`. With `offline`, nothing is fetched. Raises
    `UsageError` for an unknown name, or an extractor that calls itself otherwise, `WeightsMissing` when the weights
    are not available, and `ExtractorError` for one that breaks its protocol.
    """
    factory = EXTRACTORS.load(name)
    with plugin_code(f"extractor '{name}'", "its factory"):
        extractor: Extractor = factory(device=device, offline=offline)
    check_extractor(extractor, name)
    with suppress(AttributeError):  # its class may say so itself
        extractor.device = device  # type: ignore[attr-defined]
    return extractor


def check_extractor(extractor: object, name: str) -> None:
    """Hold an extractor to what it must say of itself.

    Raises `ExtractorError`, `UsageError` for a name that is not `name`, and `WeightsMissing` as it does.
    """

    def refuse(what: str, expected: str) -> ExtractorError:
        return ExtractorError(f"extractor '{name}': {what}", expected=expected)

    found, size = (getattr(extractor, attribute, None) for attribute in ("name", "dimension"))
    if not isinstance(found, str) or not found:
        raise refuse(f"its name is {found!r}", "the name that suites use")
    if found != name:  # features are filed under the name; two plug-ins of one name would share them
        raise UsageError(
            f"extractor '{name}' calls itself '{found}'",
            expected="the same name in the suite and in the extractor's attribute `name`",
            hint=f"set its `name` to '{name}', or publish it as '{found}' under {EXTRACTORS.group}",
        )
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise refuse(f"its dimension is {size!r}", "a whole number: how many features a picture has")
    for method in ("fingerprint", "signature", "extract"):
        if not callable(getattr(extractor, method, None)):
            raise refuse(f"it lacks {method}()", "the methods of Extractor in bench/extractors/protocol.py")
    for method in ("fingerprint", "signature"):
        with plugin_code(f"extractor '{name}'", f"{method}()"):
            text = getattr(extractor, method)()
        if not isinstance(text, str) or not text.isprintable() or not text:
            raise refuse(f"{method}() gave {text!r}", "a text on one line")
