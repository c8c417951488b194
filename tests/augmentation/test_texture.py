"""Blur, noise, JPEG, erasing, cutout: against SciPy, Pillow and arithmetic."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from explorer.augmentation import Augmentation
from tests.augmentation.oracles import apart, noise, photo

NOTHING = Augmentation()
COLOUR_OR_GREY = pytest.mark.parametrize("channels", [1, 3])


def changed(image, **drawn):
    return NOTHING.replay(image, drawn)


@COLOUR_OR_GREY
@pytest.mark.parametrize("sigma", [0.4, 1, 2.7, 8])
def test_blur_is_a_gaussian_of_that_standard_deviation(sigma, channels):
    image = photo(48, 60)[..., :channels]
    expected = ndimage.gaussian_filter(image.astype(np.float64), (sigma, sigma, 0), mode="reflect", truncate=3)
    off = apart(changed(image, blur=sigma), expected)
    assert off.max() < 2
    assert off.mean() < 0.5


def test_no_blur_changes_nothing():
    image = noise(8, 8)
    assert (changed(image, blur=0.0) == image).all()
    assert (changed(image, noise=0.0, noise_seed=3) == image).all()


@COLOUR_OR_GREY
def test_noise_has_the_standard_deviation_that_was_drawn(channels):
    grey = np.full((120, 120, channels), 128, np.uint8)
    made, drawn = Augmentation(noise_range=20).sample(grey, 12)
    for one, values in zip(made, drawn, strict=True):
        off = one.astype(float) - 128
        assert off.std() == pytest.approx(np.hypot(values["noise"], 1 / np.sqrt(12)), rel=0.03)  # and rounding
        assert abs(off.mean()) < 0.5
    assert abs(np.corrcoef(made[0].ravel(), made[1].ravel())[0, 1]) < 0.04
    if channels == 3:
        assert abs(np.corrcoef(made[0][..., 0].ravel(), made[0][..., 1].ravel())[0, 1]) < 0.04


def test_noise_stops_at_black_and_white():
    black = changed(np.zeros((50, 50, 3), np.uint8), noise=40, noise_seed=1)
    assert (black == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert black.max() < 250
    assert changed(np.full((50, 50, 3), 255, np.uint8), noise=40, noise_seed=1).min() > 5


def by_pillow(image, quality):
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(image.shape)


@COLOUR_OR_GREY
@pytest.mark.parametrize("quality", [5, 40, 90, 100])
def test_jpeg_is_that_of_pillow(quality, channels):
    image = photo()[..., :channels]
    off = apart(changed(image, jpeg=quality), by_pillow(image, quality))
    assert off.mean() < 1
    assert np.percentile(off, 99) <= 8


def test_jpeg_gets_worse_with_lower_quality():
    image = photo()
    off = [apart(changed(image, jpeg=quality), image).mean() for quality in (100, 80, 50, 20, 5, 1)]
    assert off == sorted(off)
    assert off[0] < 2
    assert 10 < off[-1] < 40


def test_jpeg_keeps_red_red():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    assert apart(changed(red, jpeg=95), red).max() < 4


@pytest.mark.parametrize("largest", [0.1, 0.33])
def test_an_erased_box_has_the_area_and_the_shape_of_the_paper(largest):
    policy = Augmentation(erasing_probability=1, erasing_area=largest)
    boxes = np.array([one["erasing"] for one in policy.sample(np.zeros((200, 200, 1), np.uint8), 500)[1]])
    top, left, height, width = boxes.T
    area, ratio = height * width / 200**2, height / width
    assert 0.019 <= area.min() < 0.03
    assert 0.93 * largest < area.max() <= 1.02 * largest
    assert area.mean() == pytest.approx((0.02 + largest) / 2, rel=0.06)
    assert 0.29 < ratio.min() < 0.33
    assert 3 < ratio.max() < 3.45
    assert np.log(ratio).mean() == pytest.approx(0, abs=0.12)
    assert min(top.min(), left.min()) >= 0
    assert max((top + height).max(), (left + width).max()) == 200  # some end at the border, none beyond


def test_a_box_larger_than_the_picture_is_cut_to_its_side():
    policy = Augmentation(erasing_probability=1, erasing_area=0.8)
    for shape in ((3, 300, 3), (300, 3, 3), (1, 1, 3)):
        for top, left, height, width in (one["erasing"] for one in policy.sample(np.zeros(shape, np.uint8), 60)[1]):
            assert top >= 0 < height <= shape[0] - top
            assert left >= 0 < width <= shape[1] - left


@COLOUR_OR_GREY
def test_what_is_erased_is_noise_and_the_rest_stays(channels):
    image = np.full((90, 120, channels), 77, np.uint8)
    made = changed(image, erasing=[10, 20, 50, 60], erasing_seed=4)
    inside = np.zeros((90, 120), bool)
    inside[10:60, 20:80] = True
    assert (made[~inside] == 77).all()
    levels = made[inside].ravel()
    assert levels.mean() == pytest.approx(127.5, abs=4)
    assert levels.std() == pytest.approx(256 / np.sqrt(12), rel=0.04)
    assert (levels.min(), levels.max()) == (0, 255)
    assert (changed(image, erasing=[10, 20, 50, 60], erasing_seed=5) != made).mean() > 0.25


@COLOUR_OR_GREY
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_cutout_is_a_grey_square_around_a_centre_anywhere(share, channels):
    shape, n = (40, 60), 400
    made, drawn = Augmentation(cutout=share).sample(np.full((*shape, channels), 7, np.uint8), n)
    side = round(share * 40)
    cut = missing_rows = missing_columns = 0
    for one, values in zip(made, drawn, strict=True):
        top, left, height, width = values["cutout"]
        expected = np.full_like(one, 7)
        expected[top : top + height, left : left + width] = 128
        assert (one == expected).all()
        assert 0 < height <= side
        assert 0 < width <= side
        missing_rows += side - height
        missing_columns += side - width
        cut += height < side or width < side
    # A centre that lies anywhere leaves out side/2 · side/(2 · length) on either border, on average.
    assert missing_rows / n == pytest.approx(side**2 / (4 * 40), rel=0.25, abs=0.1)
    assert missing_columns / n == pytest.approx(side**2 / (4 * 60), rel=0.25, abs=0.1)
    assert 0 < cut < n


def test_the_order_is_blur_noise_jpeg_erasing_cutout():
    image = photo()
    steps = [
        {"blur": 1.5},
        {"noise": 12.0, "noise_seed": 9},
        {"jpeg": 30},
        {"erasing": [5, 5, 30, 20], "erasing_seed": 2},
        {"cutout": [20, 15, 25, 25]},
    ]
    expected = image
    for step in steps:
        expected = changed(expected, **step)
    at_once = changed(image, **{name: value for step in steps for name, value in step.items()})
    assert (at_once == expected).all()
