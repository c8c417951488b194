"""What every layer of a network is given and gives for one picture, by running it layer by layer in Keras."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FOLLOWERS = ("BatchNormalization", "ReLU", "Activation", "Softmax", "Dropout", "Rescaling", "CaffePreprocessing")
"""Layers that treat every channel alone: what is before them adds up."""
QUIET = ("Dropout", "Flatten", "Reshape")
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class Call:
    """A layer with the tensors that went in and came out, without the batch."""

    path: str
    layer: Any
    inputs: tuple[Any, ...]
    output: Any

    @property
    def kind(self):
        return type(self.layer).__name__

    def given(self, index=0):
        return np.asarray(self.inputs[index])[0]

    @property
    def values(self):
        return np.asarray(self.output)[0]


def leaves(model, prefix=""):
    """Every layer that is no network itself, by its dotted path."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer, f"{prefix}{layer.name}.")
        else:
            yield prefix + layer.name, layer


class Recorded:
    """One pass of one picture, float32 (1, H, W, C)."""

    def __init__(self, model, pixels):
        self.calls = {}
        every = list(leaves(model))
        for path, layer in every:
            layer.call = self._recording(path, layer, layer.call)
        try:
            self.output = np.asarray(model(tf.constant(pixels), training=False))[0]
        finally:
            for _, layer in every:
                del layer.call
        self._makers = {id(call.output): call for call in reversed(self.calls.values())}

    def _recording(self, path, layer, call):
        def run(*args, **options):
            output = call(*args, **options)
            tensors = tuple(each for each in keras.tree.flatten(args) if tf.is_tensor(each))
            self.calls[path] = Call(path, layer, tensors, output)
            return output

        return run

    def maker(self, tensor):
        """The call that made a tensor; None of the picture."""
        return self._makers.get(id(tensor))

    def unit(self, path):
        """The call that adds up for a layer, None where the picture is only prepared, and the calls after it."""
        call, after = self.calls[path], []
        while call is not None and call.kind in FOLLOWERS:
            after.insert(0, call)
            call = self.maker(call.inputs[0])
        return call, after

    def shape_before(self, call):
        """(H, W, C) of the maps that a call's numbers were before they were flattened; None where they were not."""
        tensor = call.inputs[0]
        while (maker := self.maker(tensor)) is not None and maker.kind in QUIET:
            tensor = maker.inputs[0]
        shape = tuple(tensor.shape[1:])
        return shape if len(shape) == 3 else None

    def place(self, call, index):
        """Channel, row and column of a number before it was flattened; None where it was not."""
        shape = self.shape_before(call)
        if shape is None:
            return None
        row, col, channel = np.unravel_index(index, shape)
        return int(channel), int(row), int(col)


def shape_of(call):
    """Kernel (h, w), strides, dilation and padding of a layer with a window."""
    layer = call.layer
    if "Pooling" in call.kind:
        return tuple(layer.pool_size), tuple(layer.strides or layer.pool_size), (1, 1), layer.padding
    kernel = layer.depthwise_kernel if call.kind == "SeparableConv2D" else layer.kernel
    return tuple(kernel.shape[:2]), tuple(layer.strides), tuple(layer.dilation_rate), layer.padding


def patches(one, size, strides, dilation, padding):
    """What every place of a window sees of one map: (H, W, kh, kw); zeros are padding."""
    found = tf.image.extract_patches(
        one[np.newaxis, ..., np.newaxis], [1, *size, 1], [1, *strides, 1], [1, *dilation, 1], padding.upper()
    )
    return np.asarray(found)[0].reshape(*found.shape[1:3], *size)


def slices(call, channel):
    """The inputs of a convolution's channel, and the slice of the kernel for each: (kh, kw, n)."""
    layer = call.layer
    if call.kind == "DepthwiseConv2D":
        kernel = np.asarray(layer.kernel)
        source, which = divmod(channel, kernel.shape[3])
        return [source], kernel[:, :, source, which : which + 1]
    if call.kind == "SeparableConv2D":
        each, mix = np.asarray(layer.depthwise_kernel), np.asarray(layer.pointwise_kernel)[0, 0, :, channel]
        return list(range(each.shape[2])), (each * mix.reshape(each.shape[2:])).sum(axis=3)
    kernel = np.asarray(layer.kernel)[..., channel]
    group = channel // (layer.filters // layer.groups) * kernel.shape[2]
    return list(range(group, group + kernel.shape[2])), kernel


def apart(call, channel):
    """What each input of a convolution's channel gives on its own, by Keras: (H, W, n)."""
    inputs, weights = slices(call, channel)
    _, strides, dilation, padding = shape_of(call)
    given = call.given()[np.newaxis][..., inputs]
    kernel = np.ascontiguousarray(weights[..., np.newaxis], np.float32)
    parts = keras.ops.depthwise_conv(given, kernel, strides=strides, padding=padding, dilation_rate=dilation)
    return np.asarray(parts)[0]


def bias(call, channel):
    found = getattr(call.layer, "bias", None)
    return 0.0 if found is None else float(np.asarray(found)[channel])
