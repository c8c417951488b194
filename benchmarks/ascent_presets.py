"""Do grown patterns make their channels answer more than any bundled photo does? Prints a markdown table.

For each preset 64 random channels of the bundled network, eight of each of eight layers. What is missed is named on
stderr. See ``docs/ascent.md``.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from explorer import images
from explorer.ascent import PRESETS, Selectivity, ascend, natural_size, selectivity
from explorer.models import Classifier, load_pretrained

GROUPS = {
    "early": ("stem_relu", "block2b_add"),
    "middle": ("block3a_expand_relu", "block4b_expand_relu"),
    "late": ("block5b_expand_relu", "block6b_depthwise_relu"),
    "last": ("head_relu", "logits"),
}
LAYERS = {layer: group for group, layers in GROUPS.items() for layer in layers}
DRAWINGS = ("digit", "face")
"""Bundled pictures of a few pixels: no photos."""
SEED = 5
"""Of the drawn channels; that of the ascents is 0."""
BAR = 0.95


@dataclass(frozen=True)
class Result:
    """One channel's pattern by one preset.

    Attributes:
        preset: key of the preset.
        layer: dotted path.
        by_pixels: the score of the pixels as the ascent holds them, beside the photos'.
        as_shown: that of the picture as it is shown.
    """

    preset: str
    layer: str
    by_pixels: Selectivity
    as_shown: Selectivity

    @property
    def ratio(self) -> float | None:
        """The score by the best photo's, where that is above 0."""
        return self.by_pixels.reached / self.by_pixels.best if self.by_pixels.best > 0 else None


def drawn(network: Classifier, layer: str, count: int) -> list[int]:
    """Channels of a layer at random."""
    width = network.model.get_layer(layer).output.shape[-1]
    rng = np.random.default_rng([SEED, list(LAYERS).index(layer)])
    return sorted(rng.choice(width, count, replace=False).tolist())


def measured(network: Classifier, preset: str, layer: str, channels: Sequence[int]) -> Iterator[Result]:
    """Each channel's pattern of the page's size, beside the photos at the network's."""
    photos = [
        (name, images.read_image(path.read_bytes())) for name, path in images.SAMPLES.items() if name not in DRAWINGS
    ]
    *_, last = ascend(network, layer, channels, size=natural_size(network, layer), preset=preset)
    found = selectivity(network, layer, channels, last.images, photos)
    for one, score in zip(found, last.scores.tolist(), strict=True):
        result = Result(preset, layer, replace(one, reached=score), one)
        for what, seen in (("by pixels", result.by_pixels), ("as shown", result.as_shown)):
            if seen.lead <= 0:
                print(f"missed {what}: {preset}, {layer}. {seen.sentence}", file=sys.stderr, flush=True)
        yield result


def share(results: Sequence[Selectivity]) -> float:
    """How many of the patterns are ahead of every photo; one that ties with a photo is not."""
    return sum(one.lead > 0 for one in results) / len(results)


def row(preset: str, group: str, results: Sequence[Result]) -> str:
    """One row of the table."""
    ratios = [result.ratio for result in results if result.ratio is not None]
    by_pixels, as_shown = share([each.by_pixels for each in results]), share([each.as_shown for each in results])
    cells = [PRESETS[preset].title, group, len(results), f"{by_pixels:.0%}", f"{as_shown:.0%}"]
    return f"| {' | '.join(map(str, cells))} | {statistics.median(ratios):.1f} |"


def main() -> None:
    """Grow, compare, print the table; fail when a preset is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--channels", type=int, default=8, help="of each layer")
    asked = parser.parse_args()
    network = load_pretrained("EfficientNetLite0")
    results = [
        result
        for layer in LAYERS
        for preset in asked.presets
        for result in measured(network, preset, layer, drawn(network, layer, asked.channels))
    ]
    print("| Preset | Layers | Channels | Above by pixels | Above as shown | Median ratio |")
    print("|---|---|---:|---:|---:|---:|")
    for preset in asked.presets:
        own = [result for result in results if result.preset == preset]
        for group in GROUPS:
            print(row(preset, group, [result for result in own if LAYERS[result.layer] == group]))
        print(row(preset, "**all**", own))
    below = [p for p in asked.presets if share([each.by_pixels for each in results if each.preset == p]) < BAR]
    if below:
        sys.exit(f"Below {BAR:.0%}: {', '.join(below)}.")


if __name__ == "__main__":
    main()
