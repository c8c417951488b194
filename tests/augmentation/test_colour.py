"""Brightness, channel shift, contrast, saturation, hue, grey: against Keras, TensorFlow and arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from explorer.augmentation import Augmentation
from tests.augmentation.oracles import apart, noise, photo, whole

NOTHING = Augmentation()


def changed(image, **drawn):
    return NOTHING.replay(image, drawn)


def legacy(image, **drawn):
    return ImageDataGenerator().apply_transform(image.astype(np.float32), drawn)


@pytest.mark.parametrize("factor", [0, 0.2, 0.75, 1, 1.3, 4])
def test_brightness_multiplies_every_level(factor):
    image = photo()
    made = changed(image, brightness=factor)
    assert (made == whole(image * float(factor))).all()
    # Pillow, which ImageDataGenerator asks, cuts decimals off.
    assert apart(made, legacy(image, brightness=factor)).max() <= 1


@pytest.mark.parametrize("levels", [-200, -31.4, 0, 12.5, 90])
def test_a_channel_shift_stays_between_the_darkest_and_the_brightest_level(levels):
    image = (40 + photo() * 0.6).astype(np.uint8)
    made = changed(image, channel_shift_intensity=levels)
    assert (made == whole(legacy(image, channel_shift_intensity=levels))).all()
    assert made.min() >= image.min() > 0
    assert made.max() <= image.max() < 255


@pytest.mark.parametrize("factor", [0, 0.3, 1, 1.7])
def test_contrast_is_that_of_tensorflow(factor):
    """Distances from the mean of each channel are multiplied."""
    image = photo()
    expected = tf.image.adjust_contrast(image.astype(np.float32), factor).numpy()
    made = changed(image, contrast=factor)
    assert apart(made, np.clip(expected, 0, 255)).max() < 0.51
    if factor == 0:
        assert (made == whole(image.mean((0, 1)))).all()


@pytest.mark.parametrize("factor", [0, 0.4, 1, 1.6])
def test_saturation_is_that_of_tensorflow(factor):
    image = photo()
    expected = tf.image.adjust_saturation(image.astype(np.float32) / 255, factor).numpy() * 255
    assert apart(changed(image, saturation=factor), expected).max() < 0.52


def test_saturation_is_that_of_keras():
    """Keras counts from 0.5, which leaves a picture as it is, to 1, in its own way: only its two ends are compared."""
    image = noise(16, 16)
    layer = keras.layers.RandomSaturation((0, 0))
    assert apart(changed(image, saturation=0), layer(image.astype(np.float32)[None], training=True)[0]).max() < 0.52


@pytest.mark.parametrize("degrees", [-180, -20, 0, 45, 120, 400])
def test_hue_is_that_of_tensorflow(degrees):
    image = photo()
    delta = (degrees + 180) % 360 - 180
    expected = tf.image.adjust_hue(image.astype(np.float32) / 255, delta / 360).numpy() * 255
    assert apart(changed(image, hue=degrees), expected).max() < 0.52


def test_hue_turns_red_into_green_into_blue():
    red = np.array([[[200, 0, 0]]], np.uint8)
    assert changed(red, hue=120).ravel().tolist() == [0, 200, 0]
    assert changed(red, hue=-120).ravel().tolist() == [0, 0, 200]
    assert changed(red, hue=60).ravel().tolist() == [200, 200, 0]


def test_hue_and_saturation_together_are_one_after_the_other():
    image = photo()
    turned = tf.image.adjust_hue(image.astype(np.float32) / 255, 0.1)
    expected = tf.image.adjust_saturation(turned, 0.5).numpy() * 255
    assert apart(changed(image, hue=36, saturation=0.5), expected).max() < 0.52


def test_grey_is_the_luminance_of_bt_601():
    image = noise(20, 20)
    made = changed(image, grey=True)
    expected = image[..., 0] * 0.299 + image[..., 1] * 0.587 + image[..., 2] * 0.114
    assert made.shape == image.shape
    assert apart(made, expected[..., None]).max() < 0.501
    assert (changed(image, grey=False) == image).all()


def test_the_order_is_channel_shift_brightness_contrast():
    """Each is a table of levels, and they are rounded once."""
    image = (30 + photo() * 0.7).astype(np.uint8)
    levels = np.clip(image + 25.5, image.min(), image.max())
    levels = np.clip(levels * 1.3, 0, 255)
    mean = levels.mean((0, 1))
    made = changed(image, channel_shift_intensity=25.5, brightness=1.3, contrast=0.5)
    assert apart(made, (levels - mean) * 0.5 + mean).max() < 0.501


def test_a_picture_of_one_channel_has_no_colour_to_change():
    image = noise(12, 12, 1)
    assert (changed(image, saturation=0.2, hue=90, grey=True) == image).all()
    made = changed(image, brightness=0.5, contrast=1.5, channel_shift_intensity=10)
    three = changed(image.repeat(3, axis=2), brightness=0.5, contrast=1.5, channel_shift_intensity=10)
    assert made.shape == image.shape
    assert (made == three[..., :1]).all()


def test_every_range_draws_what_it_names():
    """Asked for as a range, the picture is the one of the drawn value."""
    image = photo(16, 16)
    for name, drawn_name, value in (
        ("brightness_range", "brightness", (0.5, 1.5)),
        ("channel_shift_range", "channel_shift_intensity", 50),
        ("contrast_range", "contrast", 0.5),
        ("saturation_range", "saturation", 0.5),
        ("hue_range", "hue", 90),
        ("grey_probability", "grey", 1),
    ):
        made, drawn = Augmentation(**{name: value}).sample(image, 3)
        assert (made == [changed(image, **{drawn_name: one[drawn_name]}) for one in drawn]).all()
        assert (made != image).any((1, 2, 3)).all()
