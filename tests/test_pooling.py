"""Pooling against Keras's layers over a random sweep, and one window of it against plain loops."""

import numpy as np
import pytest

from explorer import device, pooling
from explorer.errors import KernelError


def draw_case(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 9))
    padding = str(random.choice(["same", "valid"]))
    smallest = size if padding == "valid" else 1
    shape = (*random.integers(smallest, smallest + 20, 2), int(random.integers(1, 5)))
    image = random.integers(0, 256, shape).astype(np.uint8)
    if random.random() < 0.5:
        image = random.normal(scale=50, size=shape).astype(np.float32)  # all-negative windows: padding must not win
    stride = int(random.integers(1, 9)) if random.random() < 0.7 else None
    return image, size, {"stride": stride, "padding": padding}


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("seed", range(40))
def test_pool_and_step_agree_with_keras_layers(seed, kind):
    import keras

    image, size, options = draw_case(seed)
    layer = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[kind]
    expected = np.asarray(layer(size, strides=options["stride"], padding=options["padding"])(np.float32(image)[None]))[
        0
    ]
    for engine in ("cpu", "keras"):
        output = pooling.pool(image, size, **options, kind=kind, engine=engine)
        assert (output.dtype, output.shape) == (np.float32, expected.shape)
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4)

    for row, col in {(0, 0), (len(expected) - 1, expected.shape[1] - 1)}:
        one = pooling.step(image, row, col, size=size, **options, kind=kind)
        np.testing.assert_allclose(one.total, expected[row, col], rtol=0, atol=1e-4)
        if kind == "max":
            for channel, (r, c) in enumerate(one.winner):
                assert image[r, c, channel] == one.total[channel]
                assert r in one.rows
                assert c in one.cols
        else:
            assert one.winner is None


def test_a_grey_picture_has_one_channel_out_and_none_in_its_steps():
    image = np.array([[3, 9, 1], [9, 2, 4], [5, 6, 7]])
    assert pooling.pool(image, 3, padding="same", stride=2)[..., 0].tolist() == [[9, 9], [9, 7]]
    one = pooling.step(image, 0, 0, size=2)
    assert (one.winner.tolist(), float(one.total)) == ([0, 1], 9.0)  # the first of two nines
    corner = pooling.step(image, 1, 1, size=2, padding="same", kind="average")
    np.testing.assert_array_equal(corner.patch, np.float32([[7, np.nan], [np.nan, np.nan]]))
    assert (corner.rows.tolist(), corner.cols.tolist(), float(corner.total)) == ([2, 3], [2, 3], 7.0)


@pytest.mark.parametrize(
    ("image", "options", "sentence"),
    [
        (np.ones((2, 2)), {"size": 3}, "spans 3 cells.*only 2"),
        (np.ones((2, 2)), {"size": 9}, "window is 9; .* 1 to 8"),
        (np.ones((2, 2)), {"stride": 0}, "stride is 0"),
        (np.ones((2, 2)), {"padding": "reflect"}, "same or valid"),
        (np.ones((2, 2)), {"kind": "min"}, "max or average"),
        (np.ones((2, 0)), {}, "none of them 0"),
        (np.ones(4), {}, "none of them 0"),
        (np.array([["a", "b"]] * 2), {}, "real numbers"),
    ],
)
def test_what_is_not_allowed_is_a_sentence(image, options, sentence):
    with pytest.raises(KernelError, match=rf"{sentence}.*\.$"):
        pooling.pool(image, **options)
    with pytest.raises(KernelError, match=sentence):
        pooling.step(image, 0, 0, **options)


def test_places_and_engines_that_do_not_exist_are_sentences():
    with pytest.raises(KernelError, match="0 to 1"):
        pooling.step(np.ones((4, 4)), 2, 0)
    with pytest.raises(KernelError, match="auto, cpu or keras"):
        pooling.pool(np.ones((4, 4)), engine="gpu")


def test_a_gpu_turns_keras_on(monkeypatch):
    monkeypatch.setattr(device, "gpu_available", lambda: True)
    monkeypatch.setattr(pooling, "_with_keras", lambda *_: "from keras")
    assert pooling.pool(np.ones((4, 4))) == "from keras"
