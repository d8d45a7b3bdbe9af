"""Realiz3D's errors: the shared kinds (`groundwork.errors`), and its own below them.

RealizError               any error for people: `groundwork.errors.UserError`
├── UsageError            a value, shape or combination that cannot work
│   ├── HostRefused       a network that cannot host the method, with the reason
│   └── OutOfOrder        calls in an order that would give a silently wrong result
├── InputError            a file that people gave us is missing or broken
│   ├── ImageError        a picture that is missing, truncated or unreasonably large
│   └── DataError         training data that are missing, broken or unsafe to read
├── WeightsMissing        a checkpoint that is neither on disk nor reachable
└── DependencyMissing     an optional package that is not installed
"""

from __future__ import annotations

from groundwork.errors import ImageError, InputError, UsageError, UserError, WeightsMissing, nearest

__all__ = [
    "DataError",
    "DependencyMissing",
    "HostRefused",
    "ImageError",
    "InputError",
    "OutOfOrder",
    "RealizError",
    "UsageError",
    "WeightsMissing",
    "nearest",
]

RealizError = UserError


class HostRefused(UsageError):
    """This network cannot host the method; the message says why."""


class OutOfOrder(UsageError):
    """A call came too early or too late; going on would give a silently wrong result."""


class DataError(InputError):
    """Training data are missing, broken, or not safe to read."""


class DependencyMissing(RealizError):
    """An optional package is not installed."""
