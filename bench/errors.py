"""The benchmark's errors: the shared kinds (`groundwork.errors`), and its own below them.

BenchError                      any error for people, whoever raises it: `groundwork.errors.UserError`
├── UsageError                  wrong flag, unknown name, a run folder of another suite
│   └── SuiteError              the suite file: carries file, line and field
│       └── SuiteErrors         several of them, found in one reading
├── InputError                  a file that people gave us is missing or broken
│   ├── ImageError              missing view, wrong size, blank or truncated picture
│   ├── MeshError               no faces, no texture coordinates, unreadable file
│   └── ReferenceSetError       a reference set that cannot be used (empty, too small, unpinned)
├── WeightsMissing              network weights that are neither on disk nor reachable
├── ExtractorError              an extractor broke its protocol or failed on a picture
├── GeneratorError              a generator broke its protocol or failed on a case
└── PluginError                 code of others raised what nobody expected, or answered against its protocol
"""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.errors import (
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_REGRESSION,
    EXIT_USAGE,
    ImageError,
    InputError,
    UsageError,
    UserError,
    WeightsMissing,
    nearest,
)

__all__ = [
    "EXIT_INCOMPLETE",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_REGRESSION",
    "EXIT_USAGE",
    "BenchError",
    "ExtractorError",
    "GeneratorError",
    "ImageError",
    "InputError",
    "MeshError",
    "PluginError",
    "ReferenceSetError",
    "SuiteError",
    "SuiteErrors",
    "UsageError",
    "WeightsMissing",
    "nearest",
]

BenchError = UserError


class SuiteError(UsageError):
    """The suite file is wrong; `where` is `file:line: field`."""


class SuiteErrors(SuiteError):
    """Everything that is wrong with a suite, one block each; `problems` holds the single errors."""

    def __init__(self, problems: Sequence[SuiteError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(map(str, problems)))

    def __reduce__(self) -> tuple[object, ...]:
        return (SuiteErrors, (self.problems,))


class MeshError(InputError):
    """A mesh file cannot be read or lacks what the task needs."""


class ReferenceSetError(InputError):
    """A reference set cannot be used."""


class ExtractorError(BenchError):
    """An extractor failed on a picture or broke its protocol. `names` are those that the failing network serves."""

    names: tuple[str, ...] = ()


class GeneratorError(BenchError):
    """A generator failed on a case or broke its protocol."""


class PluginError(BenchError):
    """A plug-in raised something unexpected or broke its protocol; the message names it."""
