"""What is drawn: its range, its distribution, and what it depends on."""

import functools
import hashlib
import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from explorer.augmentation import PRESETS, Augmentation
from explorer.augmentation.drawing import draw
from explorer.augmentation.registry import SUPPLEMENTS, TRANSFORMS
from tests.augmentation.oracles import EVERYTHING, noise

N = 2000
HEIGHT, WIDTH = 50, 80


@functools.cache
def drawn(policy, n=N, seed=0, shape=(HEIGHT, WIDTH, 3)):
    return [draw(policy, shape, seed, index) for index in range(n)]


def values(policy, name, **asked):
    return np.array([one[name] for one in drawn(policy, **asked)])


def is_uniform(numbers, low, high):
    """Kolmogorov and Smirnov: the largest distance between the two distribution functions; one in 1,000 is farther."""
    numbers = np.sort(numbers)
    expected = (numbers - low) / (high - low)
    steps = np.arange(len(numbers) + 1) / len(numbers)
    distance = max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max())
    return distance < 1.95 / math.sqrt(len(numbers))


RANGES = Augmentation(
    rotation_range=40,
    shear_range=0.2,
    width_shift_range=0.2,
    height_shift_range=0.2,
    zoom_range=0.2,
    channel_shift_range=30,
    brightness_range=(0.3, 1.1),
    contrast_range=0.4,
    saturation_range=0.5,
    hue_range=20,
    blur_range=3,
    noise_range=25,
)
OTHERS = Augmentation(width_shift_range=7.5, height_shift_range=1.0, zoom_range=(0.5, 0.9))


@pytest.mark.parametrize(
    ("policy", "name", "low", "high"),
    [
        (RANGES, "theta", -40, 40),
        (RANGES, "shear", -0.2, 0.2),
        (RANGES, "tx", -0.2 * WIDTH, 0.2 * WIDTH),
        (RANGES, "ty", -0.2 * HEIGHT, 0.2 * HEIGHT),
        (RANGES, "zx", 0.8, 1.2),
        (RANGES, "zy", 0.8, 1.2),
        (RANGES, "channel_shift_intensity", -30, 30),
        (RANGES, "brightness", 0.3, 1.1),
        (RANGES, "contrast", 0.6, 1.4),
        (RANGES, "saturation", 0.5, 1.5),
        (RANGES, "hue", -20, 20),
        (RANGES, "blur", 0, 3),
        (RANGES, "noise", 0, 25),
        (OTHERS, "tx", -7.5, 7.5),
        (OTHERS, "ty", -1, 1),
        (OTHERS, "zx", 0.5, 0.9),
        (OTHERS, "zy", 0.5, 0.9),
    ],
)
def test_the_range_is_the_documented_one_and_evenly_drawn_from(policy, name, low, high):
    numbers = values(policy, name)
    span = high - low
    assert low <= numbers.min() < low + 0.01 * span
    assert high - 0.01 * span < numbers.max() <= high
    assert is_uniform(numbers, low, high)
    assert not is_uniform(numbers, low, high + 0.2 * span)  # the bound is tight enough to tell


@pytest.mark.parametrize(("name", "parameter"), [("width_shift_range", "tx"), ("height_shift_range", "ty")])
@pytest.mark.parametrize("pixels", [1, 2, 5, 40])
def test_a_whole_number_of_pixels_is_drawn_from_those_below_it(name, parameter, pixels):
    """As ImageDataGenerator: ``width_shift_range=2`` is one of −1, 0, 1."""
    numbers = values(Augmentation(**{name: pixels}), parameter)
    levels, counts = np.unique(numbers, return_counts=True)
    assert levels.tolist() == list(range(1 - pixels, pixels))
    expected = N / (2 * pixels - 1)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < len(levels) - 1 + 4 * math.sqrt(2 * len(levels))


def test_the_axes_of_zoom_are_independent():
    ones = drawn(RANGES)
    zx, zy = (np.array([one[name] for one in ones]) for name in ("zx", "zy"))
    assert abs(np.corrcoef(zx, zy)[0, 1]) < 0.07
    assert np.abs(zx - zy).mean() == pytest.approx(0.4 / 3, rel=0.1)


def test_no_two_parameters_are_drawn_from_the_same_number():
    ones = drawn(EVERYTHING.but(erasing_probability=1, rand_augment=0, aug_mix=0))
    columns = {name: [one[name] for one in ones] for name, value in ones[0].items() if isinstance(value, int | float)}
    for at, name in enumerate(("top", "left", "height")):
        columns |= {f"{box} {name}": [one[box][at] for one in ones] for box in ("erasing", "cutout")}
    crops = [one["crop"] for one in ones]
    columns["crop side"] = [side for _, _, side, _ in crops]
    columns["crop top"] = [top / (1 - side) for top, _, side, _ in crops]
    columns["crop left"] = [left / (1 - side) for _, left, side, _ in crops]
    assert len(columns) == 28
    related = {"erasing top", "erasing left", "erasing height", "cutout top", "cutout left", "cutout height"}
    for (one, first), (other, second) in itertools.combinations(columns.items(), 2):
        if not {one, other} <= related:
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.1, (one, other)


def test_about_half_are_flipped_and_the_two_flips_are_independent():
    policy = Augmentation(horizontal_flip=True, vertical_flip=True)
    mirrored, turned = values(policy, "flip_horizontal"), values(policy, "flip_vertical")
    assert 0.46 < mirrored.mean() < 0.54
    assert 0.46 < turned.mean() < 0.54
    assert 0.21 < (mirrored & turned).mean() < 0.29
    for name, other in (("horizontal", "vertical"), ("vertical", "horizontal")):
        one = Augmentation(**{f"{name}_flip": True})
        assert 0.4 < values(one, f"flip_{name}", n=200).mean() < 0.6
        assert not values(one, f"flip_{other}", n=200).any()


@pytest.mark.parametrize("share", [0.1, 0.5, 1])
def test_grey_and_erasing_happen_in_the_share_that_was_asked_for(share):
    bound = 4 * math.sqrt(share * (1 - share) / N)
    assert abs(values(Augmentation(grey_probability=share), "grey").mean() - share) <= bound
    erased = [one["erasing"] is not None for one in drawn(Augmentation(erasing_probability=share))]
    assert abs(np.mean(erased) - share) <= bound


def test_crops_keep_their_sides_and_lie_anywhere_inside():
    top, left, height, width = np.array([one["crop"] for one in drawn(Augmentation(crop_range=0.4))]).T
    assert (height == width).all()
    assert is_uniform(height, 0.6, 1)
    assert min(top.min(), left.min()) >= 0
    assert max((top + height).max(), (left + width).max()) <= 1 + 1e-12
    assert is_uniform(top / (1 - height), 0, 1)
    assert is_uniform(left / (1 - width), 0, 1)


@pytest.mark.parametrize("quality", [1, 60, 99])
def test_jpeg_qualities_are_whole_and_reach_from_the_worst_to_100(quality):
    levels, counts = np.unique(values(Augmentation(jpeg_quality=quality), "jpeg"), return_counts=True)
    assert levels.tolist() == list(range(quality, 101))
    assert counts.max() < 3 * N / len(levels)


def test_a_policy_draws_nothing_that_it_does_not_ask_for():
    identity = {
        "theta": 0,
        "tx": 0,
        "ty": 0,
        "shear": 0,
        "zx": 1,
        "zy": 1,
        "flip_horizontal": False,
        "flip_vertical": False,
        "channel_shift_intensity": None,
        "brightness": None,
    }
    assert Augmentation().sample(noise(4, 4), 2)[1] == [identity, identity]


@pytest.mark.parametrize("policy", [EVERYTHING, *(preset.policy for preset in PRESETS.values())])
def test_what_was_drawn_is_ready_for_json(policy):
    ones = policy.sample(noise(8, 8), 6)[1]
    assert json.loads(json.dumps(ones)) == ones


@pytest.mark.parametrize("policy", [EVERYTHING, PRESETS["chollet"].policy, PRESETS["aug-mix"].policy])
def test_more_versions_begin_with_the_same_ones(policy):
    image = noise(12, 12)
    many, drawn_many = policy.sample(image, 9, seed=3)
    few, drawn_few = policy.sample(image, 4, seed=3)
    assert (many[:4] == few).all()
    assert drawn_many[:4] == drawn_few


WIDER = {
    "rotation_range": 90,
    "width_shift_range": 0.5,
    "height_shift_range": 0.5,
    "brightness_range": (0.1, 2),
    "shear_range": 40,
    "zoom_range": 0.7,
    "channel_shift_range": 100,
    "fill_mode": "wrap",
    "cval": 90,
    "horizontal_flip": False,
    "vertical_flip": False,
    "crop_range": 0.8,
    "contrast_range": 0.9,
    "saturation_range": 0.9,
    "hue_range": 150,
    "grey_probability": 1,
    "blur_range": 5,
    "noise_range": 50,
    "jpeg_quality": 2,
    "erasing_probability": 1,
    "erasing_area": 0.7,
    "cutout": 0.8,
    "rand_augment": 5,
    "rand_augment_magnitude": 30,
    "aug_mix": 5,
    "aug_mix_severity": 10,
    "mixup": 2,
    "cutmix": 2,
}
DRAWN_BY = {
    "theta": "rotation_range",
    "tx": "width_shift_range",
    "ty": "height_shift_range",
    "shear": "shear_range",
    "zx": "zoom_range",
    "zy": "zoom_range",
    "crop": "crop_range",
    "flip_horizontal": "horizontal_flip",
    "flip_vertical": "vertical_flip",
    "channel_shift_intensity": "channel_shift_range",
    "brightness": "brightness_range",
    "contrast": "contrast_range",
    "saturation": "saturation_range",
    "hue": "hue_range",
    "grey": "grey_probability",
    "blur": "blur_range",
    "noise": "noise_range",
    "noise_seed": "noise_range",
    "jpeg": "jpeg_quality",
    "erasing": "erasing_probability",
    "erasing_seed": "erasing_probability",
    "cutout": "cutout",
    "rand_augment": "rand_augment",
    "aug_mix": "aug_mix",
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_another_range_leaves_alone_what_others_draw(name):
    """Wider, and none at all."""
    before = drawn(EVERYTHING, 30)
    for value in (WIDER[name], getattr(Augmentation(), name)):
        after = drawn(EVERYTHING.but(**{name: value}), 30)
        changed = {
            DRAWN_BY[key]
            for one, other in zip(before, after, strict=True)
            for key in one
            if key not in other or other[key] != one[key]
        }
        assert changed <= {SUPPLEMENTS.get(name, name)}


def test_every_picture_and_every_seed_draws_its_own():
    policy = Augmentation(rotation_range=180, width_shift_range=0.5)
    of_seeds = [[one["theta"] for one in drawn(policy, 50, seed=seed)] for seed in range(20)]
    assert len({theta for thetas in of_seeds for theta in thetas}) == 20 * 50
    assert is_uniform(np.ravel(of_seeds), -180, 180)
    # Neighbours among pictures, and among seeds, have nothing to do with each other.
    table = np.array(of_seeds)
    assert abs(np.corrcoef(table[:, 1:].ravel(), table[:, :-1].ravel())[0, 1]) < 0.12
    assert abs(np.corrcoef(table[1:].ravel(), table[:-1].ravel())[0, 1]) < 0.12


def test_a_seed_reproduces_exactly_and_another_one_does_not():
    image = noise(16, 16)
    first, drawn_first = EVERYTHING.sample(image, 4, seed=5)
    again, drawn_again = EVERYTHING.sample(image, 4, seed=5)
    other, drawn_other = EVERYTHING.sample(image, 4, seed=6)
    assert (first == again).all()
    assert drawn_first == drawn_again
    assert all(one["theta"] != two["theta"] for one, two in zip(drawn_first, drawn_other, strict=True))
    assert (first != other).any((1, 2, 3)).all()


def test_it_depends_on_nothing_but_the_seed():
    np.random.seed(1)  # noqa: NPY002
    first = EVERYTHING.sample(noise(8, 8), 2, seed=1)[1]
    np.random.seed(2)  # noqa: NPY002
    assert EVERYTHING.sample(noise(8, 8, seed=9), 2, seed=1)[1] == first


def test_the_first_number_is_that_of_philox():
    """What a saved seed means stays the same: the generator is keyed with the seed and the picture's number."""
    for seed, index in ((0, 0), (7, 3), (2**63 - 1, 2)):
        numbers = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64))).random(2)
        one = draw(Augmentation(rotation_range=40, width_shift_range=0.2), (10, 10, 3), seed, index)
        assert one["theta"] == pytest.approx(80 * numbers[0] - 40)
        assert one["tx"] == pytest.approx(4 * numbers[1] - 2)


PROGRAM = """
import hashlib, json, sys
import numpy as np
from explorer.augmentation import Augmentation
policy = Augmentation.from_json(sys.argv[1])
made, drawn = policy.sample(np.arange(12 * 12 * 3, dtype=np.uint16).astype(np.uint8).reshape(12, 12, 3), 6, seed=11)
print(hashlib.sha256(made.tobytes() + json.dumps(drawn).encode()).hexdigest(), "tensorflow" in sys.modules)
"""


def test_two_processes_agree_and_neither_waits_for_tensorflow():
    made, here = EVERYTHING.sample(np.arange(12 * 12 * 3, dtype=np.uint16).astype(np.uint8).reshape(12, 12, 3), 6, 11)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, EVERYTHING.to_json()], capture_output=True, text=True, check=True, timeout=60
    )
    expected = hashlib.sha256(made.tobytes() + json.dumps(here).encode()).hexdigest()
    assert run.stdout.split() == [expected, "False"]
