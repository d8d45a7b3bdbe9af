"""Values that several metrics, generators or comparisons ask for again: computed once, as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")

ROOM = 256 * 2**20  # bytes


class Kept(Generic[Value]):
    """The values that were asked for last, by what they are of; `size` tells the bytes of one. For any thread."""

    def __init__(self, size: Callable[[Value], int], room: int = ROOM) -> None:
        self._size, self._room = size, room
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._taken = 0
        self._lock = Lock()

    def get(self, of: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `of`, made when it is not there. What `make` raises is not kept."""
        with self._lock:
            if of in self._values:
                self._values.move_to_end(of)
                return self._values[of][0]
        value = make()
        with self._lock:
            if of not in self._values:
                size = self._size(value)
                self._values[of] = value, size
                self._taken += size
            while self._taken > self._room and len(self._values) > 1:
                _, (_, size) = self._values.popitem(last=False)
                self._taken -= size
        return value

    def there(self, of: Hashable) -> Value | None:
        """The value of `of` where it was made before."""
        with self._lock:
            return self._values[of][0] if of in self._values else None

    def __reduce__(self) -> Any:
        """Copies in other processes start empty."""
        return Kept, (self._size, self._room)


def array_bytes(*values: Any) -> int:
    """Of arrays, and of tuples of them."""
    return sum(
        array_bytes(*value) if isinstance(value, tuple) else int(getattr(value, "nbytes", 8)) for value in values
    )
