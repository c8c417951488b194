"""Small networks of known weights, of every build that a person's own network may have."""

import keras
import numpy as np

from explorer.models.classifier import Classifier

L = keras.layers


def seeded(model, seed=0):
    """The same network with small weights drawn from a seed."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.normal(0, 0.3, weight.shape).astype(np.float32) ** 2 + 0.01 for weight in model.get_weights()]
    )
    return model


def flat():
    """Functional: 12 × 12 × 3 → two convolutions → three classes."""
    inputs = keras.Input((12, 12, 3), name="pixels")
    x = L.Rescaling(1 / 255, name="scale")(inputs)
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(x)
    x = L.MaxPooling2D(2, name="pool1")(x)
    x = L.Conv2D(5, 3, name="conv2")(x)
    x = L.ReLU(name="relu2")(x)
    x = L.GlobalAveragePooling2D(name="average")(x)
    return seeded(keras.Model(inputs, L.Dense(3, activation="softmax", name="classes")(x), name="flat"))


def without_input():
    """A Sequential that has seen one batch of two pictures, 8 × 8 × 3, and has no Input."""
    model = keras.Sequential(
        [L.Conv2D(3, 3, activation="relu", name="conv"), L.Flatten(name="flatten"), L.Dense(2, name="logits")],
        name="without_input",
    )
    model(np.zeros((2, 8, 8, 3), np.float32))
    return seeded(model)


def base(name="base"):
    """A convolutional base that takes pictures of any size."""
    inputs = keras.Input((None, None, 3), name=f"{name}_pixels")
    x = L.Conv2D(4, 3, strides=2, padding="same", name="conv")(inputs)
    x = L.BatchNormalization(name="norm")(x)
    return seeded(keras.Model(inputs, L.ReLU(name="relu")(x), name=name))


def transfer():
    """A frozen base inside a Sequential, as in transfer learning: 16 × 16 × 3 → two classes by one sigmoid."""
    frozen = base()
    frozen.trainable = False
    head = [L.GlobalAveragePooling2D(name="average"), L.Dense(1, activation="sigmoid", name="dog")]
    return seeded(keras.Sequential([keras.Input((16, 16, 3)), frozen, *head], name="transfer"))


def two_levels():
    """A base inside a Sequential inside a functional network that calls it with training=False."""
    inner = keras.Sequential([base(), L.Conv2D(2, 1, name="mix")], name="features")
    inputs = keras.Input((16, 16, 3), name="pixels")
    x = inner(L.Rescaling(1 / 255, name="scale")(inputs), training=False)
    x = L.GlobalMaxPooling2D(name="largest")(x)
    return seeded(keras.Model(inputs, L.Dense(3, name="logits")(x), name="two_levels"))


def branches():
    """Two branches that meet in an Add and in a Concatenate, with an operation written as arithmetic."""
    inputs = keras.Input((10, 10, 3), name="pixels")
    left = L.Conv2D(4, 1, name="left")(inputs)
    right = L.Conv2D(4, 3, padding="same", name="right")(inputs)
    both = L.Add(name="add")([left, right])
    wide = L.Concatenate(name="concatenate")([both * 0.5, right])
    x = L.GlobalAveragePooling2D(name="average")(wide)
    return seeded(keras.Model(inputs, L.Dense(3, activation="softmax", name="classes")(x), name="branches"))


def shared():
    """One convolution and one inner network, both called twice."""
    inputs = keras.Input((6, 6, 3), name="pixels")
    conv = L.Conv2D(3, 3, padding="same", activation="relu", name="conv")
    inside = keras.Sequential([keras.Input((6, 6, 3)), L.Conv2D(3, 1, name="mix")], name="inside")
    x = inside(conv(inside(conv(inputs))))
    x = L.GlobalAveragePooling2D(name="average")(x)
    return seeded(keras.Model(inputs, L.Dense(3, activation="softmax", name="classes")(x), name="shared"))


def grey():
    """A grey 28 × 28 network, as for MNIST."""
    layers = [
        keras.Input((28, 28, 1)),
        L.Rescaling(1 / 255, name="scale"),
        L.Conv2D(4, 3, activation="relu", name="conv"),
        L.MaxPooling2D(2, name="pool"),
        L.Flatten(name="flatten"),
        L.Dropout(0.5, name="dropout"),
        L.Dense(10, activation="softmax", name="classes"),
    ]
    return seeded(keras.Sequential(layers, name="grey"))


def mlp():
    """No spatial layers but the input."""
    layers = [
        keras.Input((4, 4, 1)),
        L.Flatten(name="flatten"),
        L.Dense(6, activation="relu", name="hidden"),
        L.Dense(3, activation="softmax", name="classes"),
    ]
    return seeded(keras.Sequential(layers, name="mlp"))


NETWORKS = {build.__name__: build for build in (flat, without_input, transfer, two_levels, branches, shared, grey, mlp)}


def classifier(name):
    """A classifier around one of the networks, with made-up class names."""
    model = NETWORKS[name]()
    units = model.outputs[0].shape[-1]
    return Classifier(model, tuple(f"class {i}" for i in range(max(2, units))), name)


def pictures(model, count=2, seed=1):
    """Random pictures, uint8, of the size that a network reads."""
    _, height, width, channels = model.inputs[0].shape
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), np.uint8)
