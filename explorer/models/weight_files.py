"""Files of trained weights: found in Keras's cache, or downloaded into it.

The addresses and checksums are those of ``keras.applications``.
"""

from pathlib import Path

from explorer import downloads, settings
from explorer.downloads import AlteredError, Progress, RemoteFile
from explorer.errors import DownloadError, ModelError

ADVICE = "The network EfficientNetLite0 comes with the app and works offline."


def keras_cache() -> Path:
    """The folder where Keras keeps downloaded weights.

    >>> keras_cache().name
    'models'
    """
    return settings.keras_home() / "models"


def fetch(file: RemoteFile, folder: Path, *, on_progress: Progress | None = None) -> Path:
    """The file in ``folder``, downloaded if it is not there, or not whole.

    Args:
        file: which one.
        folder: where downloads are kept.
        on_progress: as in :func:`explorer.downloads.fetch`.

    Raises:
        ModelError: it cannot be downloaded, or what came is not what was published.
    """
    try:
        return downloads.fetch(file, folder, on_progress=on_progress)
    except AlteredError as error:
        raise ModelError(f"{error} Try again later. {ADVICE}") from error
    except DownloadError as error:
        if settings.current().profile == "hosted":
            raise ModelError(f"The weights of this network are not on this server. {ADVICE}") from error
        raise ModelError(
            f"The weights file {file.filename} is not here and could not be downloaded. {error} Download "
            f"{file.address} on a machine with internet access and put it into {folder}, or into the folder that "
            f"EXPLORER_WEIGHTS_DIR names. {ADVICE}"
        ) from error
