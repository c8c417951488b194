"""What the Feature maps page says under its pictures: the formula with its numbers, experiments, code, files."""

import io

import numpy as np

from explorer import maps, snippets
from explorer.models.graph import in_reach, visits
from explorer.models.preprocessing import CaffePreprocessing
from explorer.ui import cache, feature_options, links, networks
from explorer.ui.feature_lab import Looked, draw_sheet
from explorer.ui.frame import Download, Experiment, Explanation

CHAIN = (
    "A network is a chain of layers. Each takes the maps of the layer before it and makes its own: a convolution lays "
    "one filter over *all* of them, adds up, and slides on. Early maps still look like the picture; late ones are "
    "coarse, mostly dark, and answer to things rather than edges."
)

FLOW = (
    "In the picture of the whole network a line is thick where much flows. With one convolution between two columns "
    "that is how much an input map gives, convolved with its own slice of the kernel; where more lies between, each "
    "layer passes its shares back.\n\n"
    r"$$ \text{flow}_{i \to o} = \sum_{r,c} \left| (w_{io} * x_i)_{r,c} \right| \qquad "
    r"\text{share}_{i \to o} = \frac{|w_{io}| \sum |x_i|}{\sum_j |w_{jo}| \sum |x_j|} $$"
    "\n\nBlue adds to what it leads to, red takes away. A line into a folded stage comes from the stage before it; the "
    "sums of its channels name the layers inside."
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
    parts.append(FLOW)
    if feature_options.SCALE.current() == "each":
        parts.append(
            "Below, the colours show *where* a map is high, not how high: each has its own mean and deviation.\n\n"
            r"$$ \text{shown} = \operatorname{clip}\left(128 + 64\,\frac{y - \operatorname{mean}(y)}"
            r"{\operatorname{std}(y)},\; 0,\; 255\right) $$"
        )
    return "\n\n".join(parts)


def _channels(looked: Looked) -> tuple[int, ...]:
    """The channels of the grid's page."""
    if not looked.layer.spatial:
        return ()
    order = maps.order(looked.values, feature_options.SORT.current())
    page = maps.page(order, feature_options.PAGE.current() - 1, feature_options.PER_PAGE)
    return tuple(page.channels.tolist())


def _program(looked: Looked) -> str:
    path, model = looked.layer.path, looked.classifier.model
    key = (*looked.key, path, feature_options.SORT.current(), feature_options.PAGE.current())
    return snippets.feature_maps_program(
        path,
        cache.drawing("channels", key, lambda: _channels(looked)),
        feature_options.SCALE.current(),
        nested=not in_reach(visits(model), path),
        own_layers=any(isinstance(layer, CaffePreprocessing) for layer in model.layers),
    )


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
        *networks.downloads(looked.classifier, looked.picture),
    ]
    if looked.layer.spatial:
        files.insert(0, Download("Grid, PNG", "grid.png", "image/png", grid))
    return tuple(files)


def _first_sums() -> None:
    links.reset(feature_options.CONTROLS)
    feature_options.open_at("stem_relu", None)
    feature_options.UNFOLDED.put(True)
    feature_options.SCALE.put("raw")


def _inside_a_block() -> None:
    links.reset(feature_options.CONTROLS)
    feature_options.OPENED.put(("2", "2.1"))
    feature_options.open_at("block2b_add", None)


def _late_maps() -> None:
    links.reset(feature_options.CONTROLS)
    feature_options.open_at("head_relu", None)
    feature_options.SORT.put("sparsity")
    feature_options.TABS.put("excites")


def _mirror() -> None:
    links.reset(feature_options.CONTROLS)
    feature_options.IMAGE.put("coffee")
    feature_options.TABS.put("pictures")


EXPERIMENTS = (
    Experiment(
        "The first sums",
        "Three slices of a kernel, one for each colour, slide over the picture. Play it; then find a channel where "
        "they differ in sign: it sees colour.",
        _first_sums,
    ),
    Experiment(
        "Inside a block",
        "Wide, one kernel a channel, narrow again; at the end the block's input is added. Which of the two is larger?",
        _inside_a_block,
    ),
    Experiment(
        "Almost the answer",
        "The last maps are 7 × 7 and mostly zero. Which parts of the cat light up, and what else excites that channel?",
        _late_maps,
    ),
    Experiment(
        "Does it care about left and right?",
        "A cup and its mirror image, the maps turned back: alike at both ends, least in the middle. Can you say why?",
        _mirror,
    ),
)
