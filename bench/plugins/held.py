"""Metrics as the run sees them: the plug-in's own methods, each answer held to the protocol, each failure named.

What goes wrong costs the metric its own rows. A metric that fails while it is made ready (weights, prompts, signature)
answers every sample with that failure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError, PluginError
from bench.metrics.declaration import (
    ErrorScale,
    FeatureSet,
    Measurement,
    ObjectMetric,
    Result,
    Sample,
    SetMetric,
    object_order,
)
from bench.plugins.guard import plugin_code
from bench.stats.difference import Difference

if TYPE_CHECKING:
    from torch import Tensor

    from bench.references.reference_set import ReferenceFeatures

LARGEST = 1e100
"""No measured number is larger, and sums of squares of such numbers still have a value."""

Answer = TypeVar("Answer")


def hold(metric: Any, name: str) -> Any:
    """A metric of a class that fits, held to its protocol. Raises `BenchError` when what it declares is wrong."""
    with plugin_code(f"metric '{name}'", "what it says of itself"):
        if isinstance(metric, ObjectMetric):
            return HeldObjectMetric(metric, name)
        return HeldSetMetric(metric, name) if isinstance(metric, SetMetric) else metric


class HeldObjectMetric(ObjectMetric):
    """An object metric; `plugin` is the metric itself."""

    def __init__(self, plugin: ObjectMetric, name: str) -> None:
        self.plugin, self.what = plugin, f"metric '{name}'"
        self._results = _declared(plugin, self.what)
        self._broken: BenchError | None = None
        self._missing: Mapping[str, str] = {}
        self._said = ""
        self.needs_mesh = _kind(plugin.needs_mesh, bool, f"{self.what}: needs_mesh")  # type: ignore[misc]
        self.error_scale = _scale(plugin, self._results, self.what)  # type: ignore[misc]
        self.never_primary = _reasons(plugin.never_primary, f"{self.what}: its never_primary")  # type: ignore[misc]
        if type(plugin).prepare is ObjectMetric.prepare:
            _text(plugin, self.what)  # others say it when their weights are there

    @property
    def broken(self) -> BenchError | None:
        """What kept the metric from being made ready."""
        return self._broken

    def results(self) -> tuple[Result, ...]:
        """As it declared them."""
        return self._results

    def see_prompts(self, prompts: tuple[str, ...]) -> None:
        """Titles and the signature may tell of the prompts."""
        self._try("see_prompts", prompts)
        self._said = ""
        try:
            told = _declared(self.plugin, self.what)
            if [result.name for result in told] != [result.name for result in self._results]:
                raise PluginError(f"{self.what}: results() has other names once it saw the prompts")
            self._results = told
        except BenchError as error:
            self._broken = self._broken or error

    def prepare(self, device: str, offline: bool) -> None:
        """Also asks what is missing, and for the signature."""
        self._try("prepare", device, offline)
        found = self._try("missing")
        try:
            self._missing = _reasons({} if self._broken else found, f"{self.what}: what missing() gave")
            self._said = _text(self.plugin, self.what)
        except BenchError as error:
            self._broken = self._broken or error

    def missing(self) -> Mapping[str, str]:
        """As it said when it was made ready."""
        return self._missing

    def parameters(self) -> str:
        """As it said when it was made ready; 'unknown' of a broken metric."""
        return "unknown" if self._broken else self._said or _text(self.plugin, self.what)

    def measure(self, sample: Sample) -> dict[str, Measurement]:
        """One checked measurement for each result that has its weights. Raises `BenchError` for all that is not so."""
        if self._broken is not None:
            raise self._broken.with_traceback(None)  # the same one each time
        with plugin_code(self.what, "measure()"):
            answer = self.plugin.measure(sample)
        names = [result.name for result in self._results if result.name not in self._missing]
        return {name: _measurement(answer, name, len(sample.views), self.what) for name in names}

    def error_map(self, sample: Sample) -> Tensor:
        """The checked map (V, H, W)."""
        from torch import Tensor

        if self._broken is not None:
            raise self._broken.with_traceback(None)  # the same one each time
        with plugin_code(self.what, "error_map()"):
            errors = self.plugin.error_map(sample)
        wanted = tuple(sample.views.shape[:3])
        if not isinstance(errors, Tensor) or tuple(errors.shape) != wanted:
            got = tuple(errors.shape) if isinstance(errors, Tensor) else type(errors).__name__
            raise PluginError(f"{self.what}: error_map() gave {got}", expected=f"a tensor of shape {wanted}: (V, H, W)")
        return errors

    def _try(self, method: str, *arguments: object) -> object:
        if self._broken is not None:
            return None
        try:
            with plugin_code(self.what, f"{method}()"):
                found: object = getattr(self.plugin, method)(*arguments)
        except BenchError as error:
            self._broken = error
            return None
        return found


class HeldSetMetric(SetMetric):
    """A set metric; `plugin` is the metric itself."""

    def __init__(self, plugin: SetMetric, name: str) -> None:
        self.plugin, self.what = plugin, f"metric '{name}'"
        for attribute in ("extractor", "reference"):
            _kind(getattr(plugin, attribute, None), str, f"{self.what}: its attribute `{attribute}`")
        self.extractor, self.reference = plugin.extractor, plugin.reference
        (self._result,) = _declared(plugin, self.what)
        self._parameters = _text(plugin, self.what)
        self.limits = _limits(plugin, self.what)  # type: ignore[misc]

    def result(self) -> Result:
        """As it declared it."""
        return self._result

    def parameters(self) -> str:
        """As it said when it was made."""
        return self._parameters

    def distance(self, generated: FeatureSet, reference: ReferenceFeatures) -> float:
        """A finite number. Raises `PluginError` for anything else."""
        with plugin_code(self.what, "distance()"):
            found = self.plugin.distance(generated, reference)
        if not _is_number(found):
            raise PluginError(f"{self.what}: distance() gave {found!r}", expected="a finite number")
        return float(found)

    def leave_one_object_out(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64]:
        """One number per object. Raises `PluginError` for other answers."""
        with plugin_code(self.what, "leave_one_object_out()"):
            found = np.asarray(self.plugin.leave_one_object_out(generated, reference), dtype=np.float64)
        objects = len(object_order(generated.objects))
        if found.shape != (objects,) or np.isinf(found).any() or (np.abs(found) > LARGEST).any():
            raise PluginError(
                f"{self.what}: leave_one_object_out() gave {found.shape[0] if found.ndim == 1 else found.shape} numbers"
                + (", some infinite" if found.shape == (objects,) else ""),
                expected=f"one number for each of {objects} objects, NaN where too little remains",
            )
        return found

    def pair_values(self, generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.float64] | None:
        """Finite numbers (objects, objects), or None. Raises `PluginError` for other answers."""
        with plugin_code(self.what, "pair_values()"):
            found = self.plugin.pair_values(generated, reference)
            values = None if found is None else np.asarray(found, dtype=np.float64)
        objects = len(object_order(generated.objects))
        if values is not None and not (values.shape == (objects, objects) and np.isfinite(values).all()):
            raise PluginError(
                f"{self.what}: pair_values() gave {_short(found)}",
                expected=f"finite numbers ({objects}, {objects}): one for each pair of objects, or None",
            )
        return values

    def notes(self, reference: ReferenceFeatures) -> tuple[str, ...]:
        """Texts. Raises `PluginError` for other answers."""
        with plugin_code(self.what, "notes()"):
            found: object = getattr(self.plugin, "notes", lambda _: ())(reference)
        if not (isinstance(found, tuple) and all(isinstance(text, str) for text in found)):
            raise PluginError(f"{self.what}: notes() gave {_short(found)}", expected="a tuple of texts")
        return found

    def difference(self, a: FeatureSet, b: FeatureSet, reference: ReferenceFeatures) -> Difference | None:
        """A tested difference. Raises `PluginError` for other answers."""
        with plugin_code(self.what, "difference()"):
            found: object = self.plugin.difference(a, b, reference)
        if found is not None and not (isinstance(found, Difference) and _is_number(found.estimate)):
            raise PluginError(f"{self.what}: difference() gave {_short(found)}", expected="a Difference, or None")
        return found


def _declared(plugin: ObjectMetric | SetMetric, what: str) -> tuple[Result, ...]:
    """What the metric says that it yields."""
    method = "result" if isinstance(plugin, SetMetric) else "results"
    with plugin_code(what, f"{method}()"):
        found = plugin.result() if isinstance(plugin, SetMetric) else plugin.results()
    results: object = (found,) if isinstance(plugin, SetMetric) else found
    if not isinstance(results, tuple | list) or not all(isinstance(result, Result) for result in results):
        raise PluginError(
            f"{what}: {method}() gave {_short(found)}",
            expected="a Result" if method == "result" else "a tuple of Result, one for each number",
        )
    if not results:
        raise PluginError(f"{what}: results() is empty", expected="at least one Result: what the metric yields")
    names = [result.name for result in results]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PluginError(f"{what}: results() names '{twice}' twice", expected="a name of its own for each number")
    return tuple(results)


def _text(plugin: ObjectMetric | SetMetric, what: str) -> str:
    """What the metric adds to its signature."""
    with plugin_code(what, "parameters()"):
        found: object = plugin.parameters()
    last = found.split(" ")[-1] if isinstance(found, str) else ""
    if not isinstance(found, str) or not found.isprintable() or not (last[:1] == "v" and last[1:].isdecimal()):
        raise PluginError(
            f"{what}: parameters() gave {_short(found)}",
            expected="a text on one line that ends with the metric's version, such as 'k=3 v1'",
        )
    return found


def _scale(plugin: ObjectMetric, results: Sequence[Result], what: str) -> ErrorScale | None:
    scale: object = plugin.error_scale
    if scale is None:
        return None
    if not isinstance(scale, ErrorScale) or scale.result not in [result.name for result in results]:
        raise PluginError(
            f"{what}: its error_scale is {_short(scale)}", expected="an ErrorScale of one of the metric's own results"
        )
    if type(plugin).error_map is ObjectMetric.error_map:
        raise PluginError(f"{what} has an error_scale but no error_map()", expected="both, or neither")
    return scale


def _limits(plugin: SetMetric, what: str) -> tuple[float, float]:
    found: object = plugin.limits
    if isinstance(found, tuple) and len(found) == 2 and all(isinstance(end, int | float) for end in found):
        low, high = found
        if low < high:
            return float(low), float(high)
    raise PluginError(f"{what}: its limits are {_short(found)}", expected="(lowest, highest) value")


def _reasons(value: object, what: str) -> Mapping[str, str]:
    if isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair):
        return dict(value)
    raise PluginError(f"{what} is {_short(value)}", expected="a mapping from results to the reason of each")


def _measurement(answer: object, name: str, views: int, what: str) -> Measurement:
    found = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(found, Measurement):
        got = "no answer" if found is None else f"an answer of type {type(found).__name__}"
        raise PluginError(f"{what} gave {got} for '{name}'", expected="a Measurement for each result")
    if found.status not in ("ok", "not_measurable"):
        raise PluginError(
            f"{what} gave '{name}' the status {found.status!r}", expected="'ok', 'not_measurable', or an exception"
        )
    if found.status == "ok" and not (_is_number(found.value) and all(map(_is_number, found.per_view))):
        raise PluginError(
            f"{what} gave {', '.join(map(str, (found.value, *found.per_view)))} for '{name}'",
            expected="finite numbers, or the status not_measurable",
        )
    if len(found.per_view) not in (0, views):
        raise PluginError(
            f"{what} gave {len(found.per_view)} values per view for '{name}'", expected=f"{views}, or none"
        )
    if not (found.coverage is None or (_is_number(found.coverage) and 0.0 <= found.coverage <= 1.0)):
        raise PluginError(f"{what} gave '{name}' the coverage {found.coverage!r}", expected="a fraction from 0 to 1")
    return found


def _is_number(value: object) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return number and math.isfinite(value) and abs(value) <= LARGEST  # type: ignore[arg-type]


def _kind(value: object, kind: type[Answer], what: str) -> Answer:
    if not isinstance(value, kind) or value == "":
        raise PluginError(f"{what} is {_short(value)}", expected=f"{'a text' if kind is str else 'True or False'}")
    return value


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # a stranger's __repr__
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."
