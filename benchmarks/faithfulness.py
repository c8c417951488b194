"""How faithful each method's maps are on the bundled photos. Prints a markdown table.

Every method with its default options, on the network's likeliest class of each photo, beside maps that know nothing of
the network. See ``docs/faithfulness.md``.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from explorer import images
from explorer.attribution import METHODS, Explanation, explain
from explorer.attribution.baselines import BASELINES
from explorer.attribution.trust import average_drop, deletion_insertion
from explorer.models import Classifier, load_pretrained

DRAWINGS = ("digit", "face")
"""Bundled pictures of a few pixels: no photos."""
RANDOM_MAPS = 5
"""One random map can be lucky; the other baselines are always the same."""


@dataclass(frozen=True)
class Result:
    """What was measured of one map of one photo."""

    name: str
    photo: str
    insertion: float
    deletion: float
    drop: float
    increase: float
    seconds: float | None

    @property
    def faithfulness(self) -> float:
        """Area of the insertion curve minus that of the deletion curve."""
        return self.insertion - self.deletion


def explanations(network: Classifier, photo: np.ndarray) -> Iterator[tuple[str, Explanation, float | None]]:
    """Every method's map and every baseline's: title, map, and the seconds that it took."""
    target = network.top(photo, 1)[0][0]
    for key, method in METHODS.items():
        start = time.perf_counter()
        found = explain(network, photo, method=key, target=target)
        yield method.title, found, time.perf_counter() - start
    for key, (title, draw) in BASELINES.items():
        for seed in range(RANDOM_MAPS if key == "random" else 1):
            values = draw(found.pixels, seed)
            yield f"*{title}*", replace(found, raw=values, raw_values=values), None


def measured(network: Classifier, name: str) -> Iterator[Result]:
    """Every map of one photo, cut to what the network sees."""
    pixels, _ = network.fit(images.read_image(images.SAMPLES[name].read_bytes()))
    photo = pixels[0]
    index, label, probability = network.top(photo, 1)[0]
    print(f"{name}: {label} ({index}), probability {probability:.2f}", file=sys.stderr, flush=True)
    for title, found, seconds in explanations(network, photo):
        curves = deletion_insertion(network, photo, found)
        kept = average_drop(network, [photo], [found])
        areas = curves.insertion.area, curves.deletion.area
        yield Result(title, name, *areas, kept.drop, kept.increase, seconds)


def by_photo(results: Sequence[Result], name: str) -> dict[str, float]:
    """Photo → faithfulness of one method or baseline; the mean where it has several maps of a photo."""
    found: dict[str, list[float]] = {}
    for result in results:
        if result.name == name:
            found.setdefault(result.photo, []).append(result.faithfulness)
    return {photo: statistics.fmean(values) for photo, values in found.items()}


def markdown(results: Sequence[Result]) -> str:
    """The table: means over the photos, the most faithful first; on how many photos each baseline is beaten."""
    names = list(dict.fromkeys(result.name for result in results))
    rivals = [f"*{title}*" for title, _ in BASELINES.values()]
    rows = []
    for name in names:
        own = [result for result in results if result.name == name]
        means = [
            statistics.fmean(getattr(result, what) for result in own)
            for what in ("insertion", "deletion", "faithfulness", "drop", "increase")
        ]
        faithful = by_photo(results, name)
        wins = [
            "–"
            if name in rivals
            else str(sum(faithful[photo] > value for photo, value in by_photo(results, rival).items()))
            for rival in rivals
        ]
        taken = [result.seconds for result in own if result.seconds is not None]
        seconds = f"{statistics.median(taken):.2f}" if taken else "–"
        row = [name, *(f"{mean:z.2f}" for mean in means), *wins, seconds]
        rows.append((means[2], f"| {' | '.join(row)} |"))
    head = ["Map", "Insertion", "Deletion", "Faithfulness", "Average drop", "Average increase"]
    head += [f"Beats {title[0].lower()}{title[1:]}" for title, _ in BASELINES.values()] + ["Seconds"]
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *(row for _, row in sorted(rows, reverse=True))])


def main() -> None:
    """Measure every photo, print the table."""
    network = load_pretrained("EfficientNetLite0")
    photos = [name for name in images.GALLERY if name not in DRAWINGS]
    warm, _ = network.fit(images.read_image(images.SAMPLES[photos[0]].read_bytes()))
    for key in METHODS:  # compiled before the clock starts
        explain(network, warm[0], method=key)
    print(markdown([result for name in photos for result in measured(network, name)]))


if __name__ == "__main__":
    main()
