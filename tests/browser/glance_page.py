"""The Feature maps page itself, with a network of the tests as the session's own; ?network= in its address names it.

?alone=1 leaves out what stands below the picture of the whole network: each click then takes half the time.
"""

import runpy
from pathlib import Path

import keras
import numpy as np
import streamlit as st

from explorer.images import SAMPLES, read_image
from explorer.models import PRETRAINED, Classifier, load_pretrained
from explorer.models.recipes import build
from explorer.ui import feature_lab, feature_options, frame, glance_stage, links, state
from tests.models.networks import NETWORKS

L = keras.layers
PAGE = Path(__file__).resolve().parent.parent.parent / "pages" / "feature_maps.py"
HOSTILE = "<img src=x onerror=document.title=1>"
DIGITS = tuple(f"digit {index}" for index in range(10))


def drawn(model, seed=0):
    """The same network with weights of both signs, so that no normalisation is trivial and no sum one-sided."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        kind, shape = variable.name, variable.shape
        if kind.endswith("kernel"):
            inputs = np.prod(shape[:2] if kind == "depthwise_kernel" else shape[:-1])
            variable.assign(rng.normal(0, 1.4 / np.sqrt(inputs), shape))
        elif kind in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif kind in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.3, shape))
        else:
            raise ValueError(kind)
    return model


def grey():
    """The 93,322 parameters for grey digits."""
    return Classifier(drawn(build("convnet-32-64-64", (28, 28, 1), 10)), DIGITS, "grey convnet")


def mlp():
    """Dense layers only."""
    return Classifier(drawn(build("mlp-500-250-100", (28, 28, 1), 10)), DIGITS, "dense layers")


def transfer():
    """A base inside a Sequential, two classes on one sigmoid."""
    return Classifier(drawn(NETWORKS["transfer"]()), ("cat", "dog"), "transfer")


def nested():
    """A published base inside a Sequential, with a head of its own."""
    base = keras.applications.MobileNetV2((96, 96, 3), 0.35, include_top=False, weights=None, name="base")
    head = [L.GlobalAveragePooling2D(name="average"), L.Dense(3, "softmax", name="kinds")]
    model = keras.Sequential([keras.Input((96, 96, 3)), L.Rescaling(1 / 127.5, -1, name="scale"), base, *head])
    return Classifier(drawn(model), ("cat", "dog", "neither"), "nested")


def one():
    """A single layer that adds up."""
    layers = [keras.Input((12, 12, 3)), L.Rescaling(1 / 255, name="scale"), L.Flatten(name="flat")]
    model = keras.Sequential([*layers, L.Dense(4, "softmax", name="only")])
    return Classifier(drawn(model), ("north", "east", "south", "west"), "one layer")


def branches():
    """Branches that meet in an addition, a product, an average and a concatenation."""
    inputs = keras.Input((14, 15, 3), name="pixels")
    x = L.Rescaling(1 / 64, name="scale")(inputs)
    left = L.Conv2D(6, 1, name="left")(x)
    right = L.BatchNormalization(name="normed")(L.Conv2D(6, 3, padding="same", use_bias=False, name="right")(x))
    far = L.MaxPooling2D(3, strides=1, padding="same", name="largest")(x)
    far = L.Conv2D(4, (1, 3), padding="same", activation="tanh", name="far")(far)
    mean = L.AveragePooling2D(3, strides=1, padding="same", name="mean")(x)
    both = L.ReLU(name="relu")(L.Add(name="add")([left, right]))
    product = L.Multiply(name="product")([left, right])
    wide = L.Concatenate(name="wide")([both, product, far, mean])
    deep = L.DepthwiseConv2D(3, strides=2, padding="same", name="deep")(wide)
    spread = L.SeparableConv2D(4, 3, dilation_rate=2, padding="same", name="spread")(deep)
    pairs = L.Conv2D(6, 2, strides=2, groups=2, name="pairs")(spread)
    x = L.GlobalMaxPooling2D(name="most")(pairs)
    return Classifier(drawn(keras.Model(inputs, L.Dense(3, name="scores")(x))), ("a", "b", "c"), "branches")


def rarer():
    """What fewer networks have: maps made larger, the largest of two, norms of each place, sums without layers."""
    inputs = keras.Input((8, 9, 3), name="pixels")
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", name="up")(L.Rescaling(1 / 64, name="scale")(inputs))
    x = L.LayerNormalization(name="layer")(x)
    one, other = L.Conv2D(4, 1, name="left")(x), L.Conv2D(4, 3, padding="same", name="right")(x)
    x = L.Concatenate(name="wide")([L.Maximum(name="most")([one, other]), L.Minimum(name="least")([one, other])])
    x = L.GroupNormalization(2, name="groups")(L.Conv2D(4, 2, strides=2, name="half")(x))
    x = L.Conv2D(3, 1, name="soft")(x) + 3.0
    x = L.UpSampling2D(2, name="repeated")(L.ReLU(6.0, name="clip")(x) * (1 / 6))
    return Classifier(drawn(keras.Model(inputs, L.Dense(3, name="scores")(L.Flatten()(x)))), ("a", "b", "c"), "rarer")


def hostile():
    """Names that would be markup, where a name can be: TensorFlow lets no layer have a "<"."""
    layers = [L.Conv2D(5, 3, activation="relu", name="a>b-onerror"), L.Flatten(name="flat"), L.Dense(2, name="c>d")]
    model = keras.Sequential([keras.Input((9, 9, 3)), *layers])
    return Classifier(drawn(model), (HOSTILE, "</svg><script>document.title=2</script>"), HOSTILE)


def broken():
    """One map of its first convolution is nowhere a number, another infinite; the answer is a number all the same."""
    inputs = keras.Input((12, 12, 3), name="pixels")
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(L.Conv2D(4, 3, name="odd")(inputs)))
    clean = keras.ops.nan_to_num(L.GlobalAveragePooling2D(name="average")(x), posinf=1, neginf=-1)
    model = drawn(keras.Model(inputs, L.Dense(3, name="scores")(clean)))
    kernel = model.get_layer("odd").kernel.numpy()
    kernel[..., 1], kernel[0, 0, 0, 2] = np.nan, np.inf
    model.get_layer("odd").kernel.assign(kernel)
    return Classifier(model, ("a", "b", "c"), "broken")


def lost():
    """Not even its answer is a number."""
    network = broken()
    network.model.get_layer("scores").kernel.assign(np.full((4, 3), np.nan))
    return Classifier(network.model, ("a", "b", "c"), "lost")


def published(name):
    """A published architecture with random weights and random normalisations."""
    keras.utils.set_random_seed(7)
    network = load_pretrained(name, weights=None)
    rng = np.random.default_rng(7)
    for variable in network.model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return Classifier(network.model, network.class_names, name)


OWN = {make.__name__: make for make in (grey, mlp, transfer, nested, one, branches, rarer, hostile, broken, lost)}


def classifier(name):
    """A network by its name here."""
    if name in OWN:
        return OWN[name]()
    return load_pretrained(name) if PRETRAINED[name].bundled else published(name)


def photo(network):
    """The page's first picture as that network reads it, float32 (1, H, W, C) of whole numbers."""
    pixels, _ = network.fit(read_image(SAMPLES["chelsea"].read_bytes()))
    return np.clip(np.rint(pixels), 0, 255)


def top():
    """The first screen of the page."""
    with frame.page("Feature maps", "The top of the page."):
        visit = links.restore("feature_maps", feature_options.CONTROLS)
        frame.notes(visit.notes)
        choice = feature_options.choose(linked=visit.linked)
        looked, _ = feature_lab.look(choice, dark=frame.is_dark())
        links.share("feature_maps", feature_options.CONTROLS)
        glance_stage.draw(choice, looked)


def main():
    """The page, with the network that the address names in this visit's beginning."""
    st.set_page_config(layout="wide")
    name = st.query_params.get("network")
    if name is not None:
        st.session_state[state.OWN_NETWORK] = st.cache_resource(classifier, show_spinner=False)(name)
        st.session_state[state.NETWORK] = "own"
    st.session_state["alone"] = st.session_state.get("alone") or "alone" in st.query_params
    if st.session_state["alone"]:
        top()
    else:
        runpy.run_path(str(PAGE), run_name="__main__")


if __name__ == "__main__":
    main()
