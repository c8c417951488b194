"""What was drawn, in words: the directions are those in which the picture really moved."""

import numpy as np
import pytest

from explorer.augmentation import PRESETS, Augmentation, describe
from tests.augmentation.oracles import EVERYTHING, noise


def said(drawn, **policy):
    return describe(Augmentation(**policy), drawn)


def where(image):
    """Row and column of the one bright spot."""
    rows, columns = np.nonzero(image[..., 0] > 60)
    return rows.mean(), columns.mean()


SPOT = np.zeros((41, 41, 1), np.uint8)
SPOT[19:22, 29:32] = 255  # to the right of the middle


@pytest.mark.parametrize(("theta", "text"), [(20.04, "↺ 20.0°"), (-20.0, "↻ 20.0°")])
def test_turned_counter_clockwise_what_was_on_the_right_goes_up(theta, text):
    drawn = {"theta": theta}
    assert said(drawn, rotation_range=40) == [text]
    row, _ = where(Augmentation(fill_mode="constant").replay(SPOT, drawn))
    assert (row < 19) == text.startswith("↺")
    assert (row > 21) == text.startswith("↻")


@pytest.mark.parametrize(
    ("drawn", "policy", "text", "moved"),
    [
        ({"tx": 5.0}, {"width_shift_range": 0.3}, "← 5 px", (0, -5)),
        ({"tx": -4.8}, {"width_shift_range": 0.3}, "→ 5 px", (0, 5)),
        ({"ty": 6.0}, {"height_shift_range": 0.3}, "↑ 6 px", (-6, 0)),
        ({"ty": -6.0}, {"height_shift_range": 0.3}, "↓ 6 px", (6, 0)),
    ],
)
def test_arrows_point_where_the_picture_went(drawn, policy, text, moved):
    assert said(drawn, **policy) == [text]
    row, column = where(Augmentation(fill_mode="constant").replay(SPOT, drawn))
    assert (row - 20, column - 30) == pytest.approx(moved, abs=0.6)


def test_zoom_says_by_how_much_the_picture_was_enlarged():
    drawn = {"zx": 0.5, "zy": 1.25}
    assert said(drawn, zoom_range=0.5) == ["×2.00 wide", "×0.80 high"]
    square = np.zeros((40, 40, 1), np.uint8)
    square[10:30, 15:25] = 255
    bright = Augmentation(fill_mode="constant").replay(square, drawn)[..., 0] > 127
    assert bright.any(0).sum() == pytest.approx(20, abs=1)
    assert bright.any(1).sum() == pytest.approx(16, abs=1)


@pytest.mark.parametrize(
    ("drawn", "policy", "texts"),
    [
        ({"shear": -7.26}, {"shear_range": 10}, ["shear −7.26°"]),
        ({"crop": [0, 0, 0.75, 0.75]}, {"crop_range": 0.5}, ["crop 75%"]),
        ({"flip_horizontal": True}, {"horizontal_flip": True}, ["mirrored"]),
        ({"flip_horizontal": False}, {"horizontal_flip": True}, []),
        ({"flip_vertical": True}, {"vertical_flip": True}, ["upside down"]),
        ({"flip_vertical": False}, {"vertical_flip": True}, []),
        ({"brightness": 1.3}, {"brightness_range": (0.5, 1.5)}, ["bright ×1.30"]),
        ({"channel_shift_intensity": -12.4}, {"channel_shift_range": 20}, ["levels −12"]),
        ({"channel_shift_intensity": 12.4}, {"channel_shift_range": 20}, ["levels +12"]),
        ({"contrast": 0.8}, {"contrast_range": 0.5}, ["contrast ×0.80"]),
        ({"saturation": 1.2}, {"saturation_range": 0.5}, ["saturation ×1.20"]),
        ({"hue": -9.6}, {"hue_range": 20}, ["hue −10°"]),
        ({"grey": True}, {"grey_probability": 0.5}, ["grey"]),
        ({"grey": False}, {"grey_probability": 0.5}, []),
        ({"blur": 1.25}, {"blur_range": 3}, ["blur 1.2 px"]),
        ({"noise": 7.7}, {"noise_range": 20}, ["noise 8"]),
        ({"jpeg": 35}, {"jpeg_quality": 20}, ["JPEG 35"]),
        ({"erasing": [0, 0, 3, 3]}, {"erasing_probability": 0.5}, ["erased"]),
        ({"erasing": None}, {"erasing_probability": 0.5}, []),
        ({"cutout": [0, 0, 3, 3]}, {"cutout": 0.5}, ["cut out"]),
    ],
)
def test_the_words_of_each_parameter(drawn, policy, texts):
    assert said(drawn, **policy) == texts


def test_steps_are_named_with_their_strengths():
    steps = [["rotate", -12.34], ["posterize", 5.0], ["equalize", 0.0], ["colour", 0.27]]
    text = " ".join(said({"rand_augment": steps}, rand_augment=4))
    places = [text.index(part) for part in ("rotate", "−12", "posterize", "5 bits", "equalize", "colour", "27 %")]
    assert places == sorted(places)
    assert "equalize 0" not in text


def test_chains_are_named_with_their_shares_of_the_blend():
    mix = {"blend": 0.6, "weights": [0.75, 0.25], "chains": [[["rotate", 9.0], ["equalize", 0.0]], [["solarize", 200]]]}
    text = " ".join(said({"aug_mix": mix}, aug_mix=2))
    places = [text.index(part) for part in ("40%", "45%", "rotate", "equalize", "15%", "solarize")]
    assert places == sorted(places)


def test_nothing_is_said_of_what_the_policy_does_not_do():
    drawn = EVERYTHING.sample(noise(8, 8), 3)[1]
    for one in drawn:
        assert said(one) == []
        assert len(said(one, rotation_range=5)) == 1


@pytest.mark.parametrize("policy", [EVERYTHING, *(preset.policy for preset in PRESETS.values())])
def test_all_that_can_be_drawn_has_words(policy):
    for one in policy.sample(noise(8, 8), 20)[1]:
        texts = describe(policy, one)
        assert all(isinstance(text, str) and text.strip() for text in texts)
        assert bool(texts) == bool(policy.active) or policy.active == ("horizontal_flip",)


def test_a_grey_picture_is_not_said_to_change_its_colours():
    policy = Augmentation(hue_range=20, saturation_range=0.5, grey_probability=1, contrast_range=0.5)
    drawn = {"hue": 9, "saturation": 1.2, "grey": True, "contrast": 0.8}
    assert describe(policy, drawn, 1) == ["contrast ×0.80"]
    assert len(describe(policy, drawn, 3)) == 4


def test_no_movement_has_no_direction():
    policy = Augmentation(rotation_range=9, width_shift_range=0.1, height_shift_range=0.1)
    assert describe(policy, {"theta": -0.01, "tx": 0.2, "ty": -0.2}) == ["0.0°", "↔ 0 px", "↕ 0 px"]
