"""The bundled pictures; where each is from, and its licence, is in ``assets/README.md``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from explorer.settings import ASSETS


@dataclass(frozen=True)
class Sample:
    """A bundled picture.

    Attributes:
        path: the file.
        title: what the picker shows.
        alt: one sentence for people who do not see the picture.
    """

    path: Path
    title: str
    alt: str


def _sample(file: str, title: str, alt: str) -> tuple[str, Sample]:
    path = ASSETS / "samples" / file
    return path.stem, Sample(path, title, alt)


GALLERY: Mapping[str, Sample] = MappingProxyType(
    dict(
        (
            _sample("chelsea.png", "Chelsea, a cat", "The face of a ginger tabby cat, looking past the camera."),
            _sample(
                "astronaut.jpg",
                "An astronaut",
                "Eileen Collins in an orange space suit, before a flag and a model.",
            ),
            _sample(
                "coffee.png",
                "A cup of coffee",
                "A cup of espresso on a saucer with a spoon, on a wooden table.",
            ),
            _sample("rocket.jpg", "A rocket", "A Falcon 9 rocket on its launch pad, lit up at night."),
            _sample("camera.png", "A photographer", "A man in a dark coat at a camera on a tripod, in grey."),
            _sample(
                "coins.png",
                "Old coins",
                "Rows of old Greek coins on a grey ground that is darker on one side.",
            ),
            _sample(
                "brick.png",
                "A brick wall",
                "A brick wall seen straight on, in grey: rows of bricks and joints.",
            ),
            _sample(
                "text.png",
                "Slanted text",
                "Handwritten formulas, slanted, in dark ink on ruled paper, in grey.",
            ),
            _sample("digit.png", "A digit (16 × 16)", "A hand-drawn 7 in greys on black, 16 pixels wide."),
            _sample(
                "face.png",
                "A face (24 × 24)",
                "A face drawn with few pixels: hair, two eyes, nose and mouth.",
            ),
        )
    )
)
"""Every bundled picture by name, the best first choice first."""

SAMPLES: Mapping[str, Path] = MappingProxyType({name: sample.path for name, sample in GALLERY.items()})
"""The file of each bundled picture."""

SAMPLE_LABELS: Mapping[str, str] = MappingProxyType({name: sample.title for name, sample in GALLERY.items()})
"""The title of each bundled picture."""

SAMPLE_ALT: Mapping[str, str] = MappingProxyType({name: sample.alt for name, sample in GALLERY.items()})
"""A sentence about each bundled picture, for people who do not see it."""
