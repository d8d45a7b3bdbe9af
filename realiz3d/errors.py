"""Every error that Realiz3D raises on purpose, in one tree.

    RealizError
    ├── UsageError            a value, shape or combination that cannot work
    │   ├── HostRefused       a network that cannot host the method, with the reason
    │   └── OutOfOrder        calls in an order that would give a silently wrong result
    ├── DataError             training data that are missing, broken or unsafe to read
    ├── WeightsMissing        a checkpoint that is neither on disk nor reachable
    └── DependencyMissing     an optional package that is not installed

A message says what is wrong; `where` says in which file, module or field; `expected` what would have been right; `hint`
what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RealizError(Exception):
    """An error for people. `str(error)` is the whole message, one part a line."""

    def __init__(self, message: str, *, where: str = "", expected: str = "", hint: str = "") -> None:
        self.message, self.where, self.expected, self.hint = message, where, expected, hint
        parts = [message]
        parts += [f"  where:    {where}"] if where else []
        parts += [f"  expected: {expected}"] if expected else []
        parts += [f"  do:       {hint}"] if hint else []
        super().__init__("\n".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments do not survive the default pickling, and errors cross process borders
        return (_rebuild, (type(self), self.message, self.where, self.expected, self.hint))


def _rebuild(kind: type[RealizError], message: str, where: str, expected: str, hint: str) -> RealizError:
    return kind(message, where=where, expected=expected, hint=hint)


class UsageError(RealizError):
    """Something was asked for in a way that cannot work."""


class HostRefused(UsageError):
    """This network cannot host the method; the message says why."""


class OutOfOrder(UsageError):
    """A call came too early or too late; going on would give a silently wrong result."""


class DataError(RealizError):
    """Training data are missing, broken, or not safe to read."""


class WeightsMissing(RealizError):
    """Weights are not on disk and could not be fetched."""


class DependencyMissing(RealizError):
    """An optional package is not installed."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """A hint that names the closest valid name: `did you mean 'pixart'? Valid: a, b, c`."""
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listed = f"Valid: {', '.join(names)}" if names else ""
    return f"did you mean '{close[0]}'? {listed}" if close else listed
