"""What a ``.keras`` file holds, found out without loading it.

Loading a network from a stranger has run code and read files before (CVE-2025-1550, -8747, -9905, CVE-2026-1462,
-1669, -12480), so the file is held against a short list of what is allowed: three entries, layers of Keras, weights.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras

from explorer.errors import ModelError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ENTRIES = (CONFIG, METADATA, WEIGHTS)
OWN_LAYER = ("CaffePreprocessing", "explorer.models.preprocessing", "convnet_explorer>CaffePreprocessing")
"""Class, module and registered name of the one layer of this program that a file may hold."""
MAX_TEXT_BYTES = 32_000_000
"""Most bytes of config.json; that of NASNetLarge has about two million."""

_NETWORKS = ("Functional", "Sequential", "Model")
_MODULES = {
    "keras": (*_NETWORKS, "DTypePolicy", "FloatDTypePolicy"),
    "keras.models": _NETWORKS,
    "keras.src.models.functional": ("Functional",),
    "keras.src.models.sequential": ("Sequential",),
    "keras.dtype_policies": None,
    "keras.layers": None,
    "keras.activations": None,
    "keras.initializers": None,
    "keras.regularizers": None,
    "keras.constraints": None,
}
_OPERATIONS = "keras.src.ops."
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__", "__bytes__"}
_REFUSED = {
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup",
    "TextVectorization",
}  # fmt: skip
"""Layers of Keras that run code from the file, or read other files."""


def read_entries(data: bytes, max_bytes: int) -> dict[str, bytes]:
    """The three entries of a ``.keras`` file.

    Args:
        data: the whole file.
        max_bytes: most bytes of all entries together, unpacked.

    Raises:
        ModelError: it is no such file, is damaged, or unpacks to more than is allowed.

    >>> read_entries(b"GIF89a", 100)
    Traceback (most recent call last):
    explorer.errors.ModelError: This is not a .keras file. Save the network with model.save("name.keras") and try that.
    """
    if data.startswith(b"\x89HDF"):
        raise ModelError(
            "This is an HDF5 file (.h5), which can run code when it is loaded. "
            'Save the network with model.save("name.keras") and try that.'
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_listing(archive.infolist(), max_bytes)
            return {name: _read(archive, name, max_bytes) for name in ENTRIES}
    except ModelError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise ModelError(
            'This is not a .keras file. Save the network with model.save("name.keras") and try that.'
        ) from error
    except Exception as error:  # zlib and its kin have error classes of their own
        raise ModelError("This .keras file is damaged. Save the network again and try that.") from error


def check_config(config: bytes) -> None:
    """Refuse a network with parts that are not Keras's own, or that run code or read files.

    Args:
        config: what ``config.json`` holds. How the network was compiled is passed over: it is not loaded.

    Raises:
        ModelError: it holds such a part, or is no description of a network.

    >>> check_config(b'{"class_name": "Lambda", "module": "keras.layers", "config": {}}')
    Traceback (most recent call last):
    explorer.errors.ModelError: The network holds a 'Lambda', which runs code from the file or reads other files.
    Write it with other layers, and try again.
    """
    try:
        description = json.loads(config)
        parts = list(_parts({**description, "compile_config": None}))
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError("The description of the network in this file is damaged. Save it again.") from error
    if not parts:
        raise ModelError("This file describes no network. Save the whole network, not only its weights.")
    for part in parts:
        _check_part(part)


def check_weights(weights: bytes, max_bytes: int) -> None:
    """Refuse weights that point into other files, or unpack to more than is allowed.

    Args:
        weights: what ``model.weights.h5`` holds.
        max_bytes: most bytes of all arrays together.

    Raises:
        ModelError: they do, or are damaged.
    """
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            total = sum(_array_bytes(array) for array in _arrays(file))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ModelError("The weights in this file are damaged. Save the network again.") from error
    if total > max_bytes:
        raise ModelError(f"The weights unpack to {total:,} bytes; {max_bytes:,} is the limit.")


def _check_listing(entries: list[zipfile.ZipInfo], max_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    for name in names:
        if name not in ENTRIES:
            raise ModelError(f"The file holds {name[:80]!r}; a .keras file of a picture network does not need it.")
    if sorted(names) != sorted(ENTRIES):
        raise ModelError(f"A .keras file holds {', '.join(ENTRIES)}, each once; this one holds {', '.join(names)}.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ModelError("The file is encrypted. Save it without a password.")
    total = sum(entry.file_size for entry in entries)
    if total > max_bytes:
        raise ModelError(f"The file unpacks to {total:,} bytes; {max_bytes:,} is the limit.")


def _read(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    limit = max_bytes if name == WEIGHTS else min(max_bytes, MAX_TEXT_BYTES)
    with archive.open(name) as entry:
        content = entry.read(limit + 1)  # the size in the listing may be a lie
    if len(content) > limit:
        raise ModelError(f"The part {name} of the file has more than {limit:,} bytes, which is the limit.")
    return content


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object that the description would build."""
    if isinstance(node, dict):
        if "class_name" in node:
            yield node
        for value in node.values():
            yield from _parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value)


def _check_part(part: dict[str, Any]) -> None:
    kind, module = part["class_name"], part.get("module")
    registered = str(part.get("registered_name") or "")
    if kind in _REFUSED:
        raise ModelError(
            f"The network holds a {kind!r}, which runs code from the file or reads other files. "
            "Write it with other layers, and try again."
        )
    if module is None and kind in _VALUES:
        return
    if (kind, module, registered) == OWN_LAYER:
        return
    if kind == "function" and module in ("builtins", "keras.activations") and _is_activation(part.get("config")):
        return  # Keras looks these up by name among its own
    if str(module).startswith(_OPERATIONS) and kind != "function":
        return
    allowed: tuple[str, ...] | None = _MODULES.get(str(module), ())
    if allowed is None or kind in allowed:
        return
    raise ModelError(
        f"The network holds {str(kind)[:80]!r} of {str(module or registered or 'an unknown module')[:80]!r}, which is "
        "not a layer of Keras. Only networks made of Keras's own layers can be opened here."
    )


def _is_activation(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and hasattr(keras.activations, name)


def _arrays(group: h5py.Group) -> Iterator[h5py.Dataset]:
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ModelError("The weights point into another file, which is not allowed. Save the network again.")
        member = group[name]
        if isinstance(member, h5py.Group):
            yield from _arrays(member)
        elif isinstance(member, h5py.Dataset):
            yield member


def _array_bytes(array: h5py.Dataset) -> int:
    if array.external or array.is_virtual:
        raise ModelError("The weights point into another file, which is not allowed. Save the network again.")
    return int(array.size or 0) * int(array.dtype.itemsize)
