"""The program of the Grad-CAM page: where a picture speaks for a class, by any of the methods."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from explorer.snippets.wiring import Wiring, wiring

if TYPE_CHECKING:
    from explorer.attribution import Explanation
    from explorer.models import Classifier


def attribution_program(explanation: "Explanation", classifier: "Classifier") -> str:
    """The program for the Grad-CAM page.

    It reads ``picture.png`` (the picture as the network read it) and ``network.keras``, both from the page's
    downloads, and writes ``signed.npy`` (``explanation.raw``), ``map.npy`` (``explanation.raw_values``) and
    ``overlay.png``. What was stopped half-way on the page is carried out to its end.

    Args:
        explanation: what the page shows.
        classifier: the network that was asked.

    Returns:
        Python source. Of this project it needs something only where Keras alone cannot open the network or reach
        the layer.
    """
    network = wiring(classifier, explanation.target, explanation.layer)
    question = explanation.target.named(classifier.class_names)
    return "\n".join(
        [
            *["import cv2", "import keras", "import numpy as np", "import tensorflow as tf"],
            *(["", *network.imports] if network.imports else []),
            "",
            _READ[classifier.input_shape[2]],
            "pixels = tf.constant(picture[None], tf.float32)  # 0 to 255: the preprocessing is inside the network",
            'model = keras.saving.load_model("network.keras")',
            *network.lines,
            "",
            *_METHODS[explanation.method](network, explanation),
            "",
            f'print("score", float(score), "for", {question!r})',
            'print("map", shown.shape, "minimum", shown.min(), "maximum", shown.max())',
            'np.save("signed.npy", raw)  # positive speaks for it, negative against it',
            'np.save("map.npy", shown)',
            "",
            "heat = cv2.resize(np.float32(shown), picture.shape[1::-1])  # bilinear, to the size of the picture",
            'end = np.percentile(heat, 99.5, method="higher") or heat.max() or 1  # of the colour scale',
            "heat = cv2.applyColorMap(np.uint8(np.rint(np.minimum(heat / end, 1) * 255)), cv2.COLORMAP_VIRIDIS)",
            'cv2.imwrite("overlay.png", cv2.addWeighted(heat, 0.6, cv2.imread("picture.png"), 0.4, 0))',
            "",
        ]
    )


_READ = {
    1: 'picture = cv2.imread("picture.png", cv2.IMREAD_GRAYSCALE)[..., None]',
    3: 'picture = cv2.cvtColor(cv2.imread("picture.png"), cv2.COLOR_BGR2RGB)',
}
_RELU = "shown = np.maximum(raw, 0)  # ReLU: what speaks for it"

_WEIGHTS: Mapping[str, list[str]] = MappingProxyType(
    {
        "grad-cam": ["weights = gradients.mean(axis=(0, 1))  # how much each map moves the score, on average"],
        "grad-cam++": [
            "below = 2 + gradients * maps.sum(axis=(0, 1))  # the paper's fraction, reduced by the gradient's square",
            "alpha = np.divide(1, below, out=np.zeros_like(below), where=np.abs(below) > 1e-12)",
            "weights = (alpha * np.maximum(gradients, 0)).sum(axis=(0, 1))",
        ],
        "hires-cam": ["weights = gradients  # each cell has its own, nothing is averaged"],
        "layer-cam": ["weights = np.maximum(gradients, 0)  # each cell has its own, where it speaks for it"],
        "xgrad-cam": [
            "totals = maps.sum(axis=(0, 1))",
            "weighted = (gradients * maps).sum(axis=(0, 1))",
            "weights = np.divide(weighted, totals, out=np.zeros_like(totals), where=np.abs(totals) > 1e-12)",
        ],
    }
)


def _by_gradients_of_maps(network: Wiring, explanation: "Explanation") -> list[str]:
    """The class activation maps whose weights come from the gradient."""
    return [
        "with tf.GradientTape() as tape:",
        "    tape.watch(pixels)",
        f"    maps, logits = {network.ask('pixels')}",
        f"    score = {network.score('0')}",
        "gradients = tape.gradient(score, maps)[0].numpy().astype(float)  # of the score by each cell of each map",
        "maps = maps[0].numpy().astype(float)",
        "",
        *_WEIGHTS[explanation.method],
        "raw = (maps * weights).sum(axis=2)",
        _RELU,
    ]


def _eigen_cam(network: Wiring, explanation: "Explanation") -> list[str]:  # noqa: ARG001
    return [
        f"maps, logits = {network.ask('pixels')}",
        f"score = {network.score('0')}",
        "maps = maps[0].numpy().astype(float)",
        "cells = maps.reshape(-1, maps.shape[2])",
        "_, _, directions = np.linalg.svd(cells, full_matrices=False)",
        "raw = maps @ directions[0]  # the pattern that the maps have most in common",
        "raw = -raw if raw.sum() < 0 else raw  # its sign is arbitrary",
        _RELU,
    ]


def _score_cam(network: Wiring, explanation: "Explanation") -> list[str]:
    return [
        f"maps, logits = {network.ask('pixels')}",
        f"score = {network.score('0')}",
        "maps = maps[0].numpy()",
        "",
        "cells = maps.reshape(-1, maps.shape[2])",
        "low, high = cells.min(axis=0), cells.max(axis=0)",
        "varying = np.flatnonzero(high > low)  # the others hide nothing, or everything",
        'order = np.argsort(-cells[:, varying].var(axis=0), kind="stable")',
        f"tried = varying[order[:{explanation.options['channels']}]]",
        "masks = np.moveaxis((maps - low)[..., tried] / (high - low)[tried], 2, 0)[..., None]  # 0 to 1",
        "gains = []",
        "for first in range(0, len(tried), 32):",
        "    seen = tf.image.resize(masks[first : first + 32], picture.shape[:2])",
        f"    _, logits = {network.ask('seen * pixels')}",
        f"    gains.append({network.score(':')})  # what is left of the score",
        "weights = np.zeros(maps.shape[2])",
        "if gains:",
        "    weights[tried] = tf.nn.softmax(tf.concat(gains, axis=0))",
        "raw = (maps * weights).sum(axis=2)",
        _RELU,
    ]


def _gradients(network: Wiring) -> list[str]:
    """Of the picture's score by each of its values."""
    return [
        "with tf.GradientTape() as tape:",
        "    tape.watch(pixels)",
        f"    logits = {network.ask('pixels')}",
        f"    score = {network.score('0')}",
        "gradients = tape.gradient(score, pixels)[0].numpy()",
    ]


def _gradients_of(network: Wiring) -> list[str]:
    """The same as a function, for many pictures."""
    return [
        "def gradients_of(pictures):",
        "    with tf.GradientTape() as tape:",
        "        tape.watch(pictures)",
        f"        logits = {network.ask('pictures')}",
        f"        scores = {network.score(':')}",
        "    return tape.gradient(scores, pictures).numpy(), scores.numpy()",
    ]


_MAGNITUDE = [
    "raw = gradients.sum(axis=2)",
    "shown = np.abs(gradients).max(axis=2)  # of the colours the largest, of either sign",
]


def _saliency(network: Wiring, explanation: "Explanation") -> list[str]:  # noqa: ARG001
    return [*_gradients(network), *_MAGNITUDE]


def _gradient_times_input(network: Wiring, explanation: "Explanation") -> list[str]:  # noqa: ARG001
    return [*_gradients(network), "raw = (gradients * picture).sum(axis=2)", _RELU]


def _smoothgrad(network: Wiring, explanation: "Explanation") -> list[str]:
    options = explanation.options
    return [
        "",
        *_gradients_of(network),
        "",
        "",
        "score = gradients_of(pixels)[1][0]",
        f"samples, noise = {options['samples']}, {options['noise']:g} * np.float32(np.ptp(picture))",
        f"random = np.random.default_rng({options['seed']})",
        "total = np.zeros(picture.shape)",
        "for first in range(0, samples, 16):",
        "    batch = random.standard_normal((min(16, samples - first), *picture.shape), np.float32) * noise",
        "    total += gradients_of(pixels + batch)[0].sum(axis=0)",
        "gradients = total / samples  # the mean over the noisy pictures",
        *_MAGNITUDE,
    ]


def _integrated_gradients(network: Wiring, explanation: "Explanation") -> list[str]:
    return [
        "",
        *_gradients_of(network),
        "",
        "",
        *_fill("baseline", str(explanation.options["baseline"])),
        "way = pixels - baseline",
        "places, scores, maps = np.empty(0), np.empty(0), np.empty((0, *picture.shape[:2]))",
        f"steps = {explanation.options['steps']}",
        "new = np.linspace(0, 1, steps + 1)  # places on the way from the baseline (0) to the picture (1)",
        "while len(new):",
        "    for batch in np.split(new, range(16, len(new), 16)):",
        "        gradients, found = gradients_of(baseline + np.float32(batch)[:, None, None, None] * way)",
        "        places, scores = np.append(places, batch), np.append(scores, found)",
        "        maps = np.append(maps, (gradients * way).numpy().sum(axis=3), axis=0)",
        "    order = np.argsort(places)",
        "    places, scores, maps = places[order], scores[order], maps[order]",
        "    slopes = maps.sum(axis=(1, 2))",
        "    missed = np.diff(scores) - np.diff(places) * (slopes[1:] + slopes[:-1]) / 2  # of the score, by each step",
        "    allowed = 0.01 * max(abs(scores[-1] - scores[0]), 0.001 * np.abs(scores).max())",
        "    rough = abs(missed.sum()) > allowed or np.abs(missed).sum() > 10 * allowed",
        '    worst = np.sort(np.argsort(-np.abs(missed), kind="stable")[: min(16, 8 * steps - len(missed))])',
        "    new = (places[worst] + places[worst + 1]) / 2 if rough else []  # halve the steps that miss most",
        "score = scores[-1]",
        "raw = np.trapezoid(maps, places, axis=0)",
        'print(len(missed), "steps: the map adds up to", raw.sum(), "and the score changes by", score - scores[0])',
        _RELU,
    ]


def _guided_backpropagation(network: Wiring, explanation: "Explanation") -> list[str]:  # noqa: ARG001
    return [
        'rule = tf.compat.v1.get_default_graph().unique_name("Guided")  # another one, should this run twice',
        "",
        "",
        "@tf.RegisterGradient(rule)",
        "def guided(operation, gradient):  # through where the ReLU is open and the gradient positive",
        "    output, end = operation.outputs[0], 6 if operation.type == 'Relu6' else np.inf",
        "    return tf.where((gradient > 0) & (output > 0) & (output < end), gradient, tf.zeros_like(gradient))",
        "",
        "",
        "@tf.function(autograph=False)",
        "def look(pixels):",
        "    rules = {'Relu': rule, 'Relu6': rule}",
        "    with tf.compat.v1.get_default_graph().gradient_override_map(rules):",
        f"        logits = {network.ask('pixels')}",
        f"    score = {network.score('0')}",
        "    return tf.gradients(score, pixels)[0], score",
        "",
        "",
        "gradients, score = look(pixels)",
        "gradients = gradients[0].numpy()",
        *_MAGNITUDE,
    ]


def _occlusion(network: Wiring, explanation: "Explanation") -> list[str]:
    options = explanation.options
    return [
        f"logits = {network.ask('pixels')}",
        f"score = ({network.score('0')}).numpy()",
        "height, width = picture.shape[:2]",
        f"side = max(1, round({options['patch']:g} * min(height, width)))",
        f"step = max(1, round({options['stride']:g} * side))",
        "tops, lefts = range(0, height - side + step, step), range(0, width - side + step, step)",
        "patches = [np.s_[top : top + side, left : left + side] for top in tops for left in lefts]",
        *_fill("fill", str(options["fill"])),
        "falls, covered = np.zeros((2, height, width))",
        "for first in range(0, len(patches), 32):",
        "    batch = patches[first : first + 32]",
        "    hidden = np.repeat(np.float32(picture)[None], len(batch), axis=0)",
        "    for one, patch in zip(hidden, batch):",
        "        one[patch] = fill[patch]",
        f"    logits = {network.ask('hidden')}",
        f"    for patch, left in zip(batch, ({network.score(':')}).numpy()):",
        "        falls[patch] += score - left",
        "        covered[patch] += 1",
        "raw = falls / covered  # the mean over the patches that cover a pixel",
        _RELU,
    ]


def _rise(network: Wiring, explanation: "Explanation") -> list[str]:
    options = explanation.options
    return [
        f"logits = {network.ask('pixels')}",
        f"score = ({network.score('0')}).numpy()",
        f"count, cells, kept = {options['masks']}, {options['cells']}, {options['kept']:g}",
        "height, width = picture.shape[:2]",
        "high, wide = -(-height // cells), -(-width // cells)  # of a cell, in pixels",
        *_fill("fill", str(options["fill"])),
        f"random = np.random.default_rng({options['seed']})",
        "seen, gained, total = np.zeros((height, width)), np.zeros((height, width)), 0.0",
        "for first in range(0, count, 32):",
        "    n = min(32, count - first)",
        "    grids = np.float32(random.random((n, cells, cells)) < kept)",
        "    grids = [cv2.resize(grid, ((cells + 1) * wide, (cells + 1) * high)) for grid in grids]",
        "    corners = zip(random.integers(0, high, n), random.integers(0, wide, n))",
        "    masks = [g[top : top + height, left : left + width] for g, (top, left) in zip(grids, corners)]",
        "    masks = np.stack(masks)[..., None]",
        f"    logits = {network.ask('masks * pixels + (1 - masks) * fill')}",
        f"    gains = np.float64({network.score(':')}) - score",
        "    seen += masks[..., 0].sum(axis=0)",
        "    gained += np.tensordot(gains, masks[..., 0], 1)",
        "    total += gains.sum()",
        "raw = (gained - total / count * seen) / (count * kept * (1 - kept))",
        _RELU,
    ]


def _fill(name: str, how: str) -> list[str]:
    """What stands for "nothing there"."""
    colours = {"black": "np.zeros(picture.shape)", "grey": "np.full(picture.shape, 128)"}
    colours["mean"] = "np.broadcast_to(picture.mean(axis=(0, 1)), picture.shape)"
    if how in colours:
        return [f"{name} = np.float32({colours[how]})"]
    return [
        "deviation = min(picture.shape[:2]) / 8",
        f"{name} = cv2.GaussianBlur(np.float32(picture), (0, 0), deviation, borderType=cv2.BORDER_REFLECT)",
        f"{name} = {name}.reshape(picture.shape)",
    ]


_METHODS: Mapping[str, Callable[[Wiring, "Explanation"], list[str]]] = MappingProxyType(
    {
        **dict.fromkeys(_WEIGHTS, _by_gradients_of_maps),
        "score-cam": _score_cam,
        "eigen-cam": _eigen_cam,
        "saliency": _saliency,
        "gradient-x-input": _gradient_times_input,
        "smoothgrad": _smoothgrad,
        "integrated-gradients": _integrated_gradients,
        "guided-backpropagation": _guided_backpropagation,
        "occlusion": _occlusion,
        "rise": _rise,
    }
)
