"""Tiny pictures, each all of one colour by which it is told apart, and what is where in a dataset of them."""

import io

import numpy as np
from PIL import Image


def colour_of(number):
    """A colour for each number below 4,096, whose channels differ: never grey."""
    return (number % 16 * 16, number // 16 % 16 * 16 + 5, number // 256 * 16 + 10)


def number_of(image):
    """The number whose colour a picture has."""
    red, green, blue = (int(value) for value in image[0, 0])
    assert (image == image[0, 0]).all()
    return red // 16 + (green - 5) // 16 * 16 + (blue - 10) // 16 * 256


def encoded(pixels, kind="PNG", **options):
    """The bytes of a picture file."""
    file = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, np.uint8))
    picture.save(file, kind, **options)
    return file.getvalue()


def picture(number, height=8, width=8):
    """A PNG all of one colour."""
    return encoded(np.full((height, width, 3), colour_of(number)))


def numbered(paths):
    """The paths with a picture each, told apart by their numbers: a list of (path, bytes)."""
    return [(path, picture(number)) for number, path in enumerate(paths)]


def written(folder, files):
    """The files as a folder on disk."""
    for path, content in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def contents(dataset):
    """What is where: for each split the set of (name of the class, number of the picture)."""
    return {
        name: sorted(
            (dataset.class_names[label], number_of(image))
            for image, label in zip(split.images, split.labels, strict=True)
        )
        for name, split in dataset.splits.items()
    }
