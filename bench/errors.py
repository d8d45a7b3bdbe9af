"""Every error that the tools raise on purpose, in one tree.

    BenchError                      exit code 2 unless a subclass says otherwise
    ├── UsageError                  wrong flag, unknown name, a run folder of another suite
    │   └── SuiteError              the suite file: carries file, line and field
    │       └── SuiteErrors         several of them, found in one reading
    ├── InputError                  a file that people gave us is missing or broken
    │   ├── ImageError              missing view, wrong size, blank or truncated picture
    │   ├── MeshError               no faces, no texture coordinates, unreadable file
    │   └── ReferenceSetError         a reference set that cannot be used (empty, too small, unpinned)
    ├── WeightsMissing              network weights that are neither on disk nor reachable
    ├── ExtractorError              an extractor broke its protocol or failed on a picture
    └── GeneratorError              a generator broke its protocol or failed on a case

A message says what is wrong; `where` says in which file, line and field; `expected` what would have been right;
`hint` what to do. The command line prints these four and no traceback unless `--debug` is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

EXIT_OK = 0
EXIT_REGRESSION = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130


class BenchError(Exception):
    """An error for people. `str(error)` is the whole message, one part a line."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, where: str = "", expected: str = "", hint: str = "") -> None:
        self.message, self.where, self.expected, self.hint = message, where, expected, hint
        parts = [message]
        parts += [f"  where:    {where}"] if where else []
        parts += [f"  expected: {expected}"] if expected else []
        parts += [f"  do:       {hint}"] if hint else []
        super().__init__("\n".join(parts))

    def about(self, subject: str) -> BenchError:
        """The same error, its message opened by `subject` ("generator 'mine'") unless it says so already."""
        if subject in self.message:
            return self
        return _rebuild(type(self), f"{subject}: {self.message}", self.where, self.expected, self.hint)

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments do not survive the default pickling, and errors cross process borders
        return (_rebuild, (type(self), self.message, self.where, self.expected, self.hint))


def _rebuild(kind: type[BenchError], message: str, where: str, expected: str, hint: str) -> BenchError:
    return kind(message, where=where, expected=expected, hint=hint)


class UsageError(BenchError):
    """The command was called in a way that cannot work."""


class SuiteError(UsageError):
    """The suite file is wrong; `where` is `file:line: field`."""


class SuiteErrors(SuiteError):
    """Everything that is wrong with a suite, one block each; `problems` holds the single errors."""

    def __init__(self, problems: Sequence[SuiteError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(map(str, problems)))

    def __reduce__(self) -> tuple[object, ...]:
        return (SuiteErrors, (self.problems,))


class InputError(BenchError):
    """A file that was given to us is missing, broken or unusable."""


class ImageError(InputError):
    """A picture is missing, truncated, blank, of the wrong size or unreasonably large."""


class MeshError(InputError):
    """A mesh file cannot be read or lacks what the task needs."""


class ReferenceSetError(InputError):
    """A reference set cannot be used."""


class WeightsMissing(BenchError):
    """Weights of a network are not on disk and could not be fetched."""


class ExtractorError(BenchError):
    """An extractor failed on a picture or broke its protocol. `names` are those that the failing network serves."""

    names: tuple[str, ...] = ()


class GeneratorError(BenchError):
    """A generator failed on a case or broke its protocol."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """A hint that names the closest valid name: `did you mean 'loo_psnr'? Valid: a, b, c`."""
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listed = f"Valid: {', '.join(names)}" if names else ""
    return f"did you mean '{close[0]}'? {listed}" if close else listed
