"""One question to one method, for every kind of network, picture and target; and what cannot be asked."""

import keras
import numpy as np
import pytest

from explorer.attribution import METHODS, Target, explain, explain_layers, passes
from explorer.errors import ExplorerError, ImageInputError, LayerError, MethodError
from explorer.images import SAMPLES, read_image
from explorer.models import Classifier, load_pretrained
from explorer.options import Choice, Number
from tests.models import networks

L = keras.layers
CAMS = [name for name, method in METHODS.items() if method.family == "cam"]
FEW = {
    "smoothgrad": {"samples": 4},
    "integrated-gradients": {"steps": 8},
    "occlusion": {"patch": 0.3},
    "rise": {"masks": 64},
}


def ask(classifier, picture, method, **more):
    return explain(classifier, picture, method=method, **{**FEW.get(method, {}), **more})


def with_weights(model, weights):
    model.set_weights(weights)
    return model


def convolutional(*head, size=6, channels=1, seed=5):
    """A convolution with a ReLU, flattened, and a head."""
    first = [keras.Input((size, size, channels)), L.Conv2D(4, 3, activation="relu", name="conv"), L.Flatten()]
    model = keras.Sequential([*first, *head])
    random = np.random.default_rng(seed)
    return with_weights(model, [random.normal(0, 0.2, weight.shape) for weight in model.get_weights()])


@pytest.fixture(scope="module")
def three():
    return Classifier(convolutional(L.Dense(3)), ("a", "b", "c"), "linear head")


@pytest.fixture(scope="module")
def grey():
    return networks.classifier("grey")


@pytest.fixture(scope="module")
def mlp():
    return networks.classifier("mlp")


@pytest.fixture(scope="module")
def pretrained():
    return load_pretrained("EfficientNetLite0")


PICTURE = np.random.default_rng(6).integers(0, 256, (6, 6), np.uint8)


# Every method, every network


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_a_grey_network(grey, method):
    picture = networks.pictures(grey.model, 1)[0]
    found = ask(grey, picture, method)
    assert found.values.shape == found.signed.shape == (28, 28)
    assert found.values.dtype == found.signed.dtype == found.raw.dtype == found.raw_values.dtype == np.float32
    assert found.raw.shape == found.raw_values.shape == ((26, 26) if method in CAMS else (28, 28))
    assert found.values.min() >= 0
    assert found.values.max() > 0
    assert np.isfinite(found.signed).all()
    assert found.layer == ("conv" if method in CAMS else None)
    assert (found.terms is not None) == (method in CAMS)
    assert found.target.index == grey.predict(picture).argmax()
    assert found.probability == pytest.approx(grey.predict(picture).max(), rel=1e-5)
    assert found.score == pytest.approx(grey.logits(picture).max(), rel=1e-5)
    assert dict(found.options) == METHODS[method].check(FEW.get(method, {}))
    assert found.part == (0, 0, 28, 28)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_without_maps_is_explained_by_its_pixels(mlp, method):
    picture = networks.pictures(mlp.model, 1)[0]
    if method in CAMS:
        with pytest.raises(LayerError, match=r"no convolution.*saliency, integrated gradients, occlusion, RISE\."):
            ask(mlp, picture, method)
    else:
        assert ask(mlp, picture, method).values.any()


@pytest.mark.parametrize("method", ["grad-cam", "integrated-gradients", "occlusion"])
@pytest.mark.parametrize("name", ["without_input", "transfer", "two_levels", "branches", "shared"])
def test_every_build_of_a_network_can_be_explained(name, method):
    network = networks.classifier(name)
    picture = networks.pictures(network.model, 1)[0]
    found = ask(network, picture, method, target=0)
    assert found.signed.any()
    assert found.values.shape == picture.shape[:2]


@pytest.mark.parametrize("method", METHODS)
def test_another_class_or_picture_compiles_nothing_anew(three, method, monkeypatch):
    ask(three, PICTURE, method)
    compiled = list(three.functions._kept.items())
    monkeypatch.setattr(passes, "_concrete", lambda *_: pytest.fail("compiled anew"))
    other = np.random.default_rng(7).integers(0, 256, (20, 9, 3), np.uint8)
    for target in (0, (1, 2), Target(2, against=True)):
        for picture in (PICTURE, other):
            ask(three, picture, method, target=target)
    assert sorted(map(str, three.functions._kept)) == sorted(str(key) for key, _ in compiled)
    assert all(three.functions._kept[key] is function for key, function in compiled)


# Targets


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "saliency", "gradient-x-input", "occlusion", "rise"])
def test_of_one_sigmoid_both_classes_have_maps_of_opposite_sign(method):
    network = Classifier(convolutional(L.Dense(1, activation="sigmoid"), seed=8), ("cat", "dog"), "sigmoid")
    model = keras.Model(network.model.inputs[0], network.model.layers[-1].input)
    kernel, bias = network.model.layers[-1].get_weights()
    logit = (model(PICTURE.reshape(1, 6, 6, 1).astype(np.float32)).numpy() @ kernel + bias).item()
    cat, dog = (ask(network, PICTURE, method, target=target) for target in ("cat", "dog"))
    assert dog.score == pytest.approx(logit, rel=1e-5)
    assert cat.score == pytest.approx(-logit, rel=1e-5)
    assert dog.probability == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)
    assert cat.probability == pytest.approx(1 / (1 + np.exp(logit)), abs=1e-6)
    np.testing.assert_allclose(cat.signed, -dog.signed, rtol=1e-4, atol=1e-5 * np.abs(dog.signed).max())
    assert cat.values.any()
    assert dog.values.any()


HEADS = {
    "fused": lambda: [L.Dense(3, activation="softmax")],
    "softmax layer": lambda: [L.Dense(3), L.Softmax()],
    "activation layer": lambda: [L.Dense(3), L.Activation("softmax")],
}


@pytest.mark.parametrize("head", HEADS)
def test_the_logits_are_explained_whatever_comes_after_them(three, head):
    model = with_weights(convolutional(*HEADS[head]()), three.model.get_weights())
    network = Classifier(model, three.class_names, head)
    for method in ("grad-cam", "integrated-gradients"):
        one, other = (ask(which, PICTURE, method, target=1) for which in (three, network))
        np.testing.assert_allclose(one.signed, other.signed, rtol=1e-5, atol=1e-6)
        assert one.score == pytest.approx(other.score, rel=1e-6)
        assert one.probability == pytest.approx(other.probability, rel=1e-5)


def test_a_sure_network_is_explained_as_well_as_another(three):
    """After the softmax the gradient would be zero: e to the minus 1000."""
    weights = three.model.get_weights()
    sure = with_weights(convolutional(L.Dense(3, activation="softmax")), [*weights[:2], 100 * weights[2], weights[3]])
    found = explain(Classifier(sure, three.class_names, "sure"), PICTURE, target=1)
    np.testing.assert_allclose(found.raw, 100 * explain(three, PICTURE, target=1).raw, rtol=1e-4)


@pytest.mark.parametrize("method", ["grad-cam", "saliency", "gradient-x-input", "integrated-gradients", "occlusion"])
def test_this_against_that_is_the_difference_and_against_is_the_opposite(three, method):
    a, b, both, against = (
        ask(three, PICTURE, method, target=target) for target in (0, 2, (0, 2), Target(0, versus=2, against=True))
    )
    scale = 1e-5 if method != "integrated-gradients" else 0.05  # each takes the steps that its own sum needs
    np.testing.assert_allclose(both.signed, a.signed - b.signed, atol=scale * np.abs(both.signed).max())
    np.testing.assert_allclose(against.signed, -both.signed, atol=scale * np.abs(both.signed).max())
    assert both.score == pytest.approx(a.score - b.score, rel=1e-4)
    assert against.score == pytest.approx(-both.score, rel=1e-5)
    if method != "saliency":
        np.testing.assert_array_equal(against.raw_values, np.maximum(against.raw, 0))


def test_the_likeliest_class_is_meant_when_none_is_named(three):
    likeliest = int(three.logits(PICTURE)[0].argmax())
    for method in METHODS:
        found, named = ask(three, PICTURE, method), ask(three, PICTURE, method, target=three.class_names[likeliest])
        assert found.target == Target(likeliest)
        np.testing.assert_array_equal(found.signed, named.signed)


# Notes


def test_a_map_of_dead_units_says_why_it_is_blank(three):
    weights = three.model.get_weights()
    dead = with_weights(convolutional(L.Dense(3)), [weights[0], np.full(4, -1e6), *weights[2:]])
    network = Classifier(dead, three.class_names, "dead")
    for method in METHODS:
        found = ask(network, PICTURE, method, target=0)
        assert not found.values.any()
        if method != "integrated-gradients":
            assert found.notes[-1].startswith("The map is blank: the score does not change with anything here. ")
    assert "dead units" in explain(network, PICTURE).notes[-1]
    assert "dead units" not in explain(network, PICTURE, method="saliency").notes[-1]


def test_a_map_that_speaks_against_the_class_everywhere_says_so(three):
    weights = three.model.get_weights()
    model = with_weights(
        convolutional(L.Dense(3)), [np.abs(weights[0]), weights[1] * 0, -np.abs(weights[2]), weights[3]]
    )
    network = Classifier(model, three.class_names, "negative")
    for method in ("grad-cam", "hires-cam", "gradient-x-input"):
        found = explain(network, np.full((6, 6), 200, np.uint8), method=method, target=0)
        assert found.signed.max() < 0
        assert not found.values.any()
        assert "every value is negative" in found.notes[-1]
        turned = explain(network, np.full((6, 6), 200, np.uint8), method=method, target=Target(0, against=True))
        assert turned.values.any()
        assert turned.notes == ()


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_gives_no_numbers_is_told_apart_from_a_blank_map(three, method):
    layers = [keras.Input((6, 6, 1)), L.Conv2D(4, 3, name="conv"), L.Flatten(), L.Dense(3)]
    kernel, *others = three.model.get_weights()
    model = with_weights(keras.Sequential(layers), [np.full_like(kernel, np.nan), *others])
    found = ask(Classifier(model, three.class_names, "diverged"), PICTURE, method, target=0)
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.raw).all()
    assert not found.values.any()
    notes = [note for note in found.notes if "no ReLU" not in note]
    assert len(notes) == 1
    assert notes[0].startswith("100% of the map is not a number")


def test_of_a_map_that_is_partly_no_number_the_rest_is_shown(three):
    weights = three.model.get_weights()
    weights[2][0, 1] = np.nan  # one cell of one map
    network = Classifier(with_weights(convolutional(L.Dense(3)), weights), three.class_names, "partly")
    found = explain(network, PICTURE, method="hires-cam", target=1)
    assert found.notes[0].startswith("6% of the map is not a number")  # 1 of 16
    assert found.raw[0, 0] == 0
    np.testing.assert_allclose(
        found.raw.ravel()[1:], explain(three, PICTURE, method="hires-cam", target=1).raw.ravel()[1:], rtol=1e-5
    )


# Pictures of other sizes


@pytest.mark.parametrize("method", ["grad-cam", "saliency", "gradient-x-input", "occlusion"])
def test_a_map_lies_over_the_part_of_the_picture_that_was_seen(three, method):
    wide = np.random.default_rng(1).integers(0, 256, (40, 101, 3), np.uint8)
    found = explain(three, wide, method=method, target=1)
    assert found.values.shape == found.signed.shape == (40, 101)
    assert found.part == (0, 30, 40, 40)
    assert not found.signed[:, :30].any()
    assert not found.signed[:, 70:].any()
    assert not found.values[:, [29, 70]].any()
    assert found.signed[:, 30:70].any(axis=0).all()
    assert "Cropped to the 40 × 40 pixels" in found.notes[0]
    cut = explain(three, wide[:, 30:70], method=method, target=1)
    np.testing.assert_array_equal(found.values[:, 30:70], cut.values)
    whole = explain(three, wide, method=method, target=1, crop=False)
    assert whole.part == (0, 0, 40, 101)
    assert whole.signed.any(axis=0).all()
    small = explain(three, wide[:3, :2], method=method, target=1)
    assert small.values.shape == (3, 2)


def test_a_shrunken_map_keeps_its_mean(three):
    """A network of 6 × 6 pixels and a picture of 3 × 3: areas are averaged, no pixel is skipped."""
    found = explain(three, PICTURE[:3, :3], method="saliency", target=1)
    np.testing.assert_allclose(found.values, found.raw_values.reshape(3, 2, 3, 2).mean(axis=(1, 3)), rtol=1e-5)


# What cannot be asked


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"method": "gradcam"}, MethodError, r"There is no method 'gradcam'; there are grad-cam, "),
        ({"method": "Grad-CAM"}, MethodError, "There is no method"),
        ({"method": None}, MethodError, "There is no method None"),
        ({"method": ["rise"]}, MethodError, "There is no method"),
        ({"steps": 8}, MethodError, r"Grad-CAM has no option 'steps'; its options: none\."),
        ({"method": "rise", "mask": 64}, MethodError, "RISE has no option 'mask'; its options: masks, cells"),
        ({"method": "rise", "masks": 8001}, MethodError, r"masks is 8001; it is a whole number from 32 to 8000\."),
        ({"method": "rise", "masks": 64.0}, MethodError, "whole number"),
        ({"method": "rise", "kept": 0}, MethodError, r"kept is 0; it is a number from 0\.1 to 0\.9\."),
        ({"method": "rise", "kept": float("nan")}, MethodError, "kept is nan"),
        ({"method": "rise", "seed": True}, MethodError, "seed is True"),
        ({"method": "rise", "seed": -1}, MethodError, "seed is -1"),
        ({"method": "rise", "fill": "white"}, MethodError, r"fill is 'white'; it can be mean, black, blur\."),
        ({"method": "smoothgrad", "noise": "0.1"}, MethodError, "noise is '0.1'"),
        ({"method": "integrated-gradients", "baseline": None}, MethodError, "it can be black, grey, blur"),
        ({"target": 3}, MethodError, "The class is 3; the network's classes are 0 to 2"),
        ({"target": -1}, MethodError, "The class is -1"),
        ({"target": True}, MethodError, "The class is True"),
        ({"target": "d"}, MethodError, r"The network knows no class 'd'; its classes: a, b, c\."),
        ({"target": (0, 0)}, MethodError, "against itself"),
        ({"target": Target(against=True)}, MethodError, "Name the class"),
        ({"layer": "conv2"}, LayerError, r"There is no layer 'conv2'\. Did you mean 'conv'"),
        ({"layer": "flatten_nowhere"}, LayerError, "There is no layer"),
        ({"image": np.zeros((2, 6, 6, 1))}, ImageInputError, "One picture at a time"),
        ({"image": np.zeros((0, 6, 3))}, ImageInputError, "have the shape"),
        ({"image": np.zeros((6, 6, 4))}, ImageInputError, "have the shape"),
        ({"image": np.full((6, 6), np.nan)}, ImageInputError, "not finite"),
        ({"image": np.array([["a"]])}, ImageInputError, "not finite numbers"),
        ({"image": None}, ImageInputError, "have the shape"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(three, arguments, error, sentence):
    with pytest.raises(error, match=sentence) as raised:
        explain(three, **{"image": PICTURE, **arguments})
    assert isinstance(raised.value, ExplorerError)
    assert str(raised.value).endswith((".", "?"))


def test_options_may_be_numbers_of_numpy(three):
    found = explain(three, PICTURE, method="smoothgrad", samples=np.int64(4), noise=np.float32(0.25))
    assert dict(found.options) == {"samples": 4, "noise": 0.25, "seed": 0}
    assert type(found.options["samples"]) is int


def test_a_method_that_looks_at_no_layer_does_not_mind_one(mlp):
    assert explain(mlp, networks.pictures(mlp.model, 1)[0], method="saliency", layer="nowhere").layer is None


# The registry


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_described_and_its_defaults_are_allowed(name):
    method = METHODS[name]
    for text in (method.title, method.sentence, method.paper, method.formula, method.cost, method.weakness):
        assert text.strip()
    assert method.sentence.endswith(".")
    assert method.weakness.endswith(".")
    assert method.family in ("cam", "gradient", "perturbation")
    assert method.needs_layer == (method.family == "cam")
    assert method.formula.count("{") == method.formula.count("}")
    for option_name, option in method.options.items():
        assert option.label
        assert option.check(option_name, option.default) == option.default
        if isinstance(option, Number):
            assert option.low <= option.default <= option.high
            for end in (option.low, option.high):
                assert option.check(option_name, end) == end
            for beyond in (option.low - option.step, option.high + option.step, "1", None, True):
                with pytest.raises(MethodError, match=option_name):
                    option.check(option_name, beyond)
        else:
            assert isinstance(option, Choice)
            assert len(option.choices) > 1


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (name, {key: end})
        for name, method in METHODS.items()
        for key, option in method.options.items()
        for end in (option.choices if isinstance(option, Choice) else (option.low,))
    ],
)
def test_every_choice_and_least_value_is_carried_out(three, method, options):
    assert ask(three, PICTURE, method, target=1, **options).signed.any()


# A photo


def share(values, rows, cols):
    """Of a map's mass, what lies in a box."""
    return values[rows, cols].sum() / values.sum()


def test_on_the_cat_photo_the_mass_lies_on_the_cat(pretrained):
    photo = read_image(SAMPLES["chelsea"].read_bytes())  # 300 × 451, the network sees columns 75 to 375
    face = slice(60, 280), slice(115, 355)  # brow to mouth, left cheek to the edge of the right one
    found = explain(pretrained, photo)
    assert "Egyptian cat" in pretrained.class_names[found.target.index]
    assert found.values.shape == (300, 451)
    area = 220 * 240 / (300 * 300)  # 59 %
    assert share(found.values, *face) > 0.7 > area + 0.1
    # The whole photo, squeezed: the cat ends at column 365, and what is right of it is out of focus.
    whole = explain(pretrained, photo, crop=False, target=found.target)
    assert share(whole.values, slice(0, 300), slice(20, 365)) > 0.88 > 345 / 451 + 0.1
    assert whole.values[:, 390:].mean() < 0.3 * whole.values[:, 20:365].mean()


def test_a_cat_in_a_corner_is_found_there(pretrained):
    photo = read_image(SAMPLES["chelsea"].read_bytes())[:, 75:375]
    canvas = np.full((600, 600, 3), 128, np.uint8)
    canvas[300:, 300:] = photo
    for method in ("grad-cam", "hires-cam", "layer-cam"):
        found = explain(pretrained, canvas, method=method, target=285)
        assert share(found.values, slice(300, 600), slice(300, 600)) > 0.6, method  # a quarter of the area


def test_the_maps_of_several_layers_come_from_one_pass_and_are_those_of_each_alone(monkeypatch):
    network = networks.classifier("flat")
    picture = networks.pictures(network.model, 1)[0]
    alone = [explain(network, picture, layer=layer, target=1) for layer in ("conv1", "relu2", "conv2")]
    traced = []
    concrete = passes._concrete
    monkeypatch.setattr(passes, "_concrete", lambda *given: traced.append(given) or concrete(*given))
    together = explain_layers(network, picture, ["conv1", "relu2", "conv2"], target=1)
    explain_layers(network, picture[::-1], ["conv1", "relu2", "conv2"], target=2)
    assert len(traced) == 1
    for one, other in zip(alone, together, strict=True):
        assert one.layer == other.layer
        np.testing.assert_allclose(one.raw, other.raw, atol=1e-6)
    assert explain_layers(network, picture, []) == []
    with pytest.raises(MethodError, match="looks at no layer"):
        explain_layers(network, picture, ["conv1"], method="saliency")
