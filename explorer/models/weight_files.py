"""Files of trained weights: found in a folder or in Keras's cache, or downloaded into that cache.

The addresses and checksums are those of ``keras.applications``. Keras's own ``get_file`` is not used, because it has
no time limit, tells its progress to the terminal only, and leaves half a file behind when the program is killed.
"""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from explorer import settings
from explorer.errors import ModelError

Progress = Callable[[int, int], object]
"""Called with the bytes that are here and the bytes in all (0 when the server does not say)."""

TIMEOUT = 20
"""Longest silence of a server, in seconds."""
CHUNK = 1 << 18
ADVICE = "The network EfficientNetLite0 comes with the app and works offline."


@dataclass(frozen=True)
class WeightFile:
    """A file of trained weights on the web.

    Attributes:
        address: its URL.
        checksum: MD5 (32 digits) or SHA-256 (64 digits) of the file; empty where Keras publishes none.
        name: what it is called in the cache; the end of the address unless given.
    """

    address: str
    checksum: str = ""
    name: str = ""

    @property
    def filename(self) -> str:
        """What the file is called.

        >>> WeightFile("https://example.org/models/vgg.h5").filename
        'vgg.h5'
        """
        return self.name or self.address.rsplit("/", 1)[-1]


def keras_cache() -> Path:
    """The folder where Keras keeps downloaded weights.

    >>> keras_cache().name
    'models'
    """
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def fetch(file: WeightFile, folder: Path, *, on_progress: Progress | None = None) -> Path:
    """The file in ``folder``, downloaded if it is not there, or not whole.

    Args:
        file: which one.
        folder: where downloads are kept.
        on_progress: called now and then; the download ends, and nothing of it stays, if it raises.

    Raises:
        ModelError: it cannot be downloaded, or what came is not what was published.
    """
    path = folder / file.filename
    try:
        if path.is_file() and _is_whole(path, file.checksum):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as unfinished:
            part = Path(unfinished) / "part"
            _download(file.address, part, on_progress)
            if not _is_whole(part, file.checksum):
                raise ModelError(f"{file.filename} arrived incomplete or altered. Try again later. {ADVICE}")
            return part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        if settings.current().profile == "hosted":
            raise ModelError(f"The weights of this network are not on this server. {ADVICE}") from error
        raise ModelError(
            f"The weights file {file.filename} is not here and could not be downloaded ({_why(error)}). Download "
            f"{file.address} on a machine with internet access and put it into {folder}, or into the folder that "
            f"EXPLORER_WEIGHTS_DIR names. {ADVICE}"
        ) from error


def _why(error: OSError | http.client.HTTPException) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    if isinstance(error, urllib.error.URLError):
        return "no connection to the server"
    return "the connection ended early" if isinstance(error, http.client.IncompleteRead) else str(error)


def _download(address: str, path: Path, on_progress: Progress | None) -> None:
    # The addresses are constants of the registry, so that no file:// can be asked for.
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer, path.open("wb") as file:  # noqa: S310
        expected = int(answer.headers.get("Content-Length") or 0)
        received = _copy(answer, file, expected, on_progress)
    if expected and received != expected:
        raise OSError(f"the connection ended after {received:,} of {expected:,} bytes")


def _copy(answer: IO[bytes], file: IO[bytes], expected: int, on_progress: Progress | None) -> int:
    received = 0
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        received += len(chunk)
        if on_progress:
            on_progress(received, expected)
    return received


def _is_whole(path: Path, checksum: str) -> bool:
    if not checksum:
        return True
    kind = "sha256" if len(checksum) == 64 else "md5"
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest() == checksum
