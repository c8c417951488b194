"""The weights in a PyTorch file of the older format, read without PyTorch.

Such a file is five pickles, one after the other: a magic number, the version, the machine it was written on, the
state dict, and the list of storage keys. Then comes, for each key, how many numbers the storage holds (int64) and
the numbers themselves, little-endian. In the state dict stand no numbers: each tensor is a call of
``_rebuild_tensor_v2`` on a *persistent id* that names a storage, with an offset, a shape and strides
(https://github.com/pytorch/pytorch/blob/v1.5.0/torch/serialization.py, ``_legacy_save``).

A pickle is a program, and may call what it likes. Here it may only build what a state dict is made of.
"""

import io
import math
import pickle
import pickletools
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import ModelError
from explorer.settings import MEGABYTE

MAX_WEIGHTS_BYTES = 200 * MEGABYTE
MAX_MEMO = 100_000
"""Largest memo index: pickle sets aside memory for all the indices below it."""

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

DTYPES = {("torch", "FloatStorage"): "<f4", ("torch", "LongStorage"): "<i8"}
OPCODES = frozenset({
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "LONG_BINPUT", "BINGET",
    "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT",
    "SETITEM", "SETITEMS",
})  # fmt: skip
"""The pickle instructions that a state dict needs."""
MALFORMED = (
    pickle.UnpicklingError, struct.error, EOFError, ValueError, TypeError, AttributeError, LookupError, OverflowError,
)  # fmt: skip
"""What pickle, struct and NumPy raise on bytes that are not what they should be."""


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_weights(path: Path, *, max_bytes: int = MAX_WEIGHTS_BYTES) -> dict[str, NDArray[Any]]:
    """The arrays of a ``.pth`` file that holds a state dict in PyTorch's older format.

    Args:
        path: the file.
        max_bytes: largest file that is opened, in bytes.

    Returns:
        Name → float32 or int64 array, read-only, in the order of the file. The arrays are views on the bytes of
        the file, so that no header can ask for more memory than the file is long.

    Raises:
        ModelError: no such file, a longer one than allowed, one that is cut short, or one that holds anything but
            a dictionary of float32 and int64 tensors.

    >>> read_torch_weights(Path("nowhere.pth"))
    Traceback (most recent call last):
    ...
    explorer.errors.ModelError: The weights file nowhere.pth cannot be read: No such file or directory.
    """
    content = _content(path, max_bytes)
    stream = io.BytesIO(content)
    try:
        _check_header(stream)
        state = _unpickle(stream)
        keys = _unpickle(stream)
        storages = _read_storages(content, stream.tell(), keys, _storages_of(state))
        return {name: _array(tensor, storages[tensor.storage.key]) for name, tensor in state.items()}
    except MALFORMED as error:
        raise ModelError(
            f"{path.name} is damaged, or is not a PyTorch state dict in the older format, the only one that is "
            f"read here ({error}). Install the file again."
        ) from error


def _content(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ModelError(f"The weights file {path.name} cannot be read: {error.strerror}.") from error
    if len(content) > max_bytes:
        raise ModelError(f"The weights file {path.name} is longer than {max_bytes:,} bytes, the limit.")
    return content


def _check_header(stream: io.BytesIO) -> None:
    magic, protocol, machine = _unpickle(stream), _unpickle(stream), _unpickle(stream)
    if magic != MAGIC or protocol != PROTOCOL or machine["little_endian"] is not True:
        raise ValueError("it starts otherwise")


def _unpickle(stream: io.BytesIO) -> Any:
    start = stream.tell()
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name not in OPCODES:
            raise pickle.UnpicklingError(f"a state dict has no {opcode.name}")
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > MAX_MEMO:
            raise pickle.UnpicklingError(f"memo index {argument} is above {MAX_MEMO}")
    stream.seek(start)
    return _StateDictUnpickler(stream).load()


class _StateDictUnpickler(pickle.Unpickler):
    """Knows four names. Of tensors and storages it makes notes, to be filled in when their numbers are read."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) in DTYPES:
            return DTYPES[module, name]
        raise pickle.UnpicklingError(f"a state dict has no {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, count, view = pid
        if kind != "storage" or view is not None or dtype not in DTYPES.values() or type(key) is not str:
            raise pickle.UnpicklingError("a storage is described otherwise than expected")
        return _Storage(key, dtype, _natural(count))

    @staticmethod
    def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
        if type(storage) is not _Storage or type(shape) is not tuple or type(strides) is not tuple:
            raise pickle.UnpicklingError("a tensor is described otherwise than expected")
        return _Tensor(storage, _natural(offset), tuple(map(_natural, shape)), tuple(map(_natural, strides)))


def _natural(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise pickle.UnpicklingError(f"{number!r} is not a natural number")
    return number


def _storages_of(state: Any) -> dict[str, _Storage]:
    if not isinstance(state, dict):
        raise pickle.UnpicklingError("it holds no dictionary")
    for name, tensor in state.items():
        if type(name) is not str or type(tensor) is not _Tensor:
            raise pickle.UnpicklingError("its dictionary holds something other than tensors by name")
    return {tensor.storage.key: tensor.storage for tensor in state.values()}


def _read_storages(content: bytes, start: int, keys: Any, known: dict[str, _Storage]) -> dict[str, NDArray[Any]]:
    arrays = {}
    for key in keys:
        storage = known[key]
        (count,) = struct.unpack_from("<q", content, start)
        if count != storage.count:
            raise ValueError(f"a storage of {storage.count} numbers is said to hold {count}")
        start += 8
        arrays[key] = np.frombuffer(content, storage.dtype, count, start)  # ValueError when the file is too short
        start += arrays[key].nbytes
    return arrays


def _array(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[Any]:
    step = storage.itemsize
    if storage.dtype != np.dtype(tensor.storage.dtype) or math.prod(tensor.shape) > storage.size:
        raise ValueError(f"a tensor of shape {tensor.shape} is larger than its storage")
    return np.ndarray(  # ValueError when it would reach outside the storage
        tensor.shape, storage.dtype, storage, tensor.offset * step, [stride * step for stride in tensor.strides]
    )
