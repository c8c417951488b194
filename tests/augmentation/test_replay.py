"""The same pixels again, from what was drawn; and what is not to be replayed."""

import json

import numpy as np
import pytest

from explorer.augmentation import FILL_MODES, PRESETS, Augmentation, AugmentationError, policy
from tests.augmentation.oracles import EVERYTHING, noise, photo

POLICIES = {
    **{name: preset.policy for name, preset in PRESETS.items()},
    "everything": EVERYTHING,
    **{f"everything, {fill_mode}": EVERYTHING.but(fill_mode=fill_mode) for fill_mode in FILL_MODES},
}


@pytest.mark.parametrize("asked", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("shape", [(24, 37, 3), (28, 28, 1)])
def test_replay_gives_the_very_pixels(asked, shape):
    image = photo(*shape[:2])[..., : shape[2]]
    made, drawn = asked.sample(image, 4, seed=8)
    assert made.shape == (4, *shape)
    assert made.dtype == np.uint8
    assert (asked.replay(image, drawn) == made).all()
    through_a_file = json.loads(json.dumps(drawn))
    assert (asked.replay(image, through_a_file) == made).all()
    assert (asked.replay(image, tuple(through_a_file)) == made).all()
    one = asked.replay(image, through_a_file[3])
    assert one.shape == shape
    assert (one == made[3]).all()


def test_only_the_filling_of_gaps_is_taken_from_the_policy():
    image = photo(32, 32)
    made, drawn = EVERYTHING.sample(image, 4)
    assert (Augmentation(fill_mode="reflect").replay(image, drawn) == made).all()
    assert (Augmentation(fill_mode="constant", cval=3).replay(image, drawn) != made).any()


def test_what_is_missing_changes_nothing():
    image = noise(9, 7)
    assert (EVERYTHING.replay(image, {}) == image).all()
    assert (EVERYTHING.replay(image, [{}, {"flip_horizontal": True}]) == [image, image[:, ::-1]]).all()
    nothing = {
        "brightness": None,
        "erasing": None,
        "cutout": None,
        "blur": None,
        "jpeg": None,
        "grey": False,
        "rand_augment": [],
    }
    assert (EVERYTHING.replay(image, nothing) == image).all()


def test_another_picture_is_changed_in_the_same_way():
    asked = Augmentation(rotation_range=90, zoom_range=0.5, horizontal_flip=True, fill_mode="constant")
    drawn = asked.sample(photo(), 3)[1]
    lighter = asked.replay(np.full((64, 64, 3), 200, np.uint8), drawn)
    assert ((lighter == 0) == (asked.replay(np.full((64, 64, 3), 90, np.uint8), drawn) == 0)).all()


def test_numbers_of_numpy_are_taken():
    image = noise(12, 12)
    plain = {"theta": 12.0, "tx": 1.0, "flip_horizontal": True, "noise": 3.0, "noise_seed": 5}
    typed = {
        "theta": np.float64(12),
        "tx": np.float32(1),
        "flip_horizontal": np.bool_(True),
        "noise": np.int64(3),
        "noise_seed": np.uint64(5),
    }
    assert (Augmentation().replay(image, typed) == Augmentation().replay(image, plain)).all()


HUGE = 10**400
CHAIN = {"blend": 0.5, "weights": [0.5, 0.5], "chains": [[["rotate", 3]], []]}


def _is_replayable(chain):
    return Augmentation().replay(noise(4, 4), {"aug_mix": chain}).shape == (4, 4, 3)


def test_a_chain_from_outside():
    assert _is_replayable(CHAIN)
    assert _is_replayable({**CHAIN, "weights": (0, 1)})


HOSTILE = [
    *[(name, value) for name in ("theta", "tx", "shear") for value in (None, "3", True, [], float("nan"), HUGE, 1j)],
    *[("zx", value) for value in (0, -1, float("inf"), float("nan"), None, "1")],
    *[("zy", value) for value in (0, -0.5, 10**6)],
    *[("flip_horizontal", value) for value in (2, -1, "yes", None, 0.5, [True])],
    *[("grey", value) for value in (2, None, "no")],
    *[("brightness", value) for value in ("1", True, float("inf"), -float("inf"), [1])],
    *[("channel_shift_intensity", value) for value in ("1", HUGE, {})],
    *[("blur", value) for value in (-1, 1e5, 10_000, "1", float("nan"))],
    *[("noise", value) for value in (float("nan"), HUGE, "1")],
    *[("noise_seed", value) for value in (-1, 1.5, 2**64, None, "1", True)],
    *[("erasing_seed", value) for value in (-1, 1.5, 2**64, None)],
    *[("jpeg", value) for value in ("90", float("nan"), HUGE, [90])],
    *[("crop", value) for value in (None, [], [0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0], [-1, 0, 1, 1], "abcd")],
    ("crop", [0, 0, HUGE, 1]),
    *[
        (box, value)
        for box in ("erasing", "cutout")
        for value in ([], [0, 0, 1], [-1, 0, 1, 1], "abcd", {0: 1}, [0, 0, 1, None], [0, 0, 1, float("nan")], 5)
    ],
    *[
        ("rand_augment", value)
        for value in (
            None,
            "rotate",
            {"rotate": 1},
            [["rotate"]],
            [["rotate", 1, 2]],
            [["rotate", 31]],
            [["rotate", -31]],
            [["rotate", float("nan")]],
            [["rotate", HUGE]],
            [["rotate", "1"]],
            [["rotate", None]],
            [["rotate", True]],
            [["posterize", 0]],
            [["posterize", 9]],
            [["solarize", -1]],
            [["solarize", 257]],
            [["brightness", 1.5]],
            [["identity", 1]],
            [["__class__", 1]],
            [[["rotate"], 1]],
            [None],
            [["rotate", 1]] * 11,
        )
    ],
    *[
        ("aug_mix", value)
        for value in (
            None,
            [],
            {},
            {"blend": 0.5, "weights": [1]},
            {**CHAIN, "more": 1},
            {**CHAIN, "blend": 1.5},
            {**CHAIN, "blend": float("nan")},
            {**CHAIN, "blend": "1"},
            {**CHAIN, "blend": [0.5]},
            {**CHAIN, "weights": [1]},
            {**CHAIN, "weights": [1, -0.1]},
            {**CHAIN, "weights": [1, HUGE]},
            {**CHAIN, "weights": None},
            {**CHAIN, "chains": [[["rotate", 31]], []]},
            {**CHAIN, "chains": [3, []]},
            {"blend": 0.5, "weights": [0.1] * 11, "chains": [[]] * 11},
        )
    ],
]


@pytest.mark.parametrize("name", dict(HOSTILE))
def test_a_value_of_another_kind_gives_a_sentence(name):
    for value in (value for other, value in HOSTILE if other == name):
        with pytest.raises(AugmentationError) as caught:
            Augmentation().replay(noise(6, 6), {name: value})
        assert str(caught.value) == f"What was drawn for {name} cannot be {str(value)[:60]!r}."


@pytest.mark.parametrize(
    "drawn",
    [
        {"theta": 1e5, "zx": 100, "zy": 1e-5, "tx": -1e5},
        {"shear": 1e5},
        {"erasing": [3, 3, 1e5, 1e5], "cutout": [1e5, 1e5, 1e5, 1e5]},
        {"jpeg": -1e5},
        {"jpeg": 1e5},
        {"noise": 1e5, "noise_seed": 2**64 - 1},
        {"brightness": -1e5, "contrast": 1e5, "channel_shift_intensity": -1e5},
        {"saturation": 1e5, "hue": -1e5},
        {"noise": 10},
        {"erasing": [0, 0, 2, 2]},
    ],
    ids=str,
)
def test_values_that_are_large_or_alone_still_give_a_picture(drawn):
    for image in (noise(6, 9), noise(6, 9, 1)):
        for fill_mode in FILL_MODES:
            made = Augmentation(fill_mode=fill_mode).replay(image, drawn)
            assert made.shape == image.shape
            assert made.dtype == np.uint8


@pytest.mark.parametrize("name", ["rotation", "__class__", 1, None, "noise_range"])
def test_a_name_that_is_unknown_gives_a_sentence(name):
    with pytest.raises(AugmentationError) as caught:
        Augmentation().replay(noise(6, 6), {"theta": 1, name: 2})
    assert str(caught.value).startswith(f"Nothing drawn is called {str(name)!r}; there are theta, tx, ty, shear, ")


@pytest.mark.parametrize("drawn", [None, 5, 1.5, True, "", "theta", b"theta", [5], [None], ["theta"], [{}, 5], [[{}]]])
def test_what_is_no_dictionary_gives_a_sentence(drawn):
    with pytest.raises(AugmentationError, match="The drawn parameters are a dictionary"):
        Augmentation().replay(noise(6, 6), drawn)


def test_a_list_has_to_hold_something_and_not_too_much(monkeypatch):
    image = noise(10, 10, 1)
    monkeypatch.setattr(policy, "MAX_AUGMENTED_BYTES", 350)
    assert Augmentation().replay(image, [{}] * 3).shape == (3, 10, 10, 1)
    for drawn in ([], [{}] * 4):
        with pytest.raises(
            AugmentationError, match="The drawn parameters are a dictionary, or a list of 1 to 3 of them"
        ):
            Augmentation().replay(image, drawn)
