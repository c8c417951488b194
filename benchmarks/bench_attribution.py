"""The cost of explanations, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it. The libraries that are measured against are
in a folder of their own (``make bench`` fills it); without them their rows are left out.
"""

import contextlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
from common import Row, interleaved, medians, report

from explorer import images
from explorer.attribution import METHODS, explain, gradients, passes
from explorer.models import Classifier, load_pretrained

PEERS = Path(sys.prefix) / "bench-attribution"
LAYER = "head_relu"
"""The last layer before pooling: 7 × 7 × 1280."""
CAT, ESPRESSO = 285, 967
REPEATS = 45
FEW = 3
"""Repeats of what takes seconds."""
QUICK = {
    "score-cam": {"channels": 8},
    "smoothgrad": {"samples": 4},
    "integrated-gradients": {"steps": 8},
    "occlusion": {"patch": 0.5, "stride": 1.0},
    "rise": {"masks": 32},
}
"""Options that make slow methods short; how long they take does not matter for how often they are traced."""

PIXEL_GRADIENTS = passes.pixel_gradients

Peers = dict[str, Callable[[], Any]]


def fitted(network: Classifier, name: str) -> np.ndarray:
    """A bundled photo at the network's size, uint8 (224, 224, 3)."""
    pixels, _ = network.fit(images.read_image(images.SAMPLES[name].read_bytes()))
    return np.rint(pixels[0]).astype(np.uint8)


def grad_cam_rows(network: Classifier, photo: np.ndarray) -> list[Row]:
    """Grad-CAM against one compiled forward pass of the same picture."""

    def ours() -> object:
        return explain(network, photo, layer=LAYER, target=CAT)

    def by_default() -> object:
        return explain(network, photo)

    def one_pass() -> object:
        return network.predict(photo)

    against = "one compiled forward pass"
    return [
        Row(f"Grad-CAM, {LAYER}, class {CAT}", against, interleaved(ours, one_pass, REPEATS), 1.3),
        Row("Grad-CAM, layer and class left to it", against, interleaved(by_default, one_pass, REPEATS), 1.3),
    ]


def singly(classifier: Classifier, pixels: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, ...]:
    """``passes.pixel_gradients`` by the same compiled function, one picture after the other."""
    each = [PIXEL_GRADIENTS(classifier, pixels[i : i + 1], direction) for i in range(len(pixels))]
    return tuple(np.concatenate(parts) for parts in zip(*each, strict=True))


def batching_rows(network: Classifier, photo: np.ndarray) -> list[Row]:
    """Methods that ask for many gradients, against the same gradients from one picture in each pass."""
    rows = []
    for method in ("integrated-gradients", "smoothgrad"):

        def batched(method: str = method) -> Any:
            return explain(network, photo, method=method, target=CAT)

        def loop(batched: Callable[[], Any] = batched) -> Any:
            with mock.patch.object(passes, "pixel_gradients", singly):
                return batched()

        assert np.allclose(batched().raw, loop().raw, atol=1e-3), f"{method}: the loop gives another map"
        rows.append(Row(f"{METHODS[method].title}, {gradients.BATCH} pictures in a pass", "one picture in a pass",
                        interleaved(batched, loop, FEW), 1))  # fmt: skip
    return rows


def traces(network: Classifier) -> int:
    """How often layers are called in Python, which is what tracing does, once classes and pictures change."""
    cat, coffee = fitted(network, "chelsea"), fitted(network, "coffee")
    call, calls = keras.layers.Layer.__call__, []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return call(*args, **options)

    with mock.patch.object(keras.layers.Layer, "__call__", counted):
        traced = load_pretrained("EfficientNetLite0")  # a network for which nothing is compiled yet
        for method in METHODS:
            explain(traced, cat, method=method, target=CAT, **QUICK.get(method, {}))
        assert len(calls) > len(traced.model.layers), "tracing is not seen"
        calls.clear()
        for photo, target in ((cat, ESPRESSO), (coffee, CAT), (coffee, (ESPRESSO, CAT)), (coffee, None)):
            for method in METHODS:
                explain(traced, photo, method=method, target=target, **QUICK.get(method, {}))
    return len(calls)


def peers(network: Classifier, photo: np.ndarray) -> Peers:
    """The other libraries' calls for the same picture, layer and class; none where they are not installed.

    They are given the network up to its logits, because they differentiate its output. tf-keras-vis would take the
    softmax away only where it is part of the last dense layer.
    """
    sys.path.append(str(PEERS))
    if not all(importlib.util.find_spec(name) for name in ("tf_explain", "tf_keras_vis")):
        print(f"tf-explain and tf-keras-vis are not in {PEERS}: left out. `make bench` installs them.", file=sys.stderr)
        return {}
    warnings.filterwarnings("ignore", message="The structure of `inputs`")  # tf-explain's, from before Keras 3
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from tf_explain.core.grad_cam import GradCAM
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    logits = keras.Model(network.model.inputs, network.model.get_layer("logits").output)
    batch, pixels = photo[np.newaxis], photo[np.newaxis].astype(np.float32)
    seen: dict[str, Any] = {"penultimate_layer": LAYER, "seek_penultimate_conv_layer": False}
    gradcam, scorecam, score = Gradcam(logits), Scorecam(logits), CategoricalScore(CAT)

    def score_cam(most: int | None) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras's progress bar
            return scorecam(score, pixels, max_N=most, **seen)

    raw = GradCAM.generate_ponderated_output(
        *GradCAM.get_gradients_and_filters(logits, batch, LAYER, CAT, use_guided_grads=False)
    )[0]
    ours = explain(network, photo, layer=LAYER, target=CAT)
    unscaled = gradcam(score, pixels, expand_cam=False, normalize_cam=False, **seen)[0]
    assert np.allclose(ours.raw, raw, atol=1e-4), "tf-explain's map is another one"
    assert np.allclose(ours.raw_values, unscaled, atol=1e-4), "tf-keras-vis's map is another one"
    return {
        "tf-explain 0.3.1": lambda: GradCAM().explain((batch, None), logits, CAT, LAYER, use_guided_grads=False),
        "tf-keras-vis 0.8.7": lambda: gradcam(score, pixels, **seen),
        "tf-keras-vis 0.8.7, max_N=256": lambda: score_cam(256),
        "tf-keras-vis 0.8.7, all channels": lambda: score_cam(None),
    }


def peer_rows(network: Classifier, photo: np.ndarray) -> list[Row]:
    """Grad-CAM and Score-CAM against the other libraries'; and what Score-CAM's passes alone take."""
    others = peers(network, photo)
    if not others:
        return []

    def grad_cam() -> object:
        return explain(network, photo, layer=LAYER, target=CAT)

    def score_cam(channels: int) -> Callable[[], Any]:
        return lambda: explain(network, photo, method="score-cam", layer=LAYER, target=CAT, channels=channels)

    pictures = np.repeat(photo[np.newaxis], 256, axis=0)

    def passes() -> object:
        return network.predict(pictures)

    rows = [
        Row(f"Grad-CAM, {LAYER}, class {CAT}", name, interleaved(grad_cam, others[name], REPEATS // 3), 0.1)
        for name in ("tf-explain 0.3.1", "tf-keras-vis 0.8.7")
    ]
    some, every = "tf-keras-vis 0.8.7, max_N=256", "tf-keras-vis 0.8.7, all channels"
    ours, theirs, alone = medians((score_cam(256), others[some], passes), FEW)
    everything, all_theirs = medians((score_cam(4096), others[every]), 1, warm=False)  # compiled by now
    tried = int(np.count_nonzero(np.ptp(explain(network, photo, layer=LAYER).terms.maps, axis=(0, 1))))
    return [
        *rows,
        Row("Score-CAM, 256 channels", some, ours / theirs),
        Row(f"Score-CAM, all {tried} channels that vary", every, everything / all_theirs, 0.33),
        Row("256 compiled forward passes alone", some, alone / theirs),
        Row("Score-CAM, 256 channels", "256 compiled forward passes alone", ours / alone, 1.3),
    ]


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    network = load_pretrained("EfficientNetLite0")
    photo = fitted(network, "chelsea")
    report(
        [
            *grad_cam_rows(network, photo),
            *peer_rows(network, photo),
            *batching_rows(network, photo),
            Row(
                f"calls of layers in Python, {len(METHODS)} methods, class and picture changed",
                "none",
                traces(network),
                0,
            ),
        ]
    )


if __name__ == "__main__":
    main()
