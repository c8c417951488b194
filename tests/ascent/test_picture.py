"""Pixels from waves and colours, and back, against numpy.fft and the published matrix."""

import numpy as np
import pytest
import tensorflow as tf

from explorer.ascent import shown
from explorer.ascent.picture import MIX, Held

LUCID = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""color_correlation_svd_sqrt of lucid/optvis/param/color.py."""
SIZES = [(6, 8), (7, 8), (6, 9), (5, 7), (1, 5), (4, 1), (1, 1)]


def every_way(sizes=SIZES):
    return [
        Held(height, width, channels, way, decorrelate)
        for height, width in sizes
        for channels in (1, 3)
        for way in ("pixels", "fourier")
        for decorrelate in (False, True)
    ]


def name_of(held):
    colours = "-decorrelated" if held.decorrelate else ""
    return f"{held.height}x{held.width}x{held.channels}-{held.parameterisation}{colours}"


def by_numpy(held, parameters):
    """The pixels as Lucid makes them, with numpy.fft, a loop over the waves."""
    planes = np.empty((held.channels, held.height, held.width))
    for channel in range(held.channels):
        spectrum = np.zeros((held.height, held.width // 2 + 1), complex)
        for down in range(held.height):
            for across in range(held.width // 2 + 1):
                frequency = np.hypot(min(down, held.height - down) / held.height, across / held.width)
                length = 1 / max(frequency, 1 / max(held.height, held.width))
                amplitude = complex(*parameters[channel, down, across])
                spectrum[down, across] = amplitude * length * np.sqrt(held.height * held.width)
        planes[channel] = np.fft.irfft2(spectrum, s=(held.height, held.width)) / 4
    values = np.moveaxis(planes, 0, 2)
    if held.decorrelate and held.channels == 3:
        values = values @ (LUCID / np.linalg.norm(LUCID, axis=0).max()).T
    return 255 / (1 + np.exp(-values))


@pytest.mark.parametrize("held", every_way(), ids=name_of)
def test_the_same_picture_comes_back(held):
    pixels = np.random.default_rng(0).uniform(5, 250, (2, held.height, held.width, held.channels)).astype(np.float32)
    parameters = held.parameters(pixels)
    assert parameters.shape == (2, *held.shape)
    np.testing.assert_allclose(held.pixels(parameters), pixels, atol=0.02)


@pytest.mark.parametrize("held", [held for held in every_way() if held.waves], ids=name_of)
def test_waves_add_up_to_what_numpy_makes_of_them(held):
    waves = np.random.default_rng(1).normal(0, 0.5, (2, *held.shape)).astype(np.float32)
    expected = np.stack([by_numpy(held, each) for each in waves])
    np.testing.assert_allclose(held.pixels(tf.constant(waves)), expected, atol=0.01)
    assert held.pixels(tf.constant(waves)).shape == (2, held.height, held.width, held.channels)


@pytest.mark.parametrize("held", every_way([(6, 8), (5, 7)]), ids=name_of)
def test_the_slope_of_pixels_is_that_of_small_differences(held):
    random = np.random.default_rng(2)
    start, way = (tf.constant(random.normal(0, 0.3, (1, *held.shape)), tf.float32) for _ in range(2))
    weights = tf.constant(random.normal(size=(1, held.height, held.width, held.channels)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(start)
        total = tf.reduce_sum(held.pixels(start) * weights)
    found = float(tf.reduce_sum(tape.gradient(total, start) * way))
    ahead, behind = (np.sum(held.pixels(start + by * way) * weights, dtype=np.float64) for by in (0.02, -0.02))
    assert found == pytest.approx((ahead - behind) / 0.04, rel=2e-3, abs=0.05)


def test_colours_are_lucids_and_can_be_unmixed():
    np.testing.assert_allclose(MIX, LUCID / np.sqrt(0.26**2 + 0.27**2 + 0.27**2), rtol=1e-6)
    held = Held(1, 2, 3, "pixels", True)
    parameters = np.float32([[[[10, 0, 0], [0, 20, -5]]]])
    expected = 127.5 + np.array([10 * MIX[:, 0], 20 * MIX[:, 1] - 5 * MIX[:, 2]])
    np.testing.assert_allclose(held.pixels(parameters)[0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(held.parameters(held.pixels(parameters)), parameters, atol=1e-3)


def test_one_channel_has_no_colours_to_mix():
    pixels = np.float32([[[[3.0], [200.0]]]])
    for way in ("pixels", "fourier"):
        mixed, plain = (Held(1, 2, 1, way, decorrelate).parameters(pixels) for decorrelate in (True, False))
        np.testing.assert_array_equal(mixed, plain)


def test_waves_take_black_and_white_as_nearly_so():
    held = Held(2, 4, 1, "fourier", False)
    pixels = np.float32([[[[-50], [0], [2], [100]], [[127.5], [253], [255], [400]]]])
    expected = np.clip(pixels, 0.01 * 255, 0.99 * 255)
    np.testing.assert_allclose(held.pixels(held.parameters(pixels)), expected, atol=0.02)
    loud = held.pixels(tf.constant(np.full((1, *held.shape), 1e4), tf.float32))
    assert np.all((loud >= 0) & (loud <= 255))


def test_pixels_are_kept_wherever_they_are():
    held = Held(1, 2, 1, "pixels", False)
    pixels = np.float32([[[[-300.0], [900.0]]]])
    np.testing.assert_array_equal(held.pixels(held.parameters(pixels)), pixels)


def deprocessed(picture, contrast):
    """Chollet's deprocess_image, as printed."""
    x = picture.astype(np.float64).copy()
    x -= x.mean()
    x /= x.std() + 1e-5
    x *= contrast
    x += 0.5
    return np.clip(x, 0, 1) * 255


@pytest.mark.parametrize("contrast", [0.1, 0.15, 0.5])
def test_what_is_shown_is_stretched_as_chollet_does_each_picture_by_itself(contrast):
    pixels = np.random.default_rng(3).normal((100, 300), (5, 90), (6, 7, 3, 2)).astype(np.float32).transpose(3, 0, 1, 2)
    images = shown(pixels, contrast)
    assert images.dtype == np.uint8
    for found, picture in zip(images, pixels, strict=True):
        np.testing.assert_allclose(found, deprocessed(picture, contrast), atol=0.51)


def test_without_contrast_pixels_are_rounded_and_cut_off():
    pixels = np.float32([[[[-3.0], [0.4], [0.6], [254.6], [1e9]]]])
    assert shown(pixels, 0).ravel().tolist() == [0, 0, 1, 255, 255]


def test_a_flat_picture_is_shown_grey():
    assert np.unique(shown(np.full((1, 3, 3, 1), 9, np.float32), 0.15)).tolist() in ([127], [128])
