"""A shelf for results that take seconds: shared between visitors, bounded by bytes, the least recently used go first.

``st.cache_resource`` counts entries and not bytes, and it keeps a page from drawing progress while it computes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Kept = TypeVar("Kept")


class Shelf:
    """Results by key.

    >>> shelf = Shelf(max_bytes=10)
    >>> shelf.get_or_make("a", lambda: "one", lambda _: 6), shelf.get_or_make("a", lambda: "other", lambda _: 6)
    ('one', 'one')
    >>> _ = shelf.get_or_make("b", lambda: "two", lambda _: 6)
    >>> shelf.get("a") is None
    True
    """

    def __init__(self, max_bytes: int) -> None:
        """An empty shelf for at most so many bytes; one result may be larger, and is then kept alone."""
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """What is kept under the key; None where nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def get_or_make(self, key: Hashable, make: Callable[[], Kept], size: Callable[[Kept], int]) -> Kept:
        """What is kept under the key, else what ``make`` gives, which is then kept.

        Args:
            key: everything that the result depends on.
            make: makes it. Two visitors may make the same at the same time; an error keeps nothing.
            size: of the result, in bytes.
        """
        found = self.get(key)
        if found is not None:
            return found  # type: ignore[no-any-return]
        made = make()
        with self._lock:
            self._kept[key] = (made, size(made))
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(one for _, one in self._kept.values()) > self.max_bytes:
                self._kept.popitem(last=False)
        return made
