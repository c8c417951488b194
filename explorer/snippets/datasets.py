"""The programs of the Datasets page: the same pictures in Keras, in NumPy, or by this project."""

from collections.abc import Mapping

from explorer.datasets.reading import USUAL_SIDE

OF_KERAS = {"mnist": "mnist", "fashion-mnist": "fashion_mnist", "cifar10": "cifar10", "cifar100": "cifar100"}
"""Datasets that ``keras.datasets`` has, and its modules."""
CATS_AND_DOGS = "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip"
DOWNLOADED = (
    "import numpy as np",
    "",
    'file = np.load("dataset.npz")  # from the page\'s Download tab',
    "for split in ('train', 'validation', 'test'):",
    '    print(split, file[f"x_{split}"].shape, np.bincount(file[f"y_{split}"]))',
    "print(file['class_names'])",
)


def dataset_programs(
    name: str,
    *,
    image_size: int | None = None,
    seed: int = 0,
    small_split: bool = False,
    patch_class: str | None = None,
    pictures: int | None = None,
) -> Mapping[str, str]:
    """Programs that load a dataset that is known by name.

    Args:
        name: a key of ``datasets.BUILTIN``.
        image_size: as for ``datasets.load``, and likewise the others.
        seed: of what is drawn or chosen by chance.
        small_split: 1,000, 500 and 500 pictures of each class.
        patch_class: of the drawn shapes.
        pictures: how many shapes are drawn, where it is not the usual number.

    Returns:
        library → program.

    >>> list(dataset_programs("mnist"))
    ['This project', 'Keras']
    """
    options = _options(
        image_size=image_size, seed=seed, small_split=small_split, patch_class=patch_class, pictures=pictures
    )
    programs = {"This project": _program(f"datasets.load({name!r}{options})")}
    if name in OF_KERAS and not small_split:
        programs["Keras"] = _lines(
            "import keras",
            "",
            f"(x_train, y_train), (x_test, y_test) = keras.datasets.{OF_KERAS[name]}.load_data()",
            "print(x_train.shape, x_test.shape)",
        )
    elif name == "cats-and-dogs" and not small_split:
        side = image_size or USUAL_SIDE
        programs["Keras"] = _lines(
            "import keras",
            "",
            f'folder = keras.utils.get_file("cats_and_dogs", "{CATS_AND_DOGS}", extract=True)',
            'base = f"{folder}/cats_and_dogs_filtered"',
            *_from_directories({split: f'f"{{base}}/{split}"' for split in ("train", "validation")}, (side, side)),
        )
    else:
        programs["NumPy"] = _lines(*DOWNLOADED)
    return programs


def own_dataset_programs(
    kind: str,
    image_shape: tuple[int, int, int],
    *,
    seed: int = 0,
    small_split: bool = False,
    class_folders: Mapping[str, str],
) -> Mapping[str, str]:
    """Programs that load a person's own pictures.

    Args:
        kind: ``"zip"``, ``"files"`` or ``"folder"``.
        image_shape: height, width and channels of the pictures as the page has them.
        seed: of the split.
        small_split: as for ``datasets.read_folder``.
        class_folders: for each split the path in which its class folders lie; all the same where a seed splits. Empty
            where there are none, which Keras cannot read.

    Returns:
        library → program.
    """
    height, width, channels = image_shape
    options = _options(image_size=height if height == width else None, seed=seed, small_split=small_split)
    read = "datasets.read_zip('pictures.zip'" if kind == "zip" else "datasets.read_folder('pictures'"
    programs = {"This project": _program(f"{read}{options})")}
    here = {} if small_split else class_folders
    folders = {split: repr(f"pictures/{path}".rstrip("/")) for split, path in here.items()}
    if len(set(folders.values())) > 1:
        programs["Keras"] = _lines("import keras", "", *_from_directories(folders, (height, width), channels))
    elif folders:
        programs["Keras"] = _lines(
            "import keras",
            "",
            "train, validation = keras.utils.image_dataset_from_directory(",
            f"    {folders['train']},",
            f'    validation_split=0.3, subset="both", seed={seed},',
            f"    {_how((height, width), channels)},",
            ")  # Keras splits in two, and by chance of its own",
            "print(train.class_names, len(train), len(validation))",
        )
    programs["NumPy"] = _lines(*DOWNLOADED)
    return programs


def _program(call: str) -> str:
    return _lines(
        "from explorer import datasets",
        "",
        f"dataset = {call}",
        "print(dataset.class_names)",
        "for name, split in dataset.splits.items():",
        "    print(name, split.images.shape, split.labels[:10])",
    )


def _from_directories(folders: Mapping[str, str], size: tuple[int, int], channels: int = 3) -> list[str]:
    """A dataset of Keras for each split; its folder is an expression."""
    load = "keras.utils.image_dataset_from_directory"
    return [
        *(f"{split} = {load}({folder}, {_how(size, channels)})" for split, folder in folders.items()),
        f"print(train.class_names, {', '.join(f'len({split})' for split in folders)})",
    ]


def _how(size: tuple[int, int], channels: int) -> str:
    """The middle of each picture, as here; Keras resizes a little otherwise."""
    colours = ', color_mode="grayscale"' if channels == 1 else ""
    return f"image_size={size}, crop_to_aspect_ratio=True, batch_size=32{colours}"


def _options(**values: object) -> str:
    """Keyword arguments that are not the default."""
    return "".join(f", {name}={value!r}" for name, value in values.items() if value)


def _lines(*lines: str) -> str:
    return "\n".join((*lines, ""))
