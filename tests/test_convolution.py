"""Both engines of ``convolve``, and ``step``, against a four-loop NumPy and Keras's own layers."""

import subprocess
import sys

import numpy as np
import pytest

from explorer import convolution, device
from explorer.errors import KernelError

PAD_MODES = {"same": "constant", "reflect": "reflect", "edge": "edge"}


def draw_case(seed):
    """One random picture, kernel and set of options that the window fits."""
    random = np.random.default_rng(seed)
    channels = int(random.choice([0, 1, 3, 4]))
    shape = tuple(random.integers(1, 24, 2)) + ((channels,) if channels else ())
    image = random.integers(0, 256, shape).astype(np.uint8)
    if random.random() < 0.5:
        image = random.normal(scale=50, size=shape).astype(np.float32)
    sides = random.integers(1, 16, 2) if random.random() < 0.3 else random.integers(1, 7, 2)
    per_channel = (channels,) if channels and random.random() < 0.4 else ()
    weights = random.normal(size=(*sides, *per_channel)).astype(np.float32)
    options = {
        "stride": int(random.integers(1, 9)) if random.random() < 0.6 else 1,
        "padding": str(random.choice(["same", "valid", "reflect", "edge"])),
        "dilation": int(random.integers(1, 5)) if random.random() < 0.4 else 1,
        "bias": float(random.normal()) * 10,
    }
    spans = options["dilation"] * (sides - 1) + 1
    if options["padding"] == "valid" and (spans > shape[:2]).any():
        options["padding"] = "same"
    return image, weights, options


def four_loops(image, weights, *, stride, padding, dilation, bias):
    """Convolution as the formula says it, and nothing else."""
    image = image.astype(np.float64).reshape(*image.shape[:2], -1)
    weights = np.broadcast_to(weights.reshape(*weights.shape[:2], -1), (*weights.shape[:2], image.shape[2]))
    if padding != "valid":
        margins = []
        for size, window in zip(image.shape, weights.shape[:2], strict=False):
            total = max(0, (-(-size // stride) - 1) * stride + dilation * (window - 1) + 1 - size)
            margins.append((total // 2, total - total // 2))
        image = np.pad(image, [*margins, (0, 0)], mode=PAD_MODES[padding])
    rows = range(0, image.shape[0] - dilation * (weights.shape[0] - 1), stride)
    cols = range(0, image.shape[1] - dilation * (weights.shape[1] - 1), stride)
    output = np.full((len(rows), len(cols), image.shape[2]), float(bias))
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            for u in range(weights.shape[0]):
                for v in range(weights.shape[1]):
                    output[i, j] += image[row + u * dilation, col + v * dilation] * weights[u, v]
    return output


def tolerance(image, weights):
    return 1e-4 * max(1.0, np.abs(image).max() * np.abs(weights).sum(axis=(0, 1)).max())


@pytest.mark.parametrize("seed", range(150))
def test_opencv_and_step_agree_with_four_loops(seed):
    image, weights, options = draw_case(seed)
    expected = four_loops(image, weights, **options)
    output = convolution.convolve(image, weights, **options, engine="cpu")
    assert output.dtype == np.float32
    assert output.flags.c_contiguous
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=0, atol=tolerance(image, weights))

    for row, col in {(0, 0), (len(output) // 2, output.shape[1] - 1), (len(output) - 1, 0)}:
        one = convolution.step(image, weights, row, col, **options)
        total = np.atleast_1d(one.total)
        np.testing.assert_allclose(total, expected[row, col], rtol=0, atol=tolerance(image, weights))
        assert one.patch.shape == one.products.shape == weights.shape[:2] + image.shape[2:]
        assert one.total.dtype == np.float32
        assert np.ndim(one.total) == image.ndim - 2
        assert (len(one.rows), len(one.cols)) == weights.shape[:2]


@pytest.mark.parametrize("seed", range(1000, 1060))
def test_both_engines_agree(seed):
    image, weights, options = draw_case(seed)
    one = convolution.convolve(image, weights, **options, engine="cpu")
    other = convolution.convolve(image, weights, **options, engine="keras")
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance(image, weights))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("window", "stride", "dilation"),
    [
        ((3, 3), 1, 1),
        ((2, 4), 1, 1),
        ((5, 2), 3, 1),
        ((4, 4), 8, 1),
        ((3, 2), 1, 4),
        ((15, 15), 2, 1),
        ((1, 1), 5, 1),
    ],
)
def test_convolve_is_keras_depthwise_layer(padding, window, stride, dilation):
    import keras

    random = np.random.default_rng(7)
    image = random.integers(0, 256, (23, 18, 3), dtype=np.uint8)
    weights = random.normal(size=(*window, 3)).astype(np.float32)
    layer = keras.layers.DepthwiseConv2D(window, strides=stride, padding=padding, dilation_rate=dilation)
    layer.build((None, 23, 18, 3))
    layer.set_weights([weights[..., np.newaxis], np.full(3, 2.5, np.float32)])
    expected = np.asarray(layer(image[np.newaxis].astype(np.float32)))[0]
    for engine in ("cpu", "keras", "auto"):
        output = convolution.convolve(
            image, weights, stride=stride, padding=padding, dilation=dilation, bias=2.5, engine=engine
        )
        np.testing.assert_allclose(output, expected, rtol=0, atol=tolerance(image, weights))


@pytest.mark.parametrize("size", [3, 10, 15])
@pytest.mark.parametrize("dilation", [1, 4])
def test_whole_numbers_stay_whole(size, dilation):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (200, 210, 3), dtype=np.uint8)
    weights = random.integers(-9, 10, (size, size))
    before = dilation * (size - 1) // 2
    padded = np.pad(image.astype(np.int64), ((before, 60), (before, 60), (0, 0)))
    expected = np.zeros(image.shape, np.int64)
    for (u, v), weight in np.ndenumerate(weights):
        expected += weight * padded[u * dilation :, v * dilation :][:200, :210]
    output = convolution.convolve(image, weights, dilation=dilation, engine="cpu")
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_array_equal(convolution.convolve(image, weights, dilation=dilation, bias=7), expected + 7)


def test_the_worked_example_of_introductory_courses():
    # A 6 × 6 picture, bright left and dark right, under V: 4 × 4 with 30 along the edge (A. Ng, 2017).
    image = np.repeat([[10, 10, 10, 0, 0, 0]], 6, axis=0)
    output = convolution.convolve(image, [[1, 0, -1]] * 3, padding="valid")
    assert output[..., 0].tolist() == [[0, 30, 30, 0]] * 4


def test_padded_cells_of_a_step():
    image = np.array([[1, 2, 3], [4, 5, 6]])
    kernel = np.ones((3, 3))
    assert convolution.step(image, kernel, 0, 0).patch.tolist() == [[0, 0, 0], [0, 1, 2], [0, 4, 5]]
    assert convolution.step(image, kernel, 0, 0, padding="edge").patch.tolist() == [
        [1, 1, 2],
        [1, 1, 2],
        [4, 4, 5],
    ]
    assert convolution.step(image, kernel, 0, 0, padding="reflect").patch.tolist() == [
        [5, 4, 5],
        [2, 1, 2],
        [5, 4, 5],
    ]
    one = convolution.step(image, kernel, 1, 2, bias=0.5)
    assert (one.rows.tolist(), one.cols.tolist(), float(one.total)) == ([0, 1, 2], [1, 2, 3], 16.5)


@pytest.mark.parametrize(
    ("image", "weights", "options", "sentence"),
    [
        (np.ones((4, 4)), np.ones((5, 5)), {"padding": "valid"}, "spans 5 cells.*only 4"),
        (np.ones((4, 4)), np.ones((2, 2)), {"padding": "valid", "dilation": 4}, "spans 5 cells"),
        (np.ones((0, 4)), np.ones((3, 3)), {}, "none of them 0"),
        (np.ones(4), np.ones((3, 3)), {}, r"\(H, W\) or \(H, W, C\)"),
        (np.ones((4, 4), complex), np.ones((3, 3)), {}, "real numbers"),
        (np.array([["a"]]), np.ones((3, 3)), {}, "real numbers"),
        (np.ones((4, 4)), np.full((3, 3), np.nan), {}, "finite"),
        (np.ones((4, 4)), np.full((3, 3), 1e39), {}, "finite"),
        (np.ones((4, 4)), np.ones((16, 1)), {}, "15 × 15"),
        (np.ones((4, 4)), np.ones((0, 3)), {}, "1 × 1"),
        (np.ones((4, 4)), np.ones(3), {}, r"\(kh, kw\)"),
        (np.ones((4, 4)), [[1, 2], [3]], {}, "rows of numbers"),
        (np.ones((4, 4)), [["a"]], {}, "rows of numbers"),
        (np.ones((4, 4, 3)), np.ones((3, 3, 2)), {}, "2 channels, but the picture has 3"),
        (np.ones((4, 4)), np.ones((3, 3, 1)), {}, "1 channels, but the picture has no"),
        (np.ones((4, 4)), np.ones((3, 3)), {"stride": 9}, "stride is 9; .* 1 to 8"),
        (np.ones((4, 4)), np.ones((3, 3)), {"stride": 1.5}, "stride is 1.5"),
        (np.ones((4, 4)), np.ones((3, 3)), {"dilation": 0}, "dilation is 0; .* 1 to 4"),
        (np.ones((4, 4)), np.ones((3, 3)), {"padding": "full"}, "'full' is not known"),
        (np.ones((4, 4)), np.ones((3, 3)), {"bias": np.inf}, "bias is inf"),
    ],
)
def test_what_is_not_allowed_is_a_sentence(image, weights, options, sentence):
    with pytest.raises(KernelError, match=rf"{sentence}.*\.$"):
        convolution.convolve(image, weights, **options)
    with pytest.raises(KernelError, match=sentence):
        convolution.step(image, weights, 0, 0, **options)


def test_places_and_engines_that_do_not_exist_are_sentences():
    for row, col in ((-1, 0), (0, 4)):
        with pytest.raises(KernelError, match="0 to 3"):
            convolution.step(np.ones((4, 4)), np.ones((3, 3)), row, col)
    with pytest.raises(KernelError, match="auto, cpu or keras"):
        convolution.convolve(np.ones((4, 4)), np.ones((3, 3)), engine="gpu")


def test_a_gpu_turns_keras_on(monkeypatch):
    monkeypatch.setattr(device, "gpu_available", lambda: True)
    monkeypatch.setattr(convolution, "_with_keras", lambda *_: "from keras")
    assert convolution.convolve(np.ones((4, 4)), np.ones((3, 3))) == "from keras"
    assert convolution.convolve(np.ones((4, 4)), np.ones((3, 3)), engine="cpu").shape == (4, 4, 1)


def test_the_cpu_engine_does_not_import_tensorflow():
    program = (
        "import sys; from explorer import convolution, pooling\n"
        "picture = [[1, 2], [3, 4]]\n"
        "convolution.convolve(picture, [[1]]); convolution.step(picture, [[1]], 0, 0)\n"
        "pooling.pool(picture); pooling.step(picture, 0, 0)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    environment = {"CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
