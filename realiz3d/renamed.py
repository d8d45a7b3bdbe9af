"""Old names of arguments, so that code and files that use them keep working."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from realiz3d.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def accepts_old_name(old: str, new: str) -> Callable[[F], F]:
    """A decorator: the keyword argument `old` is taken for `new`. Raises `UsageError` when a call has both."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if old in kwargs:
                if new in kwargs:
                    raise UsageError(f"{old} is the old name of {new}, and both are given", expected=new)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return cast(F, wrapper)

    return decorate
