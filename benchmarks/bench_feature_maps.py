"""The cost of feature maps, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it.
"""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from common import Row, interleaved, report
from streamlit.testing.v1 import AppTest

from explorer import activations, images, overview
from explorer.models import Classifier, describe_layers, load_pretrained
from explorer.settings import ROOT
from explorer.ui import cache, glance_columns

REPEATS = 15
PICTURES = 200
LAYER = "head_relu"
MEGABYTE = 1e6


def pass_rows(network: Classifier) -> list[Row]:
    """``feature_maps`` of more and more layers for one photo, against one compiled forward pass."""
    photo = images.read_image(images.SAMPLES["chelsea"].read_bytes())
    pixels, _ = network.fit(photo)
    layers = describe_layers(network.model, input_shape=network.input_shape)
    spatial = [layer.path for layer in layers if layer.spatial]
    columns = overview.plan(network.model, input_shape=network.input_shape).columns()[1:-1]
    shown = [column.group.told.path for column in columns]
    whole = tf.function(lambda batch: network.model(batch, training=False), autograph=False)
    forward = whole.get_concrete_function(network.spec)

    def one_pass() -> np.ndarray:
        return forward(tf.constant(pixels)).numpy()

    def maps_of(*paths: str) -> Callable[[], object]:
        return lambda: activations.feature_maps(network, pixels[0], paths)

    recipe = keras.Model(network.model.inputs[0], [network.model.get_layer(path).output for path in spatial])

    def predict() -> object:
        return recipe.predict(pixels, verbose=0)

    for path, theirs in zip(spatial, predict(), strict=True):
        ours = activations.feature_maps(network, pixels[0], path)[path] if path == LAYER else None
        assert ours is None or np.allclose(ours, theirs, atol=1e-4)
    against = "one compiled forward pass"
    return [
        Row(f"one layer, {LAYER}", against, interleaved(maps_of(LAYER), one_pass, REPEATS), 1.15),
        Row(f"the overview's {len(shown)} columns", against, interleaved(maps_of(*shown), one_pass, REPEATS), 2),
        Row(f"all {len(spatial)} spatial layers, arrays on the host", against,
            interleaved(maps_of(*spatial), one_pass, REPEATS), 3.5),
        Row(f"all {len(spatial)} spatial layers", "keras.Model(…, outputs).predict",
            interleaved(maps_of(*spatial), predict, REPEATS), 0.66),
    ]  # fmt: skip


def recomputed() -> int:
    """How often the network is asked when layer, order and colours are changed for a picture that was shown."""
    calls = []
    compute = activations.feature_maps

    def counted(*args: object, **options: object) -> object:
        calls.append(1)
        return compute(*args, **options)

    at = AppTest.from_file(str(ROOT / "pages" / "feature_maps.py"), default_timeout=120).run()
    assert not at.exception
    activations.feature_maps = counted
    try:
        for key, value in (("layer", LAYER), ("sort", "sparsity"), ("scale", "raw"), ("layer", "block3a_expand_relu")):
            at.selectbox(key=f"feature_maps.{key}").set_value(value).run()
            assert not at.exception
    finally:
        activations.feature_maps = compute
    return len(calls)


def resident() -> int:
    """Bytes of memory that this process holds now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def cache_growth(network: Classifier) -> tuple[list[float], float]:
    """Memory while 200 pictures of noise go through the page's caches, in megabytes, and that of one picture's maps."""
    rng = np.random.default_rng(0)
    held = []
    for number in range(PICTURES):
        pixels = rng.integers(0, 256, network.input_shape, dtype=np.uint8)
        sha = images.fingerprint(pixels)
        cache.fitted(network.key, sha, network, pixels)
        outputs = cache.all_maps(network.key, sha, network, pixels)
        cache.top_classes(network.key, sha, network, pixels)
        plan = cache.plan(network.key, network)
        measured = cache.measured(network.key, sha, network, pixels)

        def draw(plan=plan, measured=measured) -> object:
            return glance_columns.edges(overview.glance(plan, measured, {}.__getitem__).edges)

        cache.drawing("glance", (network.key, sha, False), draw)
        if number % 20 == 19:
            gc.collect()
            held.append(resident() / MEGABYTE)
    return held, sum(maps.nbytes for maps in outputs.values()) / MEGABYTE


def memory_row(network: Classifier) -> Row:
    """How much the second hundred of pictures adds to what the caches hold, in pictures."""
    held, one = cache_growth(network)
    print("Memory in MB after each 20 pictures:", " ".join(f"{each:.0f}" for each in held), file=sys.stderr)
    print(f"One picture's maps are {one:.0f} MB; the cache keeps three.", file=sys.stderr)
    what = f"memory that pictures 101 to {PICTURES} add to the page's caches"
    return Row(what, f"the maps of one picture, {one:.0f} MB", max(0.0, held[-1] - held[4]) / one, 2)


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    network = load_pretrained("EfficientNetLite0")
    rows = pass_rows(network)
    calls = recomputed()
    rows += [
        Row("passes through the network after four changes of layer, order, colours", "one pass", calls, 0),
        memory_row(network),
    ]
    report(rows)


if __name__ == "__main__":
    main()
