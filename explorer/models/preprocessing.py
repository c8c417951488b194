"""What a published network expects of its pixels, as layers that stand inside the network.

A model that carries its preprocessing cannot be fed wrongly: it takes RGB pixels 0–255 here, in a notebook and on a
phone. The three kinds are those of ``keras.applications.imagenet_utils.preprocess_input``.
"""

from typing import Any, Literal

import keras

Preprocessing = Literal["caffe", "tf", "torch", "inside"]

BGR_MEAN = (103.939, 116.779, 123.68)
"""Mean blue, green and red of the ImageNet training pictures, in 0–255."""
RGB_MEAN = (0.485, 0.456, 0.406)
RGB_DEVIATION = (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue of the ImageNet training pictures, in 0–1."""


@keras.saving.register_keras_serializable(package="convnet_explorer")
class CaffePreprocessing(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """RGB to BGR, minus the mean colour of ImageNet: what VGG and the first ResNet were trained on.

    float32 (N, H, W, 3) → float32 (N, H, W, 3); not scaled, so that values are in about −124…151.

    >>> import numpy as np
    >>> CaffePreprocessing()(np.array([[[[123.68, 0, 0]]]], np.float32)).numpy().astype(int).tolist()
    [[[[-103, -116, 0]]]]
    """

    def call(self, pixels: Any) -> Any:
        """See the class."""
        return keras.ops.flip(pixels, axis=-1) - keras.ops.convert_to_tensor(BGR_MEAN, pixels.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same shape."""
        return input_shape


def preprocessing_layer(kind: Preprocessing) -> keras.layers.Layer:
    """A layer that makes of RGB pixels 0–255 what a network was trained on.

    Args:
        kind: "caffe": BGR minus the mean; "tf": −1…1; "torch": minus the mean, divided by the standard deviation,
            of each colour; "inside": the network does it itself, and the layer changes nothing.

    >>> preprocessing_layer("tf")(255.0).numpy().item()
    1.0
    """
    name = "preprocessing"
    match kind:
        case "caffe":
            return CaffePreprocessing(name=name)
        case "tf":
            return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name=name)
        case "torch":
            scale = [1 / (255 * deviation) for deviation in RGB_DEVIATION]
            offset = [-mean / deviation for mean, deviation in zip(RGB_MEAN, RGB_DEVIATION, strict=True)]
            return keras.layers.Rescaling(scale, offset=offset, name=name)
        case "inside":
            return keras.layers.Identity(name=name)
