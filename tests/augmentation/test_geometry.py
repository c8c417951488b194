"""Rotation, shear, shift, zoom, crop, flips: against ImageDataGenerator, and against four loops of NumPy."""

import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from explorer.augmentation import FILL_MODES, Augmentation, applying
from explorer.augmentation.geometry import warp
from tests.augmentation.oracles import SCIPY_MOVED, apart, bilinear, noise, photo, place, whole

pytestmark = pytest.mark.filterwarnings(SCIPY_MOVED)

ALONE = {
    "rotation": {"rotation_range": 40},
    "wide rotation": {"rotation_range": 180},
    "sideways": {"width_shift_range": 0.3},
    "up and down": {"height_shift_range": 0.3},
    "pixels": {"width_shift_range": 12, "height_shift_range": 7.5},
    "shear": {"shear_range": 35},
    "zoom": {"zoom_range": 0.5},
    "zoom out": {"zoom_range": (1.5, 2.5)},
    "mirror": {"horizontal_flip": True},
    "upside down": {"vertical_flip": True},
    "all": {
        "rotation_range": 40,
        "width_shift_range": 0.2,
        "height_shift_range": 0.2,
        "shear_range": 20,
        "zoom_range": 0.3,
        "horizontal_flip": True,
        "vertical_flip": True,
    },
}
BORDER = 1.5
"""Pixels near a border of the picture where the fill modes of SciPy and OpenCV may blend another neighbour."""


def legacy(image, drawn, fill_mode, cval=0):
    """What ImageDataGenerator makes of the same drawn values, as whole levels."""
    generator = ImageDataGenerator(fill_mode=fill_mode, cval=cval)
    return whole(generator.apply_transform(image.astype(np.float32), dict(drawn)))


def from_borders(drawn, height, width):
    """How far from the border, in pixels, the level of each pixel comes from; negative outside: (H, W)."""
    x, y = place(drawn, np.arange(width), np.arange(height)[:, None], height, width)
    return np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("ranges", ALONE.values(), ids=ALONE)
def test_the_drawn_values_give_the_picture_of_image_data_generator(ranges, fill_mode):
    image = photo()
    policy = Augmentation(fill_mode=fill_mode, cval=200, **ranges)
    made, drawn = policy.sample(image, 5, seed=4)
    for one, values in zip(made, drawn, strict=True):
        distances = from_borders(values, 64, 64)
        away = np.abs(distances) > BORDER
        off = apart(one, legacy(image, values, fill_mode, 200))[away]
        assert off.mean() < 0.01
        assert off.max() <= 1


@pytest.mark.parametrize("ranges", ALONE.values(), ids=ALONE)
def test_the_filled_region_is_that_of_image_data_generator(ranges):
    """A picture without level 0, and gaps filled with it: to the pixel the same gap."""
    image = np.full((64, 64, 3), 255, np.uint8)
    policy = Augmentation(fill_mode="constant", cval=0, **ranges)
    made, drawn = policy.sample(image, 12, seed=5)
    gaps = 0
    for one, values in zip(made, drawn, strict=True):
        expected = legacy(image, values, "constant")
        assert set(np.unique(one)) <= {0, 255}
        unsure = np.abs(from_borders(values, 64, 64)) < 1e-5
        assert (one[~unsure] == expected[~unsure]).all()
        gaps += (one == 0).any()
    assert gaps >= (0 if set(ranges) <= {"horizontal_flip", "vertical_flip"} else 4)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_values_drawn_by_image_data_generator_can_be_replayed(fill_mode):
    image = photo()
    generator = ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=15,
        zoom_range=[0.7, 1.2],
        horizontal_flip=True,
        vertical_flip=True,
        channel_shift_range=30,
        brightness_range=(0.6, 1.2),
        fill_mode=fill_mode,
        cval=90,
    )
    policy = Augmentation(fill_mode=fill_mode, cval=90)
    drawn = [generator.get_random_transform(image.shape, seed=seed) for seed in range(4)]
    for values in drawn:
        away = np.abs(from_borders(values, 64, 64)) > BORDER
        moved = {**values, "brightness": None, "channel_shift_intensity": None}
        off = apart(policy.replay(image, moved), legacy(image, moved, fill_mode, 90))[away]
        assert off.mean() < 0.01
        assert off.max() <= 1
        shifted = {**values, "brightness": None}
        off = apart(policy.replay(image, shifted), legacy(image, shifted, fill_mode, 90))[away]
        assert off.max() <= 1
        darker = apart(policy.replay(image, values), generator.apply_transform(image.astype(np.float32), dict(values)))
        assert darker[away].mean() < 1.2  # Pillow cuts decimals off, before and after, where we round once
        assert darker[away].max() <= 3


MOVES = [
    {"theta": 90},
    {"theta": -33.3},
    {"tx": 4},
    {"ty": -2.5},
    {"tx": -31.25, "ty": 40.5},
    {"shear": 30},
    {"zx": 0.5},
    {"zy": 3.3},
    {"zx": 1.4, "zy": 0.6, "flip_horizontal": True},
    {"theta": 20, "tx": 3.5, "ty": -1.25, "shear": -12, "zx": 0.8, "zy": 1.3, "flip_vertical": True},
    {"crop": [0.1, 0.25, 0.5, 0.5]},
    {"crop": [0.0, 0.3, 0.7, 0.7], "theta": 15, "zy": 0.9, "flip_horizontal": True, "flip_vertical": True},
]


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize(("height", "width", "channels"), [(12, 21, 3), (17, 9, 1)])
def test_pictures_that_are_not_square_agree_with_four_loops(height, width, channels, fill_mode):
    image = noise(height, width, channels)
    policy = Augmentation(fill_mode=fill_mode, cval=77)
    for drawn, made in zip(MOVES, policy.replay(image, MOVES), strict=True):
        assert apart(made, bilinear(image, drawn, fill_mode, 77)).max() < 0.51, drawn


@pytest.mark.parametrize("shape", [(1, 7, 3), (7, 1, 1), (1, 1, 3), (2, 3, 1)])
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_the_smallest_pictures(shape, fill_mode):
    image = noise(*shape)
    made = Augmentation(fill_mode=fill_mode, cval=9).replay(image, {"theta": 180, "tx": 1})
    assert made.shape == shape
    assert set(made.ravel()) <= {*image.ravel(), 9}


def test_a_picture_turns_around_its_middle():
    image = np.zeros((9, 21, 1), np.uint8)
    image[4, 10] = 255
    for drawn in ({"theta": 73}, {"zx": 3, "zy": 3}, {"shear": 40}, {"flip_horizontal": True, "flip_vertical": True}):
        made = Augmentation(fill_mode="constant").replay(image, drawn)
        assert np.unravel_index(made.argmax(), (9, 21)) == (4, 10)
        assert made[4, 10, 0] == 255


def test_width_shift_moves_sideways_and_height_shift_up_and_down():
    """Keras's legacy ``get_random_transform`` draws each from the range of the other."""
    image = noise(20, 30)
    for values in Augmentation(width_shift_range=5).sample(image, 20, seed=0)[1]:
        assert values["ty"] == 0
        moved = Augmentation(fill_mode="constant").replay(image, values)
        columns = [column for column in range(30) if 0 <= column + values["tx"] < 30]
        assert (moved[:, columns] == image[:, [int(column + values["tx"]) for column in columns]]).all()
    for values in Augmentation(height_shift_range=5).sample(image, 20, seed=0)[1]:
        assert values["tx"] == 0
        moved = Augmentation(fill_mode="constant").replay(image, values)
        rows = [row for row in range(20) if 0 <= row + values["ty"] < 20]
        assert (moved[rows] == image[[int(row + values["ty"]) for row in rows]]).all()


@pytest.mark.parametrize("shape", [(8, 8, 3), (7, 12, 3), (9, 4, 1)])
def test_flips_are_exact(shape):
    image = noise(*shape)
    for fill_mode in FILL_MODES:
        replay = Augmentation(fill_mode=fill_mode).replay
        assert (replay(image, {"flip_horizontal": True}) == image[:, ::-1]).all()
        assert (replay(image, {"flip_vertical": True}) == image[::-1]).all()
        assert (replay(image, {"flip_horizontal": True, "flip_vertical": True}) == image[::-1, ::-1]).all()


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("shape", [(8, 8, 3), (7, 12, 3), (28, 28, 1)])
def test_identity_is_exact(shape, fill_mode):
    image = noise(*shape)
    policy = Augmentation(fill_mode=fill_mode)
    assert (policy.sample(image, 3)[0] == image).all()
    assert (policy.replay(image, {}) == image).all()
    assert (policy.replay(image, {"crop": [0, 0, 1, 1]}) == image).all()


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_half_and_quarter_turns_are_exact(fill_mode):
    """A place that is outside by rounding alone is not filled, and not taken from the other side."""
    policy = Augmentation(fill_mode=fill_mode, cval=7)
    for shape in ((9, 16, 3), (28, 28, 1)):
        image = noise(*shape)
        assert (policy.replay(image, {"theta": 180.0}) == image[::-1, ::-1]).all()
    image = noise(28, 28)
    assert (policy.replay(image, {"theta": 90.0}) == np.rot90(image)).all()
    assert (policy.replay(image, {"theta": -90.0}) == np.rot90(image, -1)).all()


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (255, 255), (99.4, 99)])
def test_gaps_have_the_level_that_was_asked_for(level, expected):
    made = Augmentation(fill_mode="constant", cval=level).replay(np.full((6, 8, 3), 50, np.uint8), {"tx": 3})
    assert (made[:, :5] == 50).all()
    assert (made[:, 5:] == expected).all()


def test_a_crop_is_that_part_enlarged():
    image = noise(20, 40)
    made = Augmentation().replay(np.kron(image, np.ones((2, 2, 1), np.uint8)), {"crop": [0.25, 0.5, 0.5, 0.5]})
    assert (made[::2, ::2][1:-1, 1:-1] == made[1::2, 1::2][1:-1, 1:-1]).mean() < 0.1  # interpolated, not repeated
    centre = np.kron(image, np.ones((2, 2, 1), np.uint8))[10:30, 40:80]
    bigger = made.reshape(20, 2, 40, 2, 3).mean((1, 3))
    assert apart(bigger, centre)[2:-2, 2:-2].mean() < apart(bigger, np.roll(centre, 1, axis=1))[2:-2, 2:-2].mean() / 2


def test_there_is_only_one_resampling(monkeypatch):
    """Turned and zoomed at once is one interpolation of the composed map; one after the other are two, and softer."""
    image = noise(16, 16)
    drawn = {"theta": 20.0, "zx": 0.8, "zy": 0.7, "shear": 5.0, "tx": 1.5, "flip_horizontal": True}
    policy = Augmentation()
    warped = []
    monkeypatch.setattr(applying, "warp", lambda *asked: warped.append(asked[1]) or warp(*asked))
    at_once = policy.replay(image, drawn)
    assert len(warped) == 1
    assert apart(at_once, bilinear(image, drawn, "nearest")).max() < 0.51

    in_two = policy.replay(policy.replay(image, {"theta": 20.0, "tx": 1.5}), {**drawn, "theta": 0.0, "tx": 0.0})
    assert len(warped) == 3
    assert in_two.std() < 0.95 * at_once.std()


def test_nothing_is_resampled_where_nothing_moves(monkeypatch):
    monkeypatch.setattr(applying, "warp", None)
    policy = Augmentation(brightness_range=(0.5, 1.5), noise_range=5)
    assert policy.sample(noise(6, 6), 4)[0].shape == (4, 6, 6, 3)
