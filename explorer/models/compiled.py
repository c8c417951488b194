"""Functions compiled for one network, each built once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import tensorflow as tf

MAX_COMPILED = 32
"""Most compiled functions kept for one network; the one that was not used for longest goes first."""

Compiled = Callable[..., Any]


class CompiledFunctions:
    """Compiled functions by what they depend on.

    Attributes:
        lock: held while a function is being compiled, and free for other work that two threads must not do at once.

    >>> functions = CompiledFunctions()
    >>> functions.get("double", lambda: lambda x: 2 * x)(4)
    8
    """

    def __init__(self) -> None:
        """None yet."""
        self.lock = threading.RLock()
        self._kept: OrderedDict[Hashable, Compiled] = OrderedDict()

    def get(self, key: Hashable, build: Callable[[], Compiled]) -> Compiled:
        """The function of this name: built once under the lock, then kept while it is in use."""
        with self.lock:
            if key not in self._kept:
                self._kept[key] = build()
                while len(self._kept) > MAX_COMPILED:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def register_gradient(name: str, gradient: Callable[[Any, Any], Any]) -> None:
    """Name a gradient in TensorFlow's registry, for ``gradient_override_map``: no layer is patched.

    Args:
        name: unique. Once for the process; that another visitor's thread was first does no harm.
        gradient: operation, gradient of its output → gradient of its input.
    """
    with suppress(KeyError):
        tf.RegisterGradient(name)(gradient)
