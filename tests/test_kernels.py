"""Kernels against published figures and OpenCV's; kernel files, hostile ones included."""

import json

import cv2
import numpy as np
import pytest

from explorer import kernels
from explorer.errors import KernelError
from explorer.kernels import KERNELS
from explorer.settings import MAX_KERNEL_SIZE

SIZABLE = [slug for slug, kernel in KERNELS.items() if kernel.sizable]


@pytest.mark.parametrize(
    ("slug", "published"),
    [
        ("sobel-left", [[1, 0, -1], [2, 0, -2], [1, 0, -1]]),  # setosa.io, "left sobel"
        ("sobel-top", [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]),  # setosa.io, "top sobel"
        ("sobel-y", [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),  # setosa.io, "bottom sobel"
        ("outline", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
        ("sharpen", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        ("emboss", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
        ("vertical-edges", [[1, 0, -1]] * 3),
        ("horizontal-edges", [[1, 1, 1], [0, 0, 0], [-1, -1, -1]]),
        ("kirsch-north", [[5, 5, 5], [-3, 0, -3], [-3, -3, -3]]),
        ("kirsch-north-east", [[-3, 5, 5], [-3, 0, 5], [-3, -3, -3]]),
        ("kirsch-west", [[5, -3, -3], [5, 0, -3], [5, -3, -3]]),
        ("robinson-north", [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]),
        ("robinson-south-east", [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]),
        ("line-rising", [[-1, -1, 2], [-1, 2, -1], [2, -1, -1]]),
        ("box", np.full((3, 3), 1 / 9)),
    ],
)
def test_published_weights(slug, published):
    np.testing.assert_array_equal(KERNELS[slug].weights, np.float32(published))


@pytest.mark.parametrize(("slug", "dx", "dy", "size"), [("sobel", 1, 0, 3), ("scharr", 1, 0, -1)])
def test_derivatives_are_opencvs(slug, dx, dy, size):
    for name, order in (("x", (dx, dy)), ("y", (dy, dx))):
        column, row = cv2.getDerivKernels(*order, size)[::-1]
        np.testing.assert_array_equal(KERNELS[f"{slug}-{name}"].weights, column @ row.T)


@pytest.mark.parametrize("size", [1, 3, 5, 15])
def test_gaussian_is_opencvs(size):
    column = cv2.getGaussianKernel(size, 0.3 * ((size - 1) * 0.5 - 1) + 0.8)
    np.testing.assert_allclose(KERNELS["gaussian"].at_size(size).weights, column @ column.T, atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
@pytest.mark.parametrize("size", [5, 11, 15])
def test_gabor_is_opencvs_less_its_mean(degrees, size):
    wave, bell = (
        cv2.getGaborKernel((size, size), size / 5, np.deg2rad(degrees), length, 0.5, 0) for length in (size / 2, 1e9)
    )
    expected = wave - bell * (wave.sum() / bell.sum())
    expected *= 2 / np.abs(expected).sum()
    np.testing.assert_allclose(KERNELS[f"gabor-{degrees}"].at_size(size).weights, expected, atol=1e-6)


def test_gabor_answers_to_the_stripes_that_its_note_names():
    rows, cols = np.mgrid[:11, :11] - 5
    stripes = {
        "vertical": cols,
        "rising": (cols + rows) / 2**0.5,
        "falling": (cols - rows) / 2**0.5,
        "horizontal": rows,
    }
    for degrees in (0, 45, 90, 135):
        kernel = KERNELS[f"gabor-{degrees}"]
        answers = {name: (np.cos(2 * np.pi * x / 5.5) * kernel.weights).sum() for name, x in stripes.items()}
        assert f" {max(answers, key=answers.get)} " in kernel.note


def test_the_catalogue_is_complete_and_cannot_be_changed():
    assert len(KERNELS) >= 30
    assert len({kernel.name for kernel in KERNELS.values()}) == len(KERNELS)
    for kernel in KERNELS.values():
        assert kernel.weights.dtype == np.float32
        assert kernel.weights.ndim == 2
        assert kernel.note.endswith(".")
        with pytest.raises(ValueError, match="read-only"):
            kernel.weights[0, 0] = 7
    with pytest.raises(TypeError):
        KERNELS["new"] = KERNELS["box"]
    shown = [kernel.weights.tobytes() for slug, kernel in KERNELS.items() if slug != "custom"]
    repeated = len(shown) - len(set(shown))
    assert repeated == 4  # Robinson's upright four are Sobel's


@pytest.mark.parametrize("slug", SIZABLE)
def test_every_size_keeps_the_sum(slug):
    kernel = KERNELS[slug]
    for size in range(1, MAX_KERNEL_SIZE + 1):
        if size < 3 and slug.startswith(("gabor", "laplacian")):
            with pytest.raises(KernelError, match="at least 3"):
                kernel.at_size(size)
            continue
        weights = kernel.at_size(size).weights
        assert weights.shape == (size, size)
        assert weights.sum() == pytest.approx(kernel.weights.sum(), abs=1e-5)


def test_sizes_that_do_not_exist_are_sentences():
    with pytest.raises(KernelError, match="3 × 3 only"):
        KERNELS["outline"].at_size(5)
    for size in (0, MAX_KERNEL_SIZE + 1):
        with pytest.raises(KernelError, match="can be 1 to 15"):
            KERNELS["box"].at_size(size)


def test_rank_and_separation_put_the_kernel_together_again():
    assert {slug: kernels.rank(KERNELS[slug].weights) for slug in ("box", "gaussian", "outline", "kirsch-north")} == {
        "box": 1,
        "gaussian": 1,
        "outline": 2,
        "kirsch-north": 2,
    }
    for kernel in KERNELS.values():
        parts = kernels.separate(kernel.weights)
        assert (parts is None) == (np.linalg.matrix_rank(kernel.weights, rtol=1e-5) > 1)
        if parts:
            np.testing.assert_allclose(np.outer(*parts), kernel.weights, atol=1e-5)
    column, row = kernels.separate(np.zeros((2, 3)))
    np.testing.assert_array_equal(np.outer(column, row), np.zeros((2, 3)))
    column, row = kernels.separate(np.float32([[1, 2, 3]]))
    assert (column.tolist(), row.round(5).tolist()) == ([1.0], [1.0, 2.0, 3.0])


def test_frequency_response_of_two_kernels_with_a_formula():
    frequency = 2 * np.pi * (np.arange(64) - 32) / 64
    box = kernels.frequency_response(np.full((1, 3), 1 / 3))
    np.testing.assert_allclose(box[10], np.abs(1 + 2 * np.cos(frequency)) / 3, atol=1e-6)
    difference = kernels.frequency_response([[1], [0], [-1]], 64)
    np.testing.assert_allclose(difference[:, 5], np.abs(2 * np.sin(frequency)), atol=1e-6)
    with pytest.raises(KernelError, match="15 or more"):
        kernels.frequency_response(np.ones((15, 2)), 8)


def test_normalized_sums_to_one_or_says_why_not():
    assert kernels.normalized([[1, 3], [-2, 6]]).tolist() == [[0.125, 0.375], [-0.25, 0.75]]
    for weights in (KERNELS["sobel-x"].weights, KERNELS["gabor-45"].weights, np.zeros((3, 3))):
        with pytest.raises(KernelError, match="sum to zero"):
            kernels.normalized(weights)


@pytest.mark.parametrize("slug", list(KERNELS))
def test_json_brings_back_the_same_weights(slug):
    text = kernels.to_json(KERNELS[slug].weights, KERNELS[slug].name)
    np.testing.assert_array_equal(kernels.from_json(text.encode()), KERNELS[slug].weights)
    assert json.loads(text)["name"] == KERNELS[slug].name


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x89PNG\r\n\x1a\n",
        b"{}",
        b"3",
        b'"weights"',
        b"[]",
        b"[[]]",
        b"[1, 2]",
        b"[[1, 2], [3]]",
        b'[["1"]]',
        b"[[true]]",
        b"[[null]]",
        b"[[[1]]]",
        b"[[NaN]]",
        b"[[-Infinity]]",
        b"[[1e400]]",
        b"[[1e39]]",
        b"[[1" + b"0" * 400 + b"]]",
        b"[[1" + b"0" * 9000 + b"]]",
        b"[" * 40_000,
        b"[" * 40_000 + b"]" * 40_000,
        b'{"weights":' * 8_000 + b"1" + b"}" * 8_000,
        b'{"weights": {"0": [1]}}',
        json.dumps([[1] * 16]).encode(),
        json.dumps([[1]] * 16).encode(),
        b" " * 200_000 + b"[[1]]",
    ],
)
def test_hostile_kernel_files_are_sentences(hostile):
    with pytest.raises(KernelError, match=r"\.$"):
        kernels.from_json(hostile)
