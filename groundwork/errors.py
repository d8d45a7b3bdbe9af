"""The base of every error that the tools raise on purpose, and the kinds that all rooms share.

    UserError                 exit code 2 unless a subclass says otherwise
    ├── UsageError            a flag, name, value or combination that cannot work
    ├── InputError            a file that people gave us is missing or broken
    │   └── ImageError        missing, truncated or unreasonably large picture, or one of the wrong size
    └── WeightsMissing        weights that are neither on disk nor reachable

`bench.errors` and `realiz3d.errors` add their own kinds below these. A message says what is wrong; `where` says in
which file, line and field; `expected` what would have been right; `hint` what to do. The command line prints these
four and no traceback unless `--debug` is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from pydantic import ValidationError

Kind = TypeVar("Kind", bound="UserError")

EXIT_OK = 0
EXIT_REGRESSION = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """An error for people. `str(error)` is the whole message, one part a line."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, where: str = "", expected: str = "", hint: str = "") -> None:
        self.message, self.where, self.expected, self.hint = message, where, expected, hint
        parts = [message]
        parts += [f"  where:    {where}"] if where else []
        parts += [f"  expected: {expected}"] if expected else []
        parts += [f"  do:       {hint}"] if hint else []
        super().__init__("\n".join(parts))

    def about(self, subject: str) -> Self:
        """The same error, its message opened by `subject` ("generator 'mine'") unless it says so already."""
        if subject in self.message:
            return self
        return _rebuild(type(self), f"{subject}: {self.message}", self.where, self.expected, self.hint)

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments do not survive the default pickling, and errors cross process borders
        return (_rebuild, (type(self), self.message, self.where, self.expected, self.hint))


def _rebuild(kind: type[Kind], message: str, where: str, expected: str, hint: str) -> Kind:
    return kind(message, where=where, expected=expected, hint=hint)


class UsageError(UserError):
    """Something was asked for in a way that cannot work."""


class InputError(UserError):
    """A file that was given to us is missing, broken or unusable."""


class ImageError(InputError):
    """A picture is missing, truncated, blank, of the wrong size or unreasonably large."""


class WeightsMissing(UserError):
    """Weights of a network are not on disk and could not be fetched."""


def first_finding(error: ValidationError) -> tuple[str, str]:
    """The first thing that pydantic found wrong: where in the document, as 'rows.0.value', and what."""
    first = error.errors(include_url=False)[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"]


def nearest(name: str, valid: Iterable[str]) -> str:
    """A hint that names the closest valid name: `did you mean 'loo_psnr'? Valid: a, b, c`."""
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listed = f"Valid: {', '.join(names)}" if names else ""
    return f"did you mean '{close[0]}'? {listed}" if close else listed
