"""Published networks that were trained on ImageNet: one comes with the app, the others are downloaded.

Each takes RGB pixels 0–255, with its preprocessing inside, as one flat graph, so that its layers keep the names
that ``keras.applications`` gives them. The scores before the softmax are an output of their own: gradients are taken
of them, and not of probabilities.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import keras

from explorer import device, settings
from explorer.downloads import Progress, RemoteFile
from explorer.errors import ModelError
from explorer.models.classifier import Classifier
from explorer.models.efficientnet_lite import efficientnet_lite0
from explorer.models.preprocessing import RGB_DEVIATION, RGB_MEAN, Preprocessing, preprocessing_layer
from explorer.models.weight_files import fetch, keras_cache
from explorer.settings import ASSETS

_STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications"
_ARXIV = "https://arxiv.org/abs"


@dataclass(frozen=True)
class Pretrained:
    """A published network.

    Attributes:
        name: as in ``keras.applications``.
        title: as a person writes it.
        year: of publication.
        paper: its address.
        size: height and width of the input, in pixels.
        parameters: how many, with the 1,000 classes of ImageNet.
        preprocessing: what it expects of the pixels.
        architecture: the function of ``keras.applications``; None for the bundled network.
        weights: the file to download; None for the bundled network.
    """

    name: str
    title: str
    year: int
    paper: str
    size: int
    parameters: int
    preprocessing: Preprocessing
    architecture: Callable[..., Any] | None = None
    weights: RemoteFile | None = None

    @property
    def bundled(self) -> bool:
        """Whether the trained weights come with the app.

        >>> PRETRAINED["EfficientNetLite0"].bundled, PRETRAINED["VGG16"].bundled
        (True, False)
        """
        return self.weights is None


_ENTRIES = (
    Pretrained(
        "EfficientNetLite0", "EfficientNet-Lite0", 2020,
        "https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html",
        224, 4_694_024, "inside",
    ),
    Pretrained(
        "VGG16", "VGG-16", 2014, f"{_ARXIV}/1409.1556", 224, 138_357_544, "caffe", keras.applications.VGG16,
        RemoteFile(
            f"{_STORAGE}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5", "64373286793e3c8b2b4e3219cbf3544b"
        ),
    ),
    Pretrained(
        "VGG19", "VGG-19", 2014, f"{_ARXIV}/1409.1556", 224, 143_667_240, "caffe", keras.applications.VGG19,
        RemoteFile(
            f"{_STORAGE}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5", "cbe5617147190e668d6c5d5026f83318"
        ),
    ),
    Pretrained(
        "InceptionV3", "Inception v3", 2015, f"{_ARXIV}/1512.00567", 299, 23_851_784, "tf",
        keras.applications.InceptionV3,
        RemoteFile(
            f"{_STORAGE}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
            "9a0d58056eeedaa3f26cb7ebd46da564",
        ),
    ),
    Pretrained(
        "Xception", "Xception", 2016, f"{_ARXIV}/1610.02357", 299, 22_910_480, "tf", keras.applications.Xception,
        RemoteFile(
            f"{_STORAGE}/xception/xception_weights_tf_dim_ordering_tf_kernels.h5", "0a58e3b7378bc2990ea3b43d5981f1f6"
        ),
    ),
    Pretrained(
        "ResNet50", "ResNet-50", 2015, f"{_ARXIV}/1512.03385", 224, 25_636_712, "caffe", keras.applications.ResNet50,
        RemoteFile(
            f"{_STORAGE}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5", "2cb95161c43110f7111970584f804107"
        ),
    ),
    Pretrained(
        "ResNet50V2", "ResNet-50 v2", 2016, f"{_ARXIV}/1603.05027", 224, 25_613_800, "tf",
        keras.applications.ResNet50V2,
        RemoteFile(
            f"{_STORAGE}/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels.h5", "3ef43a0b657b3be2300d5770ece849e0"
        ),
    ),
    Pretrained(
        "MobileNet", "MobileNet", 2017, f"{_ARXIV}/1704.04861", 224, 4_253_864, "tf", keras.applications.MobileNet,
        RemoteFile(f"{_STORAGE}/mobilenet/mobilenet_1_0_224_tf.h5"),
    ),
    Pretrained(
        "MobileNetV2", "MobileNet v2", 2018, f"{_ARXIV}/1801.04381", 224, 3_538_984, "tf",
        keras.applications.MobileNetV2,
        RemoteFile(f"{_STORAGE}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"),
    ),
    Pretrained(
        "MobileNetV3Small", "MobileNet v3 small", 2019, f"{_ARXIV}/1905.02244", 224, 2_554_968, "inside",
        keras.applications.MobileNetV3Small,
        RemoteFile(
            f"{_STORAGE}/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float.h5", "8768d4c2e7dee89b9d02b2d03d65d862"
        ),
    ),
    Pretrained(
        "MobileNetV3Large", "MobileNet v3 large", 2019, f"{_ARXIV}/1905.02244", 224, 5_507_432, "inside",
        keras.applications.MobileNetV3Large,
        RemoteFile(
            f"{_STORAGE}/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float.h5", "59e551e166be033d707958cf9e29a6a7"
        ),
    ),
    Pretrained(
        "EfficientNetB0", "EfficientNet-B0", 2019, f"{_ARXIV}/1905.11946", 224, 5_330_571, "inside",
        keras.applications.EfficientNetB0,
        RemoteFile(
            "https://storage.googleapis.com/keras-applications/efficientnetb0.h5", "902e53a9f72be733fc0bcb005b3ebbac"
        ),
    ),
    Pretrained(
        "EfficientNetV2B0", "EfficientNetV2-B0", 2021, f"{_ARXIV}/2104.00298", 224, 7_200_312, "inside",
        keras.applications.EfficientNetV2B0,
        RemoteFile(f"{_STORAGE}/efficientnet_v2/efficientnetv2-b0.h5", "21ecbf6da12460d5c40bb2f29ceb2188"),
    ),
    Pretrained(
        "DenseNet121", "DenseNet-121", 2016, f"{_ARXIV}/1608.06993", 224, 8_062_504, "torch",
        keras.applications.DenseNet121,
        RemoteFile(
            f"{_STORAGE}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels.h5",
            "9d60b8095a5708f2dcce2bca79d332c7",
        ),
    ),
    Pretrained(
        "ConvNeXtTiny", "ConvNeXt tiny", 2022, f"{_ARXIV}/2201.03545", 224, 28_589_128, "inside",
        keras.applications.ConvNeXtTiny,
        RemoteFile(
            f"{_STORAGE}/convnext/convnext_tiny.h5",
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        ),
    ),
    Pretrained(
        "NASNetMobile", "NASNet mobile", 2017, f"{_ARXIV}/1707.07012", 224, 5_326_716, "tf",
        keras.applications.NASNetMobile,
        RemoteFile(
            f"{_STORAGE}/nasnet/NASNet-mobile.h5", "020fb642bf7360b370c678b08e0adf61", name="nasnet_mobile.h5"
        ),
    ),
)  # fmt: skip

PRETRAINED: Mapping[str, Pretrained] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""The published networks by name; the bundled one first."""


def load_pretrained(
    name: str, *, weights: Literal["imagenet"] | None = "imagenet", on_progress: Progress | None = None
) -> Classifier:
    """A published network, ready for pixels 0–255.

    Its weights are taken from the folder that ``EXPLORER_WEIGHTS_DIR`` names (under Keras's file name), else from
    Keras's cache, else they are downloaded into that cache.

    Args:
        name: a key of :data:`PRETRAINED`.
        weights: "imagenet", or None for random weights.
        on_progress: called during a download with the bytes that are here and the bytes in all.

    Raises:
        ModelError: no such network, or its weights cannot be had or do not fit.

    >>> load_pretrained("EfficientNetLite0", weights=None).input_shape
    (224, 224, 3)
    """
    if name not in PRETRAINED:
        raise ModelError(f"There is no published network {name!r} here; there are {', '.join(PRETRAINED)}.")
    if weights not in ("imagenet", None):
        raise ModelError(f'The weights {weights!r} are not known; they can be "imagenet" or None, which is random.')
    device.prepare()
    entry = PRETRAINED[name]
    path = _weights_path(entry, on_progress) if weights else None
    # Keras numbers unnamed layers thread by thread: in a new one they are conv2d, conv2d_1, … each time.
    with ThreadPoolExecutor(max_workers=1) as thread:
        model = thread.submit(_network, entry, path, trained=weights is not None).result()
    return Classifier(model, imagenet_class_names(), name)


def fetch_weights(name: str, on_progress: Progress | None = None) -> None:
    """Download a published network's weights, unless they are here.

    Args:
        name: a key of :data:`PRETRAINED`.
        on_progress: as in :func:`load_pretrained`.

    Raises:
        ModelError: they cannot be had.
    """
    _weights_path(PRETRAINED[name], on_progress)


def imagenet_class_names() -> tuple[str, ...]:
    """The names of the 1,000 ImageNet classes, in the order of the networks' outputs.

    >>> imagenet_class_names()[285]
    'Egyptian cat'
    """
    return tuple(json.loads((ASSETS / "imagenet_classes.json").read_text("utf-8")))


def _network(entry: Pretrained, path: Path | None, *, trained: bool) -> keras.Model:
    if entry.architecture is None:
        return efficientnet_lite0(trained=trained)
    pixels = keras.Input((entry.size, entry.size, 3), name="pixels")
    if entry.name == "EfficientNetB0":
        prepared = _b0_preprocessing()(pixels)
    elif entry.preprocessing == "inside":
        prepared = pixels
    else:
        prepared = preprocessing_layer(entry.preprocessing)(pixels)
    # In the weights file of Keras the last layer is the same with and without its softmax.
    scores = entry.architecture(input_tensor=prepared, weights=None, classifier_activation=None)
    if path is not None:
        _load(scores, path, entry)
    probabilities = keras.layers.Softmax(name="softmax")(scores.outputs[0])
    return keras.Model(pixels, probabilities, name=entry.name)


def _b0_preprocessing() -> keras.layers.Layer:
    """Makes up for a slip in the published weights of EfficientNet-B0.

    Their normalisation layer has the standard deviation s where Keras expects the variance, and so divides by √s.
    Keras itself divides by √s once more, but only in the graph that it builds around its own download
    (https://github.com/tensorflow/tensorflow/issues/49930). Here the pixels are spread by 1/√s about their mean.
    """
    scale = [deviation**-0.5 for deviation in RGB_DEVIATION]
    offset = [255 * mean * (1 - factor) for mean, factor in zip(RGB_MEAN, scale, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, name="preprocessing")


def _weights_path(entry: Pretrained, on_progress: Progress | None) -> Path | None:
    if entry.weights is None:
        return None
    folder = settings.current().weights_dir
    if folder is not None and (path := folder / entry.weights.filename).is_file():
        return path
    return fetch(entry.weights, keras_cache(), on_progress=on_progress)


def _load(model: keras.Model, path: Path, entry: Pretrained) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path.name} does not hold the weights of {entry.title} with the 1,000 ImageNet classes. "
            f"Delete {path} to have it downloaded again, or put the right file there."
        ) from error
