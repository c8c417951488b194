"""The same network before it learned: every layer with the weights that its own initializers draw, by a seed."""

import keras
import numpy as np
import pytest

from explorer.models import Classifier, describe_layers
from explorer.models.untrained import untrained
from tests.models.networks import NETWORKS, base, classifier, pictures

L = keras.layers


def summaries(network):
    return describe_layers(network.model, input_shape=network.input_shape)


def weights(network):
    return [np.asarray(weight) for weight in network.model.get_weights()]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_build_keeps_its_layers_and_gets_other_weights(name):
    trained = classifier(name)
    before = weights(trained)
    fresh = untrained(trained)
    assert summaries(fresh) == summaries(trained)
    assert (fresh.class_names, fresh.input_shape) == (trained.class_names, trained.input_shape)
    assert fresh.name == f"{name}, untrained"
    assert fresh.key != trained.key
    assert all((one != other).any() for one, other in zip(weights(fresh), before, strict=True))
    for one, other in zip(weights(trained), before, strict=True):
        np.testing.assert_array_equal(one, other)  # the network itself is as it was
    shown = pictures(trained.model)
    np.testing.assert_allclose(fresh.predict(shown).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["flat", "two_levels", "shared"])
def test_the_seed_decides_and_keras_s_own_seed_does_not(name):
    trained = classifier(name)
    keras.utils.set_random_seed(1)
    one = untrained(trained)
    keras.utils.set_random_seed(2)
    again, other = untrained(trained), untrained(trained, seed=1)
    for a, b in zip(weights(one), weights(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.key == again.key != other.key
    kernels = [(a, b) for a, b in zip(weights(one), weights(other), strict=True) if a.ndim > 1]
    assert all((a != b).any() for a, b in kernels)


def test_no_two_layers_draw_the_same_numbers():
    layers = [L.Conv2D(3, 3, name=f"conv{place}") for place in range(3)]
    network = Classifier(keras.Sequential([keras.Input((9, 9, 3)), *layers, L.Flatten(), L.Dense(2)]), "ab", "net")
    kernels = [weight for weight in weights(untrained(network)) if weight.shape == (3, 3, 3, 3)]
    assert len({kernel.tobytes() for kernel in kernels}) == 3


def test_a_layer_called_twice_is_one_layer_still():
    model = untrained(classifier("shared")).model
    assert len(model.get_weights()) == len(NETWORKS["shared"]().get_weights()) == 6
    assert sum(layer.name == "conv" for layer in model.layers) == 1


def test_layers_inside_networks_inside_the_network_are_drawn_anew():
    trained = classifier("two_levels")
    fresh = untrained(trained)
    assert [layer.path for layer in summaries(fresh)][:4] == [
        "scale",
        "features.base.conv",
        "features.base.norm",
        "features.base.relu",
    ]
    norm = fresh.model.get_layer("features").layers[0].get_layer("norm")
    gamma, beta, mean, variance = norm.get_weights()
    assert (gamma == 1).all()
    assert (beta == 0).all()
    assert (mean == 0).all()
    assert (variance == 1).all()


@pytest.mark.parametrize(
    ("initializer", "deviation"),
    [
        ("glorot_uniform", np.sqrt(2 / (25 * 3 + 25 * 128))),  # Glorot and Bengio 2010
        ("he_normal", np.sqrt(2 / (25 * 3))),  # He et al. 2015
        (keras.initializers.RandomNormal(0.5, 0.02), 0.02),
        (keras.initializers.RandomUniform(-1, 1), 1 / np.sqrt(3)),
    ],
)
def test_weights_are_spread_as_the_layer_s_initializer_says(initializer, deviation):
    conv = L.Conv2D(128, 5, kernel_initializer=initializer, bias_initializer=keras.initializers.Constant(0.25))
    model = keras.Sequential([keras.Input((8, 8, 3)), conv, L.GlobalAveragePooling2D(), L.Dense(2)])
    model.set_weights([np.full_like(weight, 7) for weight in model.get_weights()])
    kernel, bias, *_ = weights(untrained(Classifier(model, "ab", "net")))
    assert kernel.std() == pytest.approx(deviation, rel=0.03)
    mean = 0.5 if deviation == 0.02 else 0
    assert kernel.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(kernel.size))
    assert (bias == 0.25).all()


def test_a_frozen_base_and_its_trainability_stay_as_they_are():
    frozen = base()
    frozen.trainable = False
    model = keras.Sequential([keras.Input((16, 16, 3)), frozen, L.GlobalAveragePooling2D(), L.Dense(2)])
    fresh = untrained(Classifier(model, "ab", "net"))
    assert (frozen.get_layer("conv").kernel != fresh.model.layers[0].get_layer("conv").kernel).numpy().any()
