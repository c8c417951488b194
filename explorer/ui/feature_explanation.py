"""What the Feature maps page says under its pictures: the formula with its numbers, experiments, code, files."""

import io

import numpy as np

from explorer import images, snippets
from explorer.models import PRETRAINED, save_classifier
from explorer.ui import cache, feature_options
from explorer.ui.feature_lab import Looked, draw_sheet
from explorer.ui.frame import Download, Experiment, Explanation

CHAIN = (
    "A network is a chain of layers. Each takes the maps of the layer before it and makes its own: a convolution lays "
    "one filter over *all* of them, adds up, and slides on. Early maps still look like the picture; late ones are "
    "coarse, mostly dark, and answer to things rather than edges."
)


def explanation(looked: Looked) -> Explanation:
    """Everything under the pictures."""
    return Explanation(
        text=_text(looked),
        experiments=EXPERIMENTS,
        programs={"Keras": _program(looked)},
        downloads=_downloads(looked),
    )


def _text(looked: Looked) -> str:
    """What a map is, with this layer's numbers; and what the colours do."""
    layer = looked.layer
    parts = [CHAIN]
    if layer.spatial:
        height, width, channels = looked.values.shape
        parts.append(
            rf"This layer gives $ {height} \times {width} \times {channels} = {height * width * channels:,} $ numbers. "
            rf"One of its maps, channel $k = {looked.channel}$, is $y_{{r,c,k}}$ for $r < {height}$ and $c < {width}$."
        )
    if layer.receptive_field is not None and layer.spatial:
        tall, wide = layer.receptive_field.size
        step = layer.receptive_field.stride[0]
        parts.append(
            f"One unit sees {tall} × {wide} pixels of the picture (its *receptive field*), and its neighbour the same "
            f"patch moved by {step}."
        )
    if feature_options.SCALE.current() == "each":
        parts.append(
            "The colours show *where* a map is high, not how high: each map is drawn with its own mean and deviation,"
            r"$$ \text{shown} = \operatorname{clip}\left(128 + 64\,\frac{y - \operatorname{mean}(y)}"
            r"{\operatorname{std}(y)},\; 0,\; 255\right) $$"
        )
    return "\n\n".join(parts)


def _channels(looked: Looked) -> tuple[int, ...]:
    """The channels of the grid's page."""
    if not looked.layer.spatial:
        return ()
    sort = feature_options.SORT.current()
    return draw_sheet(looked.values, "each", sort, feature_options.PAGE.current() - 1, dark=False).channels


def _program(looked: Looked) -> str:
    entry = PRETRAINED.get(looked.classifier.name)
    application = entry.name if entry is not None and not entry.bundled else None
    path = looked.layer.path
    nested = "." in path or "#" in path
    channels = cache.drawing(
        "channels",
        (*looked.key, path, feature_options.SORT.current(), feature_options.PAGE.current()),
        lambda: _channels(looked),
    )
    return snippets.feature_maps_program(path, channels, application=application, nested=nested)


def _downloads(looked: Looked) -> tuple[Download, ...]:
    """The grid, the arrays, the picture as the network read it, and the network itself."""
    scale, sort = feature_options.SCALE.current(), feature_options.SORT.current()
    number = feature_options.PAGE.current() - 1

    def grid() -> bytes:
        return draw_sheet(looked.values, scale, sort, number, dark=looked.dark).png

    def arrays() -> bytes:
        file = io.BytesIO()
        np.savez_compressed(file, maps=looked.values, picture=looked.picture)
        return file.getvalue()

    files = [
        Download("Maps, NPZ", "maps.npz", "application/octet-stream", arrays),
        Download(
            "Picture at the network's size, PNG", "picture.png", "image/png", lambda: images.encode_png(looked.picture)
        ),
        Download(
            "Network, Keras", "network.keras", "application/octet-stream", lambda: save_classifier(looked.classifier)
        ),
    ]
    if looked.layer.spatial:
        files.insert(0, Download("Grid, PNG", "grid.png", "image/png", grid))
    return tuple(files)


def _first_filters() -> None:
    feature_options.IMAGE.put("chelsea")
    feature_options.NETWORK.put("EfficientNetLite0")
    feature_options.open_place(("stem_conv", -1))
    feature_options.SCALE.put("raw")


def _late_maps() -> None:
    feature_options.NETWORK.put("EfficientNetLite0")
    feature_options.open_place(("head_relu", -1))
    feature_options.SORT.put("sparsity")


def _mirror() -> None:
    feature_options.IMAGE.put("coffee")
    feature_options.COMPARE.put("mirror")


EXPERIMENTS = (
    Experiment(
        "The first filters",
        "Sixty-odd years of edge detection, learned: find the map that is bright on vertical edges, and its opposite.",
        _first_filters,
    ),
    Experiment(
        "Almost the answer",
        "The last maps are 7 × 7 and mostly zero. Which parts of the cat light up, and what else excites that channel?",
        _late_maps,
    ),
    Experiment(
        "Does it care about left and right?",
        "The cup and its mirror image, under *Two pictures*: early maps differ, late ones agree. See the curve.",
        _mirror,
    ),
)
