"""The datasets that are known by name: bundled, drawn, put there by hand, or downloaded."""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from explorer import settings
from explorer.datasets import arrays, names, splitting, store
from explorer.datasets.dataset import SPLITS, Dataset, Split
from explorer.datasets.own import read_archives, read_folder
from explorer.datasets.reading import VERSION, Options, Progress
from explorer.datasets.shapes import shapes
from explorer.downloads import AlteredError, RemoteFile, fetch
from explorer.errors import DatasetError, DownloadError
from explorer.settings import ASSETS, MAX_ARRAYS_BYTES

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package ``dataset-fashion-mnist`` puts its files."""
SHAPES = 1200
"""Shapes that are drawn where nobody says how many."""
ANOTHER_EDITION = "This is not the file that was published: it was found here, and the published one cannot be had now."
DOWNLOADING = 0.8
"""Share of the work that a download is reckoned as."""
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
_TENSORFLOW = "https://storage.googleapis.com/download.tensorflow.org/data"
_CIFAR = "https://www.cs.toronto.edu/~kriz"


@dataclass(frozen=True)
class Wish:
    """How a dataset is wanted; see :func:`load`."""

    options: Options
    patch_class: str | None = None
    pictures: int | None = None
    on_progress: Progress | None = None

    def tell(self, share: float, doing: str) -> None:
        """Tell how far the work is."""
        if self.on_progress:
            self.on_progress(share, doing)

    def part(self, start: float) -> "Wish":
        """The same for the rest of the work, from ``start`` on."""
        return replace(self, on_progress=lambda share, doing: self.tell(start + (1 - start) * share, doing))


@dataclass(frozen=True)
class Builtin:
    """A dataset that is known by its name.

    Attributes:
        title: for the person at the page.
        note: what is in it, in one sentence.
        open: makes or reads it.
        here: whether it comes with the app; the others may have to be downloaded.
        sized: whether its pictures can be made to any size.
        source: who made it, and its terms.
    """

    title: str
    note: str
    open: Callable[[Wish], Dataset]
    source: str
    here: bool = False
    sized: bool = False


def load(
    name: str,
    *,
    image_size: int | None = None,
    seed: int = 0,
    small_split: bool = False,
    patch_class: str | None = None,
    pictures: int | None = None,
    on_progress: Progress | None = None,
) -> Dataset:
    """A dataset that is known by name, from the store where it was opened before.

    Datasets that do not come with the app are looked for in the folder ``$EXPLORER_DATA_DIR/<name>`` (IDX files, one
    NPZ file, the zip as it is downloaded, or class folders), where Keras and Debian keep them, and are downloaded else.

    Args:
        name: a key of ``BUILTIN``.
        image_size: height and width in pixels, for datasets of files and for drawn ones.
        seed: of what is drawn or chosen by chance.
        small_split: 1,000 pictures of each class to train with, 500 to validate and 500 to test.
        patch_class: for ``shapes``, the class that gets a pink patch in the corner; see :func:`shapes`.
        pictures: for ``shapes``, how many are drawn, 1,200 unless given; an eighth is to validate, an eighth to test.
        on_progress: called with the share done and what is going on; the work ends if it raises.

    Raises:
        DatasetError: no dataset has this name, it cannot be had, or has too few pictures for the small split.

    >>> len(load("mnist-small").train), list(BUILTIN)[:3]
    (6000, ['fashion-mnist-small', 'mnist-small', 'shapes'])
    """
    if name not in BUILTIN:
        raise DatasetError(f"There is no dataset {name!r}; there is {', '.join(BUILTIN)}.")
    if name != "shapes" and (patch_class is not None or pictures is not None):
        raise DatasetError("Only of the drawn shapes can there be any number, and a patch planted.")
    wish = Wish(Options(image_size, seed=seed, small_split=small_split), patch_class, pictures, on_progress)
    return replace(BUILTIN[name].open(wish), name=name)


def addresses(name: str) -> tuple[str, ...]:
    """Where the files of a dataset are on the web; none for those that come with the app.

    >>> addresses("mnist-small"), len(addresses("rock-paper-scissors"))
    ((), 2)
    """
    return tuple(file.address for file in getattr(BUILTIN[name].open, "files", ()))


def _drawn(wish: Wish) -> Dataset:
    """The drawn shapes."""
    size, seed = wish.options.image_size or 64, wish.options.seed
    count = SHAPES if wish.pictures is None else wish.pictures
    key = _key("shapes", str(count), str(size), str(seed), str(wish.patch_class))
    found = store.open_stored(key)
    if found is None:
        held_out = count // 8
        drawn = shapes(
            count - 2 * held_out,
            held_out,
            held_out,
            size=size,
            seed=seed,
            patch_class=wish.patch_class,
            on_progress=lambda share: wish.tell(share, "Drawing"),
        )
        found = store.keep(drawn, key)
    return _smaller(found, wish)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join((str(VERSION), *parts)).encode()).hexdigest()


def _smaller(dataset: Dataset, wish: Wish) -> Dataset:
    """Its small split, where that is wanted."""
    if not wish.options.small_split:
        return dataset
    key = _key("small", dataset.key, str(wish.options.seed))
    found = store.open_stored(key)
    if found is not None:
        return found
    splits = list(dataset.splits.values())
    labels = np.concatenate([split.labels for split in splits])
    before = np.repeat(np.arange(len(splits), dtype=np.int8), [len(split) for split in splits])
    after = splitting.small(labels.tolist(), before, dataset.class_names, wish.options.seed)
    chosen = [np.flatnonzero(after == place) for place in range(len(SPLITS))]
    train, validation, test = _picked(splits, chosen)
    return store.keep(replace(dataset, train=train, validation=validation, test=test), key)


def _picked(splits: Sequence[Split], chosen: Sequence[np.ndarray]) -> list[Split]:
    """Splits of the pictures with these numbers, counted through all splits."""
    starts = np.cumsum([0, *(len(split) for split in splits)])
    picked = []
    for places in chosen:
        of = np.searchsorted(starts, places, side="right") - 1
        images = [splits[split].images[place - starts[split]] for split, place in zip(of, places, strict=True)]
        labels = [splits[split].labels[place - starts[split]] for split, place in zip(of, places, strict=True)]
        shape = splits[0].images.shape[1:]
        picked.append(Split(np.array(images, np.uint8).reshape(-1, *shape), np.array(labels, np.int64)))
    return picked


def _arrays(files: Sequence[Path], name: str, class_names: tuple[str, ...], wish: Wish) -> Dataset:
    """The dataset in four IDX files, or in one NPZ file."""
    key = _key("arrays", *class_names, *(_file_digest(path) for path in files))
    found = store.open_stored(key)
    if found is None:
        if len(files) == 1:
            read = arrays.read_npz_dataset(files[0], name, class_names, max_bytes=MAX_ARRAYS_BYTES)
        else:
            read = arrays.read_idx_dataset(files, name, class_names, max_bytes=MAX_ARRAYS_BYTES)
        found = store.keep(read, key)
    return _smaller(found, wish)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be opened ({error.strerror or error}).") from error


def _bundled(name: str, class_names: tuple[str, ...]) -> Callable[[Wish], Dataset]:
    return partial(_arrays, [ASSETS / "datasets" / f"{name}.npz"], name, class_names)


@dataclass(frozen=True)
class _Online:
    """A dataset on the web.

    Attributes:
        name: of the dataset.
        files: what is downloaded.
        class_names: of its classes; empty where folders tell them.
        keras: the folder below Keras's own where Keras keeps the files; None where they are kept in the cache folder.
        known: a folder where the system may have them.
        loader: a module of ``keras.datasets`` that reads them; None where they are IDX, NPZ or zip files.
    """

    name: str
    files: tuple[RemoteFile, ...]
    class_names: tuple[str, ...] = ()
    keras: str | None = None
    known: Path | None = None
    loader: str | None = None

    def __call__(self, wish: Wish) -> Dataset:
        """From the folder for datasets, from the system, or from the web."""
        try:
            for folder in self._by_hand(), self.known:
                if folder is not None and folder.is_dir():
                    found = self._in_folder(folder, wish)
                    if found is not None:
                        return found
        except PermissionError as error:
            raise DatasetError(f"The folder of the dataset {self.name} cannot be read.") from error
        paths, notes = self._fetch(wish)
        read = self._read(paths, wish.part(DOWNLOADING))
        return replace(read, notes=(*read.notes, *notes))

    def _by_hand(self) -> Path:
        return settings.current().data_dir / self.name

    def _in_folder(self, folder: Path, wish: Wish) -> Dataset | None:
        """What a person put there; None where there is nothing of it."""
        as_published = [folder / file.address.rsplit("/", 1)[-1] for file in self.files]
        if all(path.is_file() for path in as_published):
            return self._read(as_published, wish)
        if self.class_names:
            around = (folder, *sorted(inner for inner in folder.iterdir() if inner.is_dir()))
            idx = next(filter(None, map(arrays.idx_files, around)), None)
            npz = sorted(folder.glob("*.npz"))
            if idx or npz:
                return _arrays(idx or npz[:1], self.name, self.class_names, wish)
        if any(path.is_dir() for path in folder.iterdir()):
            options = wish.options
            return read_folder(
                folder,
                image_size=options.image_size,
                seed=options.seed,
                small_split=options.small_split,
                on_progress=wish.on_progress,
            )
        return None

    def _home(self) -> Path:
        if self.keras is not None:
            return settings.keras_home() / "datasets" / self.keras
        return settings.current().cache_dir / "downloads"

    def _fetch(self, wish: Wish) -> tuple[list[Path], tuple[str, ...]]:
        """The files, downloaded where they are not here yet; and what there is to know about them."""
        paths, notes = [], set()
        for number, file in enumerate(self.files):

            def told(received: int, expected: int, file: RemoteFile = file, number: int = number) -> None:
                share = (number + (received / expected if expected else 0)) / len(self.files)
                size = f"{received / 1e6:,.0f}" + (f" of {expected / 1e6:,.0f}" if expected else "")
                wish.tell(DOWNLOADING * min(1.0, share), f"Downloading {file.filename}, {size} MB")

            try:
                paths.append(fetch(file, self._home(), on_progress=told))
            except DownloadError as error:
                kept = self._home() / file.filename
                if isinstance(error, AlteredError) or not kept.is_file():
                    raise DatasetError(f"{error} {self._advice()}") from error
                paths.append(kept)
                notes.add(ANOTHER_EDITION)
        return paths, tuple(notes)

    def _advice(self) -> str:
        if settings.current().profile == "hosted":
            return "This dataset is not on this server; the bundled ones work."
        addresses = " and ".join(file.address for file in self.files)
        return (
            f"By hand: download {addresses} on a machine with internet access and put it into the folder "
            f"{self._by_hand()} (EXPLORER_DATA_DIR can name another place). The bundled datasets work offline."
        )

    def _read(self, paths: Sequence[Path], wish: Wish) -> Dataset:
        if self.loader is not None:
            return self._by_keras(paths, wish)
        if self.class_names:
            return _arrays(paths, self.name, self.class_names, wish)
        return read_archives(paths, self.name, wish.options, wish.on_progress)

    def _by_keras(self, paths: Sequence[Path], wish: Wish) -> Dataset:
        """Read by ``keras.datasets``, which checks the archive and unpickles it with care."""
        key = _key("keras", self.name, *(_file_digest(path) for path in paths))
        found = store.open_stored(key)
        if found is None:
            wish.tell(0.0, "Waking TensorFlow, which reads this dataset")
            found = store.keep(self._loaded(paths[0]), key)
        return _smaller(found, wish)

    def _loaded(self, archive: Path) -> Dataset:
        import keras  # noqa: PLC0415  seconds, and only this dataset needs it

        place, file = self._home() / self.files[0].filename, self.files[0]
        if _file_digest(archive) != file.checksum:  # else Keras would try to download it, for any length of time
            raise DatasetError(f"{archive.name} is not the file that was published. {self._advice()}")
        try:
            if archive != place:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(archive, place.with_name(f"{place.name}.part"))
                place.with_name(f"{place.name}.part").replace(place)
        except OSError as error:
            raise DatasetError(f"{archive.name} could not be copied ({error.strerror or error}).") from error
        try:
            train, test = getattr(keras.datasets, str(self.loader)).load_data()
        except Exception as error:  # Keras raises bare Exception for what it cannot download
            raise DatasetError(f"Keras could not read {archive.name} ({error}). Get it again.") from error
        return arrays.dataset_of(train, test, self.name, self.class_names)


def _cifar(name: str, module: str, checksum: str, folder: str, class_names: tuple[str, ...]) -> _Online:
    address = f"{_CIFAR}/{folder}-python.tar.gz"
    kept = {"cifar10": "cifar-10-batches-py-target_archive", "cifar100": "cifar-100-python-target_archive"}[module]
    return _Online(name, (RemoteFile(address, checksum, kept),), class_names, keras="", loader=module)


_FASHION_FILES = tuple(
    RemoteFile(f"{_KERAS}/{name}.gz", checksum)
    for name, checksum in (
        ("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
)
_ZALANDO = "H. Xiao, K. Rasul, R. Vollgraf, 2017; © Zalando SE, MIT"
_LECUN = "Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0"
_KRIZHEVSKY = "A. Krizhevsky, 2009"

BUILTIN: Mapping[str, Builtin] = MappingProxyType(
    {
        "fashion-mnist-small": Builtin(
            "Fashion-MNIST, small",
            "Clothes in ten classes, 28×28, grey: 7,000 of Fashion-MNIST's 70,000.",
            _bundled("fashion-mnist-small", names.FASHION),
            _ZALANDO,
            here=True,
        ),
        "mnist-small": Builtin(
            "MNIST, small",
            "Handwritten digits, 28×28, grey: 7,000 of MNIST's 70,000.",
            _bundled("mnist-small", names.DIGITS),
            _LECUN,
            here=True,
        ),
        "shapes": Builtin(
            "Shapes",
            "Circles, squares and triangles on textured colour grounds, drawn here.",
            _drawn,
            "drawn for this app, MIT",
            here=True,
            sized=True,
        ),
        "fashion-mnist": Builtin(
            "Fashion-MNIST",
            "Clothes in ten classes, 28×28, grey: all 70,000.",
            _Online("fashion-mnist", _FASHION_FILES, names.FASHION, keras="fashion-mnist", known=DEBIAN_FASHION),
            _ZALANDO,
        ),
        "mnist": Builtin(
            "MNIST",
            "Handwritten digits, 28×28, grey: all 70,000.",
            _Online(
                "mnist",
                (
                    RemoteFile(
                        f"{_KERAS}/mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
                    ),
                ),
                names.DIGITS,
                keras="",
            ),
            _LECUN,
        ),
        "cifar10": Builtin(
            "CIFAR-10",
            "Small photos of ten kinds of animals and vehicles, 32×32: all 60,000.",
            _cifar(
                "cifar10",
                "cifar10",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                "cifar-10",
                names.CIFAR10,
            ),
            _KRIZHEVSKY,
        ),
        "cifar100": Builtin(
            "CIFAR-100",
            "Small photos of a hundred kinds of things, 32×32: all 60,000.",
            _cifar(
                "cifar100",
                "cifar100",
                "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
                "cifar-100",
                names.CIFAR100,
            ),
            _KRIZHEVSKY,
        ),
        "cats-and-dogs": Builtin(
            "Cats and dogs",
            "3,000 photos of pets, the part of Kaggle's 25,000 that the tutorials use.",
            _Online(
                "cats-and-dogs",
                (
                    RemoteFile(
                        "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip", size=68_606_236
                    ),
                ),
            ),
            "Microsoft Research and Petfinder.com, by way of Kaggle",
            sized=True,
        ),
        "rock-paper-scissors": Builtin(
            "Rock, paper, scissors",
            "2,892 rendered hands, with a test folder of their own.",
            _Online(
                "rock-paper-scissors",
                (
                    RemoteFile(
                        f"{_TENSORFLOW}/rps.zip",
                        "c2403444395842ad04c53612bad54b574443eae17a0723117a2ff87b9d72194f",
                        size=200_682_221,
                    ),
                    RemoteFile(
                        f"{_TENSORFLOW}/rps-test-set.zip",
                        "c27ab9fa43ce40b2e453de711365b477f4424586edf0388116674fd320f07503",
                        size=29_516_758,
                    ),
                ),
            ),
            "L. Moroney, CC BY 2.0",
            sized=True,
        ),
    }
)
"""Every dataset that is known by name, the bundled ones first."""
