"""Every environment variable and every limit, in one place.

Two profiles: ``local`` (the default: one person on their own machine) and ``hosted`` (a public demo, where every
visitor is a stranger). ``current()`` reads the environment each time it is called, so nothing here is global.
"""

import functools
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import platformdirs

from explorer.errors import ExplorerError

MEGABYTE = 1_000_000
MEGAPIXEL = 1_000_000

MAX_KERNEL_SIZE = 15
"""Largest height and width of a hand-made kernel, in cells."""
MAX_STRIDE = 8
MAX_DILATION = 4
MAX_INSPECTOR_SIZE = 48
"""Largest height and width of the picture in the pixel inspector, in pixels."""
MAX_POOL_SIZE = 8

MAX_MODEL_BYTES = 650 * MEGABYTE
"""Largest network file, and most bytes that it may unpack to."""
MAX_MODEL_PARAMETERS = 200_000_000
"""Most numbers that an uploaded network may hold; VGG19 has 144 million."""
MAX_NETWORK_SIDE = 2048
"""Largest height and width, in pixels, of the pictures that a network reads."""
MAX_CLASSES = 100_000
MAX_MAP_VALUES = 250_000_000
"""Most numbers that all the maps of one picture may be, 4 bytes each; NASNetMobile and DenseNet121 have 30 million."""
MAX_UNFOLDED_BYTES = 1_300_000
"""Most bytes of maps that are sent to the browser for one unfolded channel."""
MAX_LAYER_VALUES = 20_000_000
"""Most numbers that one layer's maps may be for an explanation, which holds several arrays of that size."""
MAX_SHELF_BYTES = 400 * MEGABYTE
"""Most bytes of explanations and measurements that the server keeps for its visitors."""
MAX_OPEN_DATASETS = 12
"""Most datasets that the server keeps open for its visitors; opening one again takes a millisecond."""
MAX_BATCH_PICTURES = 24
"""Most pictures that are explained in one grid."""
MAX_ASCENT_STEPS = 2000
"""Most steps of one gradient ascent."""
MAX_ASCENT_SIDE = 1024
"""Largest height and width, in pixels, of a grown pattern."""
MAX_ASCENT_PICTURES = 64
"""Most patterns grown together."""
MAX_ASCENT_BYTES = 1_500 * MEGABYTE
"""Bytes that one batch of growing patterns may take in a network, by an estimate; more are split into batches."""
MAX_ASCENT_STEP_BYTES = 6_000 * MEGABYTE
"""Bytes that a step may take at all, by the same estimate: one picture, or several that are kept apart."""
MAX_GROWTH_BYTES = 24 * MEGABYTE
"""Bytes of pictures kept of one growth, for its animation and its scores."""
MAX_AUGMENTED_BYTES = 1_000 * MEGABYTE
"""Most bytes of random versions that are made of a picture at once."""
MAX_AUGMENTED_SIDE = 32_766
"""Largest side of a picture that is changed at random, in pixels: OpenCV's own limit."""
MAX_POLICY_BYTES = 20_000
"""Longest JSON text of an augmentation policy."""
MAX_BLOCKS = 60
"""Most blocks of a network that is trained here."""
MAX_ENTRY_RATIO = 200
"""How many times its packed size one file of an archive may unpack to, if that is more than 1 MB."""
MAX_ARCHIVE_RATIO = 100
"""How many times their packed size all files of an archive may unpack to, if that is more than 5 MB."""
MAX_ENTRY_NAME = 1024
"""Longest name of a file in an archive, folders included, in characters."""
MAX_DATASET_CLASSES = 1_000
"""Most classes of a dataset."""
MAX_DATASET_SIDE = 512
"""Largest height and width, in pixels, that the pictures of a dataset are made to."""
MAX_READING_BYTES = 1_000 * MEGABYTE
"""Bytes of decoded pictures that reading a dataset may hold at once, were every one as large as is allowed."""
MAX_ARRAYS_BYTES = 1_000 * MEGABYTE
"""Most bytes that an IDX or NPZ file may unpack to; the pictures of Fashion-MNIST have 47 million."""
TRIAL_SECONDS = 120.0
"""How long the first loading of an uploaded network, in a process of its own, may take."""
TRIAL_MEMORY = 6 * 2**30
"""Bytes of memory that the first loading may use: TensorFlow itself, the file and the weights."""

NAME = "convnet-explorer"
"""What the app's folders are called."""
ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"


@dataclass(frozen=True)
class Settings:
    """The limits of one profile.

    Attributes:
        profile: ``"local"`` or ``"hosted"``.
        max_image_bytes: largest picture file that is opened, in bytes.
        max_image_pixels: largest picture that is decoded, in pixels (height × width).
        max_kernel_bytes: largest kernel JSON file that is read, in bytes.
        weights_dir: folder in which weights of published networks are looked for first; ``EXPLORER_WEIGHTS_DIR``.
        max_ascent_work: most pixels × pictures × steps of one gradient ascent.
        max_ascent_pixels: most pixels × pictures that grow together.
        max_packed_versions: most augmented versions of one zip.
        max_shown_side: pictures are sent to the browser at most this wide and high, in pixels.
        max_upload_bytes: most bytes of one upload to the Datasets page.
        max_archive_bytes: largest zip archive that is opened, in bytes.
        max_archive_entries: most files and folders that an archive may list.
        max_unpacked_bytes: most bytes that all files of an archive may unpack to.
        max_dataset_files: most files of a dataset.
        max_dataset_pixels: most pixels of all pictures of a dataset, as they are in their files.
        max_dataset_bytes: most bytes of a dataset's pictures, as arrays.
        max_store_bytes: bytes that stored datasets may take on disk; those not used for longest go first.
        max_store_seconds: how long a stored dataset that nobody opens is kept.
        max_epochs: most epochs of one training run.
        max_train_images: most pictures that one run learns from.
        max_run_seconds: longest that one run may train, pauses left out.
        max_paused_seconds: a run that is paused for longer is stopped; it can be resumed.
        max_training_bytes: memory that one step of training may take, by an estimate.
        max_resized_bytes: most bytes of pictures that are made to another size for a run.
        max_run_bytes: bytes on disk of one run.
        max_runs_bytes: bytes on disk of all runs; no new one begins above it.
        max_runs: most runs that one person keeps.
        max_waiting: most runs of one person that train or wait at the same time.
        max_queue: most runs that wait, of all people.
        runs_at_once: runs that train at the same time, the others wait; ``EXPLORER_RUNS_AT_ONCE``.
        max_run_age: how long a run is kept, in seconds.
        spare: whether a process with TensorFlow waits, so that training starts at once; ``EXPLORER_SPARE``, 1 or 0.
        runs_dir: where runs lie; ``EXPLORER_RUNS_DIR``, else the platform's own place.
        data_dir: folder of datasets that were put there by hand; ``EXPLORER_DATA_DIR``, else the platform's own place.
        cache_dir: where downloads and stored datasets lie; ``EXPLORER_CACHE_DIR``, else the platform's own place.
    """

    profile: Literal["local", "hosted"] = "local"
    max_image_bytes: int = 50 * MEGABYTE
    max_image_pixels: int = 40 * MEGAPIXEL
    max_kernel_bytes: int = 100_000
    weights_dir: Path | None = None
    max_ascent_work: float = 4e9
    max_ascent_pixels: float = 70e6
    max_packed_versions: int = 500
    max_shown_side: int = 1460  # Streamlit would shrink a wider one again, and blur it
    max_upload_bytes: int = 500 * MEGABYTE
    max_archive_bytes: int = 2_000 * MEGABYTE
    max_archive_entries: int = 200_000
    max_unpacked_bytes: int = 8_000 * MEGABYTE
    max_dataset_files: int = 200_000
    max_dataset_pixels: int = 200_000 * MEGAPIXEL
    max_dataset_bytes: int = 6_000 * MEGABYTE
    max_store_bytes: int = 20_000 * MEGABYTE
    max_store_seconds: float = math.inf
    max_epochs: int = 500
    max_train_images: int = 1_000_000
    max_run_seconds: float = math.inf
    max_paused_seconds: float = 3_600.0
    max_training_bytes: float = 12e9
    max_resized_bytes: int = 2_000 * MEGABYTE
    max_run_bytes: int = 4_000 * MEGABYTE
    max_runs_bytes: int = 40_000 * MEGABYTE
    max_runs: int = 500
    max_waiting: int = 50
    max_queue: int = 1_000
    runs_at_once: int = 2
    max_run_age: float = math.inf
    spare: bool = True
    runs_dir: Path = Path(NAME)
    data_dir: Path = Path(NAME)
    cache_dir: Path = Path(NAME)


LOCAL = Settings()
HOSTED = replace(
    LOCAL,
    profile="hosted",
    max_image_bytes=15 * MEGABYTE,
    max_image_pixels=16 * MEGAPIXEL,
    max_ascent_work=40e6,
    max_ascent_pixels=1.5e6,
    max_packed_versions=100,
    max_upload_bytes=100 * MEGABYTE,
    max_archive_bytes=100 * MEGABYTE,
    max_archive_entries=20_000,
    max_unpacked_bytes=400 * MEGABYTE,
    max_dataset_files=10_000,
    max_dataset_pixels=4_000 * MEGAPIXEL,
    max_dataset_bytes=400 * MEGABYTE,
    max_store_bytes=4_000 * MEGABYTE,
    max_store_seconds=86_400.0,
    max_epochs=20,
    max_train_images=20_000,
    max_run_seconds=300.0,
    max_paused_seconds=300.0,
    max_training_bytes=1.5e9,
    max_resized_bytes=150 * MEGABYTE,
    max_run_bytes=150 * MEGABYTE,
    max_runs_bytes=4_000 * MEGABYTE,
    max_runs=10,
    max_waiting=4,
    max_queue=20,
    max_run_age=86_400.0,
)


def current() -> Settings:
    """The settings of the profile named by ``EXPLORER_PROFILE`` (``local`` when it is not set).

    Raises:
        ExplorerError: the variable names no profile.

    >>> current().profile in ("local", "hosted")
    True
    """
    name = os.environ.get("EXPLORER_PROFILE", "local").strip().lower() or "local"
    profiles = {"local": LOCAL, "hosted": HOSTED}
    if name not in profiles:
        raise ExplorerError(f"EXPLORER_PROFILE is {name!r}; it can be {' or '.join(profiles)}.")
    return _placed(profiles[name], tuple(os.environ.get(variable) for variable in VARIABLES))


VARIABLES = (
    *("EXPLORER_WEIGHTS_DIR", "EXPLORER_DATA_DIR", "EXPLORER_CACHE_DIR", "EXPLORER_RUNS_DIR"),
    *("EXPLORER_RUNS_AT_ONCE", "EXPLORER_SPARE", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"),
)
"""The environment variables that say where files are and how training goes on; the last three, what the platform's own
places depend on."""
MAX_RUNS_AT_ONCE = 64


@functools.lru_cache(maxsize=8)
def _placed(profile: Settings, said: tuple[str | None, ...]) -> Settings:
    """The profile with what the variables of :data:`VARIABLES` say, in that order."""
    weights, data, cache, runs, at_once, spare = said[:6]
    own = platformdirs.user_data_path(NAME, appauthor=False)
    return replace(
        profile,
        weights_dir=_folder(weights),
        data_dir=_folder(data) or own,
        cache_dir=_folder(cache) or platformdirs.user_cache_path(NAME, appauthor=False),
        runs_dir=_folder(runs) or own / "runs",
        runs_at_once=_whole("EXPLORER_RUNS_AT_ONCE", at_once, profile.runs_at_once, 1, MAX_RUNS_AT_ONCE),
        spare=bool(_whole("EXPLORER_SPARE", spare, int(profile.spare), 0, 1)),
    )


def _whole(variable: str, text: str | None, default: int, least: int, most: int) -> int:
    """The whole number that an environment variable holds, if it is set.

    Raises:
        ExplorerError: it holds something else.
    """
    text = (text or "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise ExplorerError(f"{variable} is {text[:60]!r}; it is a whole number from {least} to {most}.")
    return int(text)


def _folder(path: str | None) -> Path | None:
    """The folder that an environment variable names, if it names one."""
    return Path(path.strip()).expanduser().absolute() if path and path.strip() else None


def keras_home() -> Path:
    """The folder where Keras keeps what it downloads.

    >>> keras_home().is_absolute()
    True
    """
    return _folder(os.environ.get("KERAS_HOME")) or Path("~/.keras").expanduser()
