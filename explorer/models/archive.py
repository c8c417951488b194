"""Networks into ``.keras`` files and back, with the names of their classes.

A saved file is a plain Keras file: ``keras.models.load_model`` opens it and it predicts the same. The class names
are one more line in its ``metadata.json``. A file from elsewhere is inspected first, then loaded once in a process
of its own with bounded time and memory, and only then here.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import keras
import numpy as np
import tensorflow as tf

from explorer import device, settings
from explorer.errors import ModelError
from explorer.models.classifier import Classifier
from explorer.models.inspection import (
    CONFIG,
    ENTRIES,
    METADATA,
    WEIGHTS,
    check_config,
    check_weights,
    read_entries,
)
from explorer.models.layers import layer_paths
from explorer.settings import MAX_MODEL_BYTES, MAX_MODEL_PARAMETERS, TRIAL_MEMORY, TRIAL_SECONDS

TRIAL = "import sys; from explorer.models.archive import trial; trial(sys.argv[1], int(sys.argv[2]))"


@overload
def save_classifier(classifier: Classifier) -> bytes: ...
@overload
def save_classifier(classifier: Classifier, path: Path | str) -> Path: ...
def save_classifier(classifier: Classifier, path: Path | str | None = None) -> bytes | Path:
    """The network as a ``.keras`` file that carries its class names.

    Args:
        classifier: what to save.
        path: where to write it; its folder has to exist.

    Returns:
        The path, or the bytes of the file where no path is given.

    >>> net = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> saved = save_classifier(Classifier(net, ("cat", "dog"), "pets"))  # doctest: +SKIP
    >>> load_classifier(saved, "pets", trusted=True).class_names  # doctest: +SKIP
    ('cat', 'dog')
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "network.keras"
        classifier.model.save(plain)
        with zipfile.ZipFile(plain) as archive:
            entries = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    metadata = json.loads(entries[METADATA])
    metadata["class_names"] = list(classifier.class_names)
    content = _pack(entries | {METADATA: json.dumps(metadata, ensure_ascii=False).encode()})
    if path is None:
        return content
    Path(path).write_bytes(content)
    return Path(path)


def load_classifier(
    data: bytes | Path | str, name: str, *, class_names: Sequence[str] | None = None, trusted: bool = False
) -> Classifier:
    """The network of a ``.keras`` file.

    Args:
        data: the whole file, or its path.
        name: what the pages call the network.
        class_names: names to use; otherwise those that :func:`save_classifier` put into the file, and for a file
            without them "class 0", "class 1" and so on.
        trusted: the file was written by this program itself, such as an epoch of a training run. It may be opened
            by a hosted program too, and without the trial in a process of its own.

    Raises:
        ModelError: the program is hosted, the file is too large, no ``.keras`` file, damaged, holds layers that are
            not Keras's own or that run code, or the network does not tell classes of pictures apart.

    >>> load_classifier(b"GIF89a", "mine")
    Traceback (most recent call last):
    explorer.errors.ModelError: This is not a .keras file. Save the network with model.save("name.keras") and try that.
    """
    if not trusted and settings.current().profile == "hosted":
        raise ModelError(
            "Networks cannot be uploaded to this public copy, because opening one can run code. "
            "Install the program on your own machine to look into your own networks."
        )
    content = data if isinstance(data, bytes) else _file_bytes(Path(data))
    if len(content) > MAX_MODEL_BYTES:
        raise ModelError(f"The file has {len(content):,} bytes; {MAX_MODEL_BYTES:,} is the limit.")
    entries = read_entries(content, MAX_MODEL_BYTES)
    check_config(entries[CONFIG])
    return _classifier(_load(entries, trusted=trusted), _metadata_names(entries[METADATA], class_names), name)


def trial(path: str, memory: int) -> None:
    """Load and run a network in this process, which is there for nothing else; print what came of it as JSON.

    Args:
        path: a ``.keras`` file.
        memory: most bytes that this process may use.
    """
    try:
        _limit_memory(memory)
        check_weights(read_entries(Path(path).read_bytes(), MAX_MODEL_BYTES)[WEIGHTS], MAX_MODEL_BYTES)
        _run(_classifier(keras.saving.load_model(path, compile=False, safe_mode=True), None, "uploaded"))
        answer = {"problem": ""}
    except ModelError as error:
        answer = {"problem": str(error)}
    except MemoryError:
        answer = {"problem": "The network needs more memory than is allowed here. Try a smaller one."}
    except Exception as error:  # noqa: BLE001 - whatever it is, it means that this file does not load
        answer = {"problem": f"Keras cannot load this network ({type(error).__name__}). Save it again with Keras 3."}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _run(classifier: Classifier) -> None:
    """Whether a network runs: Keras loads some that it cannot run, and TensorFlow crashes on a few."""
    height, width, channels = classifier.input_shape
    try:
        classifier.predict(np.zeros((1, height, width, channels), np.uint8))
    except ModelError:  # the answer is not a number; the pages say so, and show where that begins
        return
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise MemoryError from error
    except Exception as error:
        raise ModelError(
            f"Keras opens this network but cannot run it on a picture of {height} × {width} pixels "
            f"({type(error).__name__}). Try whether model.predict does."
        ) from error


def _load(entries: dict[str, bytes], *, trusted: bool) -> Any:
    """The network, loaded from a fresh file that holds the three entries and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        path.write_bytes(_pack(entries))
        if not trusted:
            _try(path)
        device.prepare()
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            raise ModelError("Keras cannot load this network. Save it again with Keras 3.") from error


def _try(path: Path) -> None:
    """Load and run it in a process of its own, which may run out of time and memory, or crash, without harm."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", TRIAL, str(path), str(TRIAL_MEMORY)]
    try:
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TRIAL_SECONDS,
            cwd=settings.ROOT,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"The network did not load and run within {TRIAL_SECONDS:.0f} seconds. Try a smaller one."
        ) from error
    try:
        problem = json.loads(run.stdout.strip().rpartition("\n")[2])["problem"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            "Loading the network or running it ended the process that tried, perhaps for want of memory. "
            "Try a smaller one."
        ) from error
    if problem:
        raise ModelError(problem)


def _limit_memory(memory: int) -> None:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _pack(entries: dict[str, bytes]) -> bytes:
    """A zip of the entries, not compressed, as Keras writes it: weights hardly shrink."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(entries, key=lambda entry: ENTRIES.index(entry) if entry in ENTRIES else len(ENTRIES)):
            archive.writestr(name, entries[name])
    return packed.getvalue()


def _file_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelError(f"The file {path.name!r} cannot be read. Check its name and your rights to it.") from error


def _check_parameters(parameters: int) -> None:
    if parameters > MAX_MODEL_PARAMETERS:
        raise ModelError(f"The network has {parameters:,} parameters; {MAX_MODEL_PARAMETERS:,} is the limit.")


def _classifier(model: Any, names: Sequence[str] | None, name: str) -> Classifier:
    """The classifier of a loaded network, whose classes have numbers where they have no names."""
    layer_paths(model)  # raises for a network that was never built, whose parameters cannot be counted
    _check_parameters(model.count_params())
    if names is None:
        outputs = getattr(model, "outputs", None) or []
        units = outputs[0].shape[-1] if outputs and outputs[0].shape else 0
        names = [f"class {index}" for index in range(max(2, units or 0))]
    return Classifier(model, names, name)


def _metadata_names(metadata: bytes, given: Sequence[str] | None) -> Sequence[str] | None:
    """The names given, else those in the file; None where it has none."""
    if given is not None:
        return given
    try:
        names = json.loads(metadata).get("class_names")
    except (ValueError, AttributeError, RecursionError):
        names = None
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        return [name[:100] for name in names]
    return None
