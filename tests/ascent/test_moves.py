"""Moves, blur and roughness against NumPy's slices and OpenCV."""

from unittest import mock

import cv2
import numpy as np
import pytest
import tensorflow as tf

from explorer.ascent import Recipe
from explorer.ascent.moves import blur_at, blurred, draw_moves, moved, moves, roughness

PICTURE = np.random.default_rng(0).uniform(0, 255, (9, 11, 3)).astype(np.float32)
SQUARE = np.random.default_rng(1).uniform(0, 255, (8, 8, 1)).astype(np.float32)


def drawing(shift=(0, 0), angle=0.0, scale=0.0):
    """In place of a random generator: the numbers that are wanted."""
    rng = mock.create_autospec(np.random.Generator, instance=True)
    rng.integers.side_effect, rng.uniform.side_effect = [np.array(shift)], [angle, scale]
    return rng


def after(picture, **wanted):
    """A picture after one known move."""
    transforms = draw_moves(Recipe(), *picture.shape[:2], [drawing(**wanted)])
    return moved(tf.constant(picture[np.newaxis]), tf.constant(transforms)).numpy()[0]


def test_no_move_is_no_change():
    np.testing.assert_array_equal(after(PICTURE), PICTURE)
    transforms = draw_moves(Recipe(), 9, 11, [np.random.default_rng(5)])
    np.testing.assert_array_equal(transforms, [[1, 0, 0, 0, 1, 0, 0, 0]])


@pytest.mark.parametrize("shift", [(1, 0), (0, 2), (-3, 1), (4, -4)])
def test_a_shift_moves_by_whole_pixels_and_mirrors_at_the_border(shift):
    right, down = shift
    wide = np.pad(PICTURE, ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    expected = wide[4 + down : 13 + down, 4 + right : 15 + right]
    np.testing.assert_array_equal(after(PICTURE, shift=shift), expected)


def test_a_turn_by_a_right_angle():
    np.testing.assert_allclose(after(SQUARE, angle=90.0), np.rot90(SQUARE), atol=0.01)
    np.testing.assert_allclose(after(SQUARE, angle=-90.0), np.rot90(SQUARE, -1), atol=0.01)


@pytest.mark.parametrize(("angle", "scale"), [(0.0, 0.5), (0.0, -0.25), (30.0, 0.0), (-17.0, 0.2)])
def test_turns_and_sizes_are_those_of_opencv(angle, scale):
    smooth = cv2.GaussianBlur(np.random.default_rng(2).uniform(0, 255, (24, 30)).astype(np.float32), (7, 7), 2)
    matrix = cv2.getRotationMatrix2D(((30 - 1) / 2, (24 - 1) / 2), angle, 1 + scale)
    expected = cv2.warpAffine(smooth, matrix, (30, 24), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    found = after(smooth[..., np.newaxis], angle=angle, scale=scale)[..., 0]
    inside = (slice(8, -8), slice(8, -8))  # OpenCV counts in 32nds of a pixel
    np.testing.assert_allclose(found[inside], expected[inside], atol=1.5)
    assert np.abs(smooth[inside] - expected[inside]).max() > 10


def test_each_picture_has_its_own_move():
    transforms = draw_moves(Recipe(), 8, 8, [drawing(), drawing(shift=(1, 0)), drawing(angle=90.0)])
    found = moved(tf.constant(np.stack([SQUARE] * 3)), tf.constant(transforms)).numpy()
    np.testing.assert_array_equal(found[0], SQUARE)
    np.testing.assert_array_equal(found[1][:, :-1], SQUARE[:, 1:])
    np.testing.assert_allclose(found[2], np.rot90(SQUARE), atol=0.01)


def test_the_slope_through_a_shift_is_shifted_back():
    weights = np.zeros((1, 9, 11, 3), np.float32)
    weights[:, 3:6, 4:7] = np.random.default_rng(3).normal(size=(3, 3, 3))
    transforms = tf.constant(draw_moves(Recipe(), 9, 11, [drawing(shift=(2, -1))]))
    pixels = tf.constant(PICTURE[np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        total = tf.reduce_sum(moved(pixels, transforms) * weights)
    np.testing.assert_allclose(tape.gradient(total, pixels), np.roll(weights, (-1, 2), axis=(1, 2)), atol=1e-6)


def read(transforms, height, width):
    """Shift, angle in degrees and size of each transform."""
    across, down = (width - 1) / 2, (height - 1) / 2
    for a, b, c, d, e, f, g, h in transforms.astype(np.float64):
        assert (g, h) == (0, 0)
        assert (a, b) == (pytest.approx(e), pytest.approx(-d))
        shift = a * across + b * down + c - across, d * across + e * down + f - down
        yield *shift, np.degrees(np.arctan2(d, a)), 1 / np.hypot(a, d)


def test_moves_are_drawn_within_their_ranges_and_all_over_them():
    recipe = Recipe(jitter=3, rotation=20.0, scale=0.2)
    drawn = np.array(list(read(draw_moves(recipe, 40, 60, [np.random.default_rng(i) for i in range(300)]), 40, 60)))
    shifts, angles, sizes = drawn[:, :2], drawn[:, 2], drawn[:, 3]
    np.testing.assert_allclose(shifts, np.rint(shifts), atol=1e-4)
    for column in shifts.T:
        assert set(np.rint(column)) == set(range(-3, 4))
    assert -20.001 <= angles.min() < -18
    assert 18 < angles.max() <= 20.001
    assert 0.7999 <= sizes.min() < 0.82
    assert 1.18 < sizes.max() <= 1.2001
    assert abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.2  # independent of each other


def test_a_move_comes_from_its_generator_alone():
    recipe = Recipe(jitter=3, rotation=20.0, scale=0.2)
    together = draw_moves(recipe, 8, 8, [np.random.default_rng([7, 1, 0, 4]), np.random.default_rng([7, 2, 0, 4])])
    alone = draw_moves(recipe, 8, 8, [np.random.default_rng([7, 2, 0, 4])])
    np.testing.assert_array_equal(together[1:], alone)
    assert not np.array_equal(together[0], together[1])


def test_which_recipes_move():
    assert not moves(Recipe())
    for part in ({"jitter": 1}, {"rotation": 1.0}, {"scale": 0.01}):
        assert moves(Recipe(**part))


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2.0, 3.0])
def test_blur_is_opencvs_with_only_what_is_there_averaged(sigma):
    found = blurred(tf.constant(np.stack([PICTURE, PICTURE[::-1]])), sigma).numpy()
    there = cv2.GaussianBlur(np.ones((9, 11), np.float32), (9, 9), sigma, borderType=cv2.BORDER_CONSTANT)[..., None]
    for result, picture in zip(found, (PICTURE, PICTURE[::-1]), strict=True):
        expected = cv2.GaussianBlur(np.ascontiguousarray(picture), (9, 9), sigma, borderType=cv2.BORDER_CONSTANT)
        np.testing.assert_allclose(result, expected / there, atol=0.01)


def test_no_blur_is_no_change_and_a_flat_picture_stays_flat():
    np.testing.assert_allclose(blurred(tf.constant(PICTURE[np.newaxis]), 0.0)[0], PICTURE, rtol=1e-6)
    np.testing.assert_allclose(blurred(tf.fill((1, 5, 3, 1), 77.0), 2.0), np.full((1, 5, 3, 1), 77), rtol=1e-5)


def test_blur_comes_every_so_many_steps_and_falls_to_nothing():
    recipe = Recipe(steps=12, blur=2.0, blur_every=3)
    assert [blur_at(recipe, step) for step in range(12)] == [0, 0, 1.5, 0, 0, 1.0, 0, 0, 0.5, 0, 0, 0]
    assert [blur_at(Recipe(steps=4), step) for step in range(4)] == [0] * 4


def rough(picture):
    """Total variation of one picture (H, W, C), pixel by pixel."""
    height, width, channels = picture.shape
    total = 0.0
    for row in range(height - 1):
        for col in range(width - 1):
            for channel in range(channels):
                down = picture[row + 1, col, channel] - picture[row, col, channel]
                across = picture[row, col + 1, channel] - picture[row, col, channel]
                total += np.sqrt(down**2 + across**2 + 1)
    return total


def slope(function, pixels):
    pixels = tf.constant(pixels, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        total = function(pixels)
    return tape.gradient(total, pixels).numpy()


def test_roughness_is_the_sum_of_the_lengths_of_differences():
    pictures = np.stack([PICTURE, PICTURE / 9]).astype(np.float64)
    np.testing.assert_allclose(roughness(tf.constant(pictures, tf.float32)), [rough(each) for each in pictures], 1e-5)
    assert roughness(tf.zeros((1, 1, 5, 3))).numpy().tolist() == [0]


def test_the_slope_of_roughness():
    picture = np.random.default_rng(4).uniform(0, 9, (4, 5, 2))
    found = slope(roughness, picture[np.newaxis])[0]
    for place in np.ndindex(picture.shape):
        nudge = np.zeros_like(picture)
        nudge[place] = 1e-4
        assert found[place] == pytest.approx((rough(picture + nudge) - rough(picture - nudge)) / 2e-4, abs=1e-4)
    assert np.abs(slope(roughness, PICTURE[np.newaxis] * 1000)).max() < 4
    np.testing.assert_array_equal(slope(roughness, np.full((1, 4, 4, 1), 9)), np.zeros((1, 4, 4, 1)))
