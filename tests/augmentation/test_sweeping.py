"""One change from end to end."""

import numpy as np
import pytest

from explorer.augmentation import SWEEPS, TRANSFORMS, Augmentation, AugmentationError, sweep, swept
from explorer.augmentation.drawing import IDENTITY
from explorer.augmentation.operations import OPERATIONS
from tests.augmentation.oracles import photo

SHAPE = (20, 30, 3)
ENDS = {
    "rotation_range": (Augmentation(rotation_range=40), "theta", -40, 40),
    "shear_range": (Augmentation(shear_range=12), "shear", -12, 12),
    "width_shift_range": (Augmentation(width_shift_range=0.2), "tx", 6, -6),
    "height_shift_range": (Augmentation(height_shift_range=5.0), "ty", 5, -5),
    "zoom_range": (Augmentation(zoom_range=(0.5, 2)), "zx", 0.5, 2),
    "brightness_range": (Augmentation(brightness_range=(0.6, 1.4)), "brightness", 0.6, 1.4),
    "channel_shift_range": (Augmentation(channel_shift_range=50), "channel_shift_intensity", -50, 50),
    "contrast_range": (Augmentation(contrast_range=0.4), "contrast", 0.6, 1.4),
    "saturation_range": (Augmentation(saturation_range=1), "saturation", 0, 2),
    "hue_range": (Augmentation(hue_range=90), "hue", -90, 90),
    "blur_range": (Augmentation(blur_range=3), "blur", 0, 3),
    "noise_range": (Augmentation(noise_range=30), "noise", 0, 30),
    "jpeg_quality": (Augmentation(jpeg_quality=10), "jpeg", 100, 10),
}


@pytest.mark.parametrize("name", list(ENDS))
def test_it_goes_from_one_end_of_the_range_to_the_other_and_moves_nothing_else(name):
    policy, key, first, last = ENDS[name]
    drawn = sweep(policy, name, SHAPE)
    values = [one[key] for one in drawn]
    assert len(drawn) == 9
    assert (values[0], values[-1]) == pytest.approx((first, last))
    assert (np.diff(values) * (last - first) > 0).all()
    others = {"zy"} if name == "zoom_range" else {"noise_seed"}
    for one in drawn:
        assert {other: one[other] for other in IDENTITY if other not in (key, *others)} == {
            other: value for other, value in IDENTITY.items() if other not in (key, *others)
        }


@pytest.mark.parametrize("name", list(SWEEPS))
def test_what_the_policy_does_not_use_is_walked_through_as_far_as_a_slider_goes(name):
    drawn = sweep(Augmentation(), name, SHAPE)
    policy = swept(Augmentation(), name)
    assert name in policy.active
    assert len(policy.replay(photo(*SHAPE[:2]), drawn)) == len(drawn) >= 2
    if name in ENDS:
        option = TRANSFORMS[name].option
        key = ENDS[name][1]
        assert drawn[-1][key] == pytest.approx(
            {
                "zoom_range": 1.9,
                "contrast_range": 2,
                "saturation_range": 2,
                "jpeg_quality": 1,
                "width_shift_range": -0.9 * 30,
                "height_shift_range": -0.9 * 20,
            }.get(name, option.high)
        )


@pytest.mark.parametrize(
    ("name", "key"),
    [("horizontal_flip", "flip_horizontal"), ("vertical_flip", "flip_vertical"), ("grey_probability", "grey")],
)
def test_what_is_done_or_not_has_two_ends(name, key):
    assert [one[key] for one in sweep(Augmentation(), name, SHAPE)] == [False, True]


def test_a_crop_closes_in_on_the_middle():
    boxes = [one["crop"] for one in sweep(Augmentation(crop_range=0.5), "crop_range", SHAPE, 3)]
    assert boxes == [[0, 0, 1, 1], [0.125, 0.125, 0.75, 0.75], [0.25, 0.25, 0.5, 0.5]]


def test_the_erased_part_grows_to_its_share_of_the_area():
    boxes = [
        one["erasing"]
        for one in sweep(Augmentation(erasing_probability=1, erasing_area=0.5), "erasing_probability", (100, 200))
    ]
    areas = [height * width / 20_000 for _, _, height, width in boxes]
    assert areas[0] == pytest.approx(0.02, abs=0.002)
    assert areas[-1] == pytest.approx(0.5, abs=0.01)


def test_the_cut_out_square_walks_from_corner_to_corner():
    boxes = [one["cutout"] for one in sweep(Augmentation(cutout=0.5), "cutout", SHAPE)]
    assert boxes[0] == [0, 0, 10, 10]
    assert boxes[-1] == [10, 20, 10, 10]


def test_rand_augment_shows_each_of_its_operations_at_its_strength():
    drawn = sweep(Augmentation(rand_augment=1, rand_augment_magnitude=15), "rand_augment", SHAPE)
    steps = dict(one["rand_augment"][0] for one in drawn)
    assert list(steps) == list(OPERATIONS)
    assert steps["rotate"] == 15
    assert steps["solarize"] == 128


def test_what_has_no_range_gets_a_sentence():
    with pytest.raises(AugmentationError, match="no range of 'fill_mode'"):
        sweep(Augmentation(), "fill_mode", SHAPE)
