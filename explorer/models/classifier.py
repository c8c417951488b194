"""One contract for every network: pixels of 0–255 in, probabilities of named classes out."""

import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.errors import ModelError
from explorer.images.sizing import fit
from explorer.models.compiled import Compiled, CompiledFunctions
from explorer.models.graph import Visit, visits
from explorer.models.layers import final_activation, tap
from explorer.settings import MAX_CLASSES, MAX_NETWORK_SIDE

DEFAULT_SIDE = 224
"""Height and width, in pixels, given to a network that accepts any size."""
MAX_BATCH = 32
"""Most pictures in one pass, so that memory stays bounded."""
FINGERPRINT_SAMPLE = 1024
"""Most numbers of each weight that go into the key."""

Pixels = NDArray[np.float32]


class Classifier:
    """A network that takes pictures as they are, and the names of its classes.

    All preprocessing is layers inside the network. It is read-only: training works on a network of its own.
    Whether the output is probabilities or logits is told by the last activation: after a softmax or a sigmoid
    it is probabilities; without one it is logits, which get a softmax (a sigmoid where there is one unit).

    Attributes:
        model: the Keras network; float32 (N, H, W, C) in 0–255 → (N, K), or (N, 1) for two classes.
        class_names: K names; of a one-unit sigmoid two, class 0 first.
        name: what a page calls the network.
        key: name and content in one short text, the same for the same network, for caches.
        input_shape: (H, W, C), each side 224 where the network accepts any.
        output_path: path of the layer that makes the output.
        functions: what has been compiled for it.
        lock: held while a function is being compiled.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    >>> cats = Classifier(net, ("cat", "dog"), "cats and dogs")
    >>> cats.input_shape, cats.predict(np.zeros((1, 2, 2, 1), np.uint8)).tolist()
    ((2, 2, 1), [[0.5, 0.5]])
    """

    def __init__(self, model: Any, class_names: Sequence[str], name: str) -> None:
        """Check the network and attach the names.

        Raises:
            ModelError: the input is not one picture, the output not one row of numbers, the last activation
                neither softmax nor sigmoid nor none, a layer has its channels first, or there are too few or too
                many names.
        """
        every = visits(model)
        if not every:
            raise ModelError("The network has no layers: its output is its input.")
        self.model = model
        self.class_names = tuple(class_names)
        self.name = name
        self.input_shape = _picture_shape(model)
        self.output_path = every[-1].path
        self.functions = CompiledFunctions()
        self.lock = self.functions.lock
        self._units = _output_units(model)
        self._activation = final_activation(model)
        _check_activation(self._activation, self._units)
        _check_channels_last(every)
        _check_names(self.class_names, self._units)
        self.key = f"{name}-{_fingerprint(model, self.class_names)}"

    def __repr__(self) -> str:
        return f"Classifier({self.name!r}, {len(self.class_names)} classes, input {self.input_shape})"

    @property
    def spec(self) -> Any:
        """The ``tf.TensorSpec`` of a batch of pictures, of any number, for functions given to :meth:`compiled`."""
        return tf.TensorSpec((None, *self.input_shape), tf.float32)

    @property
    def independent(self) -> bool:
        """Whether each class has a sigmoid for itself, so that several, or none, can be likely at once."""
        return self._units > 1 and self._activation == "sigmoid"

    @property
    def ends_with_logits(self) -> bool:
        """Whether the network leaves out the softmax or sigmoid, which is then added here."""
        return self._activation == "linear"

    def fit(self, images: NDArray[Any], *, crop: bool = True) -> tuple[Pixels, tuple[str, ...]]:
        """Pictures made to the size and channels that the network reads; see :func:`explorer.images.sizing.fit`.

        Args:
            images: (H, W, 3), (H, W, 1), (H, W) or (N, H, W, 3 or 1), uint8 or float in 0–255.
            crop: cut the centre of the right proportions out first, as the ImageNet evaluation does; otherwise
                the whole picture is squeezed into the size.

        Returns:
            float32 (N, H, W, C) in 0–255, and a sentence for each thing that was done.

        Raises:
            ImageInputError: the array is no picture.
        """
        return fit(images, self.input_shape, crop=crop)

    def predict(self, images: NDArray[Any], *, crop: bool = True) -> NDArray[np.float32]:
        """The probability of each class.

        Args:
            images: as for :meth:`fit`, which they go through.
            crop: as for :meth:`fit`.

        Returns:
            float32 (N, K); rows sum to 1.

        Raises:
            ImageInputError: the array is no picture.
            ModelError: the network gives something that is not a number.
        """
        return self._rows(images, "predict", self.probabilities, crop=crop)

    def logits(self, images: NDArray[Any], *, crop: bool = True) -> NDArray[np.float32]:
        """The score of each class before the softmax; of a one-unit sigmoid with logit z, the scores are −z and z.

        Arguments, result (N, K) and errors as in :meth:`predict`.
        """
        return self._rows(images, "logits", self.class_scores, crop=crop)

    def class_scores(self, raw: Any) -> Any:
        """A score for each class, float32 tensor (N, K), from what ``tap(…, [output_path], logits=True)`` gives."""
        raw = tf.cast(raw, tf.float32)
        return raw if self._units > 1 else tf.concat([-raw, raw], axis=1)

    def probabilities(self, raw: Any) -> Any:
        """The probability of each class, float32 tensor (N, K), from what :meth:`class_scores` is made from."""
        raw = tf.cast(raw, tf.float32)
        if self._units == 1:
            return tf.concat([tf.sigmoid(-raw), tf.sigmoid(raw)], axis=1)
        if self._activation == "sigmoid":  # several independent units: their shares
            return tf.nn.softmax(tf.math.log_sigmoid(raw))
        return tf.nn.softmax(raw)

    def top(self, image: NDArray[Any], k: int = 5, *, crop: bool = True) -> list[tuple[int, str, float]]:
        """The ``k`` likeliest classes of one picture: index, name and probability, the likeliest first."""
        probabilities = self.predict(image, crop=crop)[0]
        order = np.argsort(-probabilities, kind="stable")[:k]
        return [(int(i), self.class_names[i], float(probabilities[i])) for i in order]

    def compiled(self, key: Hashable, build: Callable[[], Compiled]) -> Compiled:
        """A function compiled for this network: built once under the lock, then kept while it is in use.

        Args:
            key: names the function; what it depends on belongs into it, such as ``("grad-cam", layer)``.
            build: compiles it. To have no later retracing, and the tracing under the lock, it returns
                ``tf.function(…, autograph=False).get_concrete_function(classifier.spec)``.
        """
        return self.functions.get(key, build)

    def _rows(self, images: NDArray[Any], key: str, finish: Callable[[Any], Any], *, crop: bool) -> NDArray[np.float32]:
        pixels, _ = self.fit(images, crop=crop)
        run = self.compiled(key, lambda: self._compile(finish))
        rows = [run(tf.constant(pixels[i : i + MAX_BATCH])).numpy() for i in range(0, len(pixels), MAX_BATCH)]
        result = np.concatenate(rows)
        check_answer(result, self.name)
        return result

    def _compile(self, finish: Callable[[Any], Any]) -> Compiled:
        run = tap(self.model, [self.output_path], logits=True)
        function = tf.function(lambda pixels: finish(run(pixels)[self.output_path]), autograph=False)
        compiled: Compiled = function.get_concrete_function(self.spec)
        return compiled


def check_answer(answer: NDArray[np.float32], name: str) -> None:
    """Make sure that a network's answer is numbers.

    Raises:
        ModelError: it is not.
    """
    if not np.isfinite(answer).all():
        raise ModelError(
            f"The network {name!r} gives an output that is not a number, as one does whose training has diverged. "
            "Choose another network or an earlier epoch."
        )


def _picture_shape(model: Any) -> tuple[int, int, int]:
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        found = " and ".join(map(str, shapes))
        raise ModelError(
            f"The network {model.name!r} does not read pictures: its input is {found}. "
            "It has to be one input (height, width, channels) with 1 or 3 channels."
        )
    height, width, channels = shapes[0]
    if max(height or 0, width or 0) > MAX_NETWORK_SIDE:
        raise ModelError(
            f"The network reads pictures of {height} × {width} pixels; {MAX_NETWORK_SIDE} a side is the limit."
        )
    return height or DEFAULT_SIDE, width or DEFAULT_SIDE, channels


def _output_units(model: Any) -> int:
    shapes = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 1 or shapes[0][0] is None:
        found = " and ".join(map(str, shapes))
        raise ModelError(
            f"The network {model.name!r} does not tell classes apart: its output is {found}. "
            "It has to be one row with a number for each class."
        )
    if shapes[0][0] > MAX_CLASSES:
        raise ModelError(f"The network tells {shapes[0][0]:,} classes apart; {MAX_CLASSES:,} is the limit.")
    return int(shapes[0][0])


def _check_activation(activation: str, units: int) -> None:
    if activation not in ("softmax", "sigmoid", "linear"):
        raise ModelError(
            f"The last activation of the network is {activation!r}, so its output is neither probabilities nor logits. "
            "End it with softmax, sigmoid or no activation."
        )
    if units == 1 and activation == "softmax":
        raise ModelError("A softmax over one unit is always 1. End a network for two classes with a sigmoid.")


def _check_channels_last(every: Sequence[Visit]) -> None:
    """Everywhere a map is (height, width, channels); a *Flatten* only reads it in another order."""
    for call in every:
        if getattr(call.layer, "data_format", "") == "channels_first" and type(call.layer).__name__ != "Flatten":
            raise ModelError(
                f"The layer {call.path!r} has its channels first: maps here are (height, width, channels). "
                'Build the network with data_format="channels_last".'
            )


def _check_names(names: Sequence[str], units: int) -> None:
    classes = max(units, 2)
    if len(names) != classes:
        raise ModelError(f"The network tells {classes} classes apart, but {len(names)} names were given.")
    if not all(isinstance(name, str) for name in names):
        raise ModelError("The names of the classes have to be texts.")


def _fingerprint(model: Any, class_names: Sequence[str]) -> str:
    """Twelve hexadecimal digits of the layers, the names, and a sample and the sum of every weight."""
    layers = json.loads(model.to_json())
    content = [layers["config"], list(class_names)]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for weight in model.get_weights():
        flat = weight.reshape(-1)
        step = max(1, flat.size // FINGERPRINT_SAMPLE)
        digest.update(f"{weight.shape} {flat.sum(dtype=np.float64)!r}".encode())
        digest.update(np.ascontiguousarray(flat[::step]).tobytes())
    return digest.hexdigest()[:12]
