"""Grow the atlas: a row of patterns for each depth of the bundled network. ``make atlas`` runs it.

Each row is a sheet of tiles side by side. The layers are those that stand for the network's stages, and its classes.
Of a layer the channels are evenly apart among those that answer to some bundled photo, of the classes they are
:data:`CLASSES`; nothing is left out for its looks.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer import images, overview
from explorer.ascent import PRESETS, answers, ascend
from explorer.models import Classifier, describe_layers, load_pretrained

FOLDER = Path(__file__).resolve().parent
NETWORK, PRESET, SEED = "EfficientNetLite0", "lucid", 0
COUNT = 14
"""Patterns in a row."""
GROWN, SHOWN = 128, 112
"""Height and width of the patterns as they grow, and as they are stored, in pixels."""
QUALITY = 88
"""Of the WebP sheets."""
DRAWINGS = ("digit", "face")
"""Bundled pictures of a few pixels: no photos."""
CLASSES = (9, 22, 71, 130, 146, 291, 301, 323, 340, 417, 555, 849, 947, 988)
"""Classes that many people know, one of each kind."""


def evenly_spaced(network: Classifier, layer: str, width: int) -> list[int]:
    """Channels evenly apart among those that answer to some bundled photo."""
    photos = [images.read_image(path.read_bytes()) for name, path in images.SAMPLES.items() if name not in DRAWINGS]
    fitted = np.concatenate([network.fit(photo)[0] for photo in photos])
    strongest = answers(network, layer, range(width), np.rint(fitted).astype(np.uint8)).max(axis=0)
    alive = np.flatnonzero(strongest > 0)
    return alive[np.linspace(0, len(alive) - 1, COUNT).round().astype(int)].tolist()


def grown(network: Classifier, layer: str, channels: Sequence[int]) -> tuple[NDArray[np.uint8], list[float]]:
    """The patterns as a sheet, uint8 (side, COUNT × side, 3), and the score of each."""
    *_, last = ascend(network, layer, channels, size=GROWN, seed=SEED, preset=PRESET)
    tiles = [cv2.resize(image, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA) for image in last.images]
    return np.concatenate(tiles, axis=1), [round(float(score), 3) for score in last.scores]


def rows(network: Classifier) -> list[dict[str, Any]]:
    """Grow and store each row; what ``atlas.json`` says of it."""
    layers = describe_layers(network.model, input_shape=network.input_shape)
    shapes = {layer.path: layer.output_shape for layer in layers}
    chosen = [layer.path for layer in overview.stages(layers)]
    classes = next(path for path, shape in shapes.items() if shape == (len(network.class_names),))
    found = []
    for number, layer in enumerate([*chosen, classes], start=1):
        start = time.perf_counter()
        channels = list(CLASSES) if layer == classes else evenly_spaced(network, layer, int(shapes[layer][-1] or 0))
        sheet, scores = grown(network, layer, channels)
        file = f"{number:02d}-{layer}.webp"
        Image.fromarray(sheet).save(FOLDER / file, quality=QUALITY, method=6)
        names = [network.class_names[channel] for channel in channels] if layer == classes else []
        row = {"layer": layer, "shape": shapes[layer], "channels": channels, "names": names, "scores": scores}
        found.append({**row, "sheet": file})
        print(f"{file}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Make every file of the folder anew."""
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    network = load_pretrained(NETWORK)
    atlas = {
        "network": network.key,
        "preset": PRESET,
        "recipe": asdict(PRESETS[PRESET].recipe),
        "seed": SEED,
        "grown": GROWN,
        "side": SHOWN,
        "rows": rows(network),
    }
    (FOLDER / "atlas.json").write_text(json.dumps(atlas, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
