"""The policy as data: what is allowed, JSON both ways, what is active, the presets."""

import dataclasses
import json
import math

import numpy as np
import pytest

from explorer.augmentation import FAMILIES, PRESETS, TRANSFORMS, Augmentation, AugmentationError
from explorer.augmentation.policy import LEAST_AND_MOST
from explorer.augmentation.registry import SUPPLEMENTS
from explorer.errors import ExplorerError
from explorer.options import Choice, Flag, Interval, Number
from tests.augmentation.oracles import EVERYTHING, noise

MORE_THAN_WIDGETS = {*LEAST_AND_MOST, "zoom_range"}
ZOOM = "it is a number from 0 to below 1, or two factors above 0 and up to 10, the smaller one first."
FIELDS = [field.name for field in dataclasses.fields(Augmentation)]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("rotation_range", -1, "rotation_range is -1; it is a number of degrees from 0 to 360."),
        ("rotation_range", 361, "rotation_range is 361; it is a number of degrees from 0 to 360."),
        ("rotation_range", "40", "rotation_range is '40'; it is a number of degrees from 0 to 360."),
        ("rotation_range", None, "rotation_range is None; it is a number of degrees from 0 to 360."),
        ("rotation_range", True, "rotation_range is True; it is a number of degrees from 0 to 360."),
        ("shear_range", 80.5, "shear_range is 80.5; it is a number of degrees from 0 to 80."),
        ("shear_range", math.nan, "shear_range is nan; it is a number of degrees from 0 to 80."),
        (
            "width_shift_range",
            -0.1,
            "width_shift_range is -0.1; it is a share below 1 or a number of pixels from 0 to 10,000.",
        ),
        (
            "height_shift_range",
            math.inf,
            "height_shift_range is inf; it is a share below 1 or a number of pixels from 0 to 10,000.",
        ),
        ("channel_shift_range", 256, "channel_shift_range is 256; it is a number of levels from 0 to 255."),
        (
            "zoom_range",
            1,
            f"zoom_range is 1; {ZOOM}",
        ),
        (
            "zoom_range",
            (1.2, 0.8),
            f"zoom_range is (1.2, 0.8); {ZOOM}",
        ),
        (
            "brightness_range",
            (0.5, 11),
            "brightness_range is (0.5, 11); it is two numbers from 0 to 10, the smaller one first.",
        ),
        ("brightness_range", 0.5, "brightness_range is 0.5; it is two numbers from 0 to 10, the smaller one first."),
        ("fill_mode", "mirror", "fill_mode is 'mirror'; it can be nearest, reflect, wrap, constant."),
        ("horizontal_flip", 1, "horizontal_flip is 1; it can be True or False."),
        ("vertical_flip", "yes", "vertical_flip is 'yes'; it can be True or False."),
        ("rescale", 0, "rescale is 0; it is a number other than 0, such as 1/255, or None."),
        ("rescale", math.inf, "rescale is inf; it is a number other than 0, such as 1/255, or None."),
    ],
)
def test_a_value_that_is_not_allowed_gives_a_sentence(name, value, sentence):
    with pytest.raises(AugmentationError) as caught:
        Augmentation(**{name: value})
    assert str(caught.value) == sentence
    with pytest.raises(AugmentationError):
        Augmentation().but(**{name: value})


@pytest.mark.parametrize(
    "name",
    [name for name in TRANSFORMS if isinstance(TRANSFORMS[name].option, Number) and name not in MORE_THAN_WIDGETS],
)
def test_a_number_outside_the_range_of_its_widget_gives_a_sentence(name):
    option = TRANSFORMS[name].option
    kind = "a whole number" if isinstance(option.step, int) else "a number"
    others = [option.low + 0.5] if isinstance(option.step, int) else []
    for value in (option.low - 1, option.high + 1, -math.inf, math.nan, None, "1", True, *others):
        with pytest.raises(AugmentationError) as caught:
            Augmentation(**{name: value})
        assert str(caught.value) == f"{name} is {value!r}; it is {kind} from {option.low:g} to {option.high:g}."


HUGE = 10**400
"""Larger than any float."""


@pytest.mark.parametrize(
    "value",
    [object(), [], {}, [None, None], b"1", complex(1, 1), np.zeros(3), HUGE, -HUGE, [1, HUGE]],
    ids=["object", "list", "dict", "nothings", "bytes", "complex", "array", "huge", "minus huge", "to huge"],
)
def test_no_value_of_another_kind_is_taken(value):
    for name in FIELDS:
        with pytest.raises(AugmentationError, match=name):
            Augmentation(**{name: value})


def test_every_parameter_but_rescale_is_an_entry_of_the_registry():
    assert {*TRANSFORMS, "rescale"} == set(FIELDS)
    assert {entry.family for entry in TRANSFORMS.values()} == set(FAMILIES)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_all_that_a_widget_offers_is_allowed(name):
    option, default = TRANSFORMS[name].option, getattr(Augmentation(), name)
    if isinstance(option, Choice):
        offered = list(option.choices)
    elif isinstance(option, Flag):
        offered = [False, True]
    elif isinstance(option, Interval):
        offered = [(option.low, option.high), option.default]
    else:
        offered = [option.low, option.high, option.default]
    for value in offered:
        assert getattr(Augmentation(**{name: value}), name) == value
    if not isinstance(option, Interval):
        assert option.default == default


def test_a_script_may_ask_for_more_than_a_widget_offers():
    policy = Augmentation(
        rotation_range=360, shear_range=80, width_shift_range=10_000, channel_shift_range=255, brightness_range=(0, 10)
    )
    assert (policy.rotation_range, policy.brightness_range) == (360, (0, 10))
    assert Augmentation(zoom_range=(0.01, 10)).zoom == (0.01, 10)


def test_zoom_is_one_number_or_two():
    assert Augmentation().zoom == (1, 1)
    assert Augmentation(zoom_range=0.25).zoom == (0.75, 1.25)
    assert Augmentation(zoom_range=[0.5, 1]).zoom == (0.5, 1)


def test_it_is_frozen_and_hashable():
    policy = Augmentation(zoom_range=[0.5, 1], brightness_range=[0.5, 1.5])
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.rotation_range = 5
    same = Augmentation(zoom_range=(0.5, 1), brightness_range=(0.5, 1.5))
    assert policy == same
    assert {policy: 1}[same] == 1
    assert policy != same.but(cval=1)


def test_numbers_of_numpy_become_plain():
    policy = Augmentation(
        rotation_range=np.float32(0.5),
        jpeg_quality=np.int64(50),
        horizontal_flip=np.bool_(True),
        zoom_range=np.array([0.5, 1.5]).tolist(),
        brightness_range=(np.float64(0.5), np.float64(1)),
        rescale=np.float64(0.25),
    )
    kinds = {type(value) for value in dataclasses.astuple(policy) if not isinstance(value, tuple)}
    assert kinds <= {int, float, bool, str, type(None)}
    assert {type(end) for end in (*policy.brightness_range, *policy.zoom_range)} == {float}
    assert Augmentation.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    "policy", [*(preset.policy for preset in PRESETS.values()), EVERYTHING, Augmentation(width_shift_range=5)]
)
def test_json_both_ways(policy):
    again = Augmentation.from_json(policy.to_json())
    assert again == policy
    assert Augmentation.from_json(policy.to_json().encode()) == policy
    assert again.to_json() == policy.to_json()
    assert set(json.loads(policy.to_json())) == set(FIELDS)


@pytest.mark.parametrize("pixels", [5, 5.0])
def test_json_keeps_whole_pixels_apart_from_others(pixels):
    """They are drawn in different ways."""
    kept = Augmentation.from_json(Augmentation(width_shift_range=pixels).to_json()).width_shift_range
    assert type(kept) is type(pixels)


def test_json_may_name_some_of_the_parameters_only():
    assert Augmentation.from_json("{}") == Augmentation()
    policy = Augmentation.from_json('{"zoom_range": [0.5, 1], "brightness_range": null, "horizontal_flip": true}')
    assert policy == Augmentation(zoom_range=(0.5, 1), horizontal_flip=True)


NOT_JSON = "The policy is not JSON. Save one from the Augmentation page."
NO_OBJECT = "The policy is not a JSON object of parameters and values."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", NOT_JSON),
        ("{", NOT_JSON),
        ("\x00", NOT_JSON),
        (b"\xff\xfe\xff", NOT_JSON),
        ("[" * 19_000, NOT_JSON),
        ('{"rotation_range": 1' + "0" * 5_000 + "}", NOT_JSON),
        ("[]", NO_OBJECT),
        ("3", NO_OBJECT),
        ('"rotation_range"', NO_OBJECT),
        ("null", NO_OBJECT),
        (" " * 20_001, "The policy is longer than 20,000 characters; it needs a thousand."),
        ('{"rotation_range": NaN}', "rotation_range is nan; it is a number of degrees from 0 to 360."),
        ('{"rotation_range": Infinity}', "rotation_range is inf; it is a number of degrees from 0 to 360."),
        ('{"rescale": 1e400}', "rescale is inf; it is a number other than 0, such as 1/255, or None."),
        ('{"horizontal_flip": 1}', "horizontal_flip is 1; it can be True or False."),
        (
            '{"brightness_range": [NaN, NaN]}',
            "brightness_range is [nan, nan]; it is two numbers from 0 to 10, the smaller one first.",
        ),
        ('{"fill_mode": {"__class__": "x"}}', "fill_mode is {'__class__': 'x'}; it can be nearest, reflect, wrap, "),
        ('{"__class__": 1}', "There is no parameter '__class__'; there are rotation_range, width_shift_range, "),
        ('{"' + "x" * 500 + '": 1}', f"There is no parameter {'x' * 60!r}; there are rotation_range, "),
    ],
)
def test_hostile_json_gives_a_sentence(text, sentence):
    with pytest.raises(AugmentationError) as caught:
        Augmentation.from_json(text)
    assert str(caught.value).startswith(sentence)
    assert isinstance(caught.value, ExplorerError)


def test_no_number_in_json_is_too_large_for_a_sentence():
    for name in FIELDS:
        with pytest.raises(AugmentationError, match=name):
            Augmentation.from_json(f'{{"{name}": 1{"0" * 400}}}')


@pytest.mark.parametrize(
    ("policy", "active"),
    [
        (Augmentation(), ()),
        (Augmentation(rescale=1 / 255), ()),
        (Augmentation(fill_mode="constant", cval=9, erasing_area=0.5, aug_mix_severity=9), ()),
        (Augmentation(rotation_range=5), ("rotation_range", "fill_mode")),
        (Augmentation(rotation_range=5, fill_mode="constant", cval=9), ("rotation_range", "fill_mode", "cval")),
        (
            Augmentation(horizontal_flip=True, crop_range=0.2, fill_mode="wrap"),
            ("crop_range", "horizontal_flip"),
        ),
        (Augmentation(zoom_range=(1, 1), brightness_range=(1, 1)), ()),
        (Augmentation(zoom_range=(1, 2), brightness_range=(1, 2)), ("zoom_range", "fill_mode", "brightness_range")),
        (Augmentation(zoom_range=0.1), ("zoom_range", "fill_mode")),
        (Augmentation(jpeg_quality=99), ("jpeg_quality",)),
        (Augmentation(erasing_probability=0.5), ("erasing_probability", "erasing_area")),
        (Augmentation(rand_augment=1), ("fill_mode", "rand_augment", "rand_augment_magnitude")),
        (Augmentation(aug_mix=1, mixup=0.2), ("fill_mode", "aug_mix", "aug_mix_severity", "mixup")),
        (EVERYTHING.but(fill_mode="constant"), tuple(TRANSFORMS)),
    ],
)
def test_active_names_what_changes_something(policy, active):
    assert policy.active == active


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name not in (*SUPPLEMENTS, "mixup", "cutmix")])
def test_what_is_active_changes_pictures_and_nothing_else_does(name):
    image = noise(12, 12)
    alone = Augmentation(**{name: getattr(EVERYTHING, name)})
    changed = (alone.sample(image, 8)[0] != image).any()
    assert changed == (name in alone.active) == (name != "fill_mode")


def test_but_changes_what_it_is_told_and_nothing_else():
    policy = EVERYTHING.but(rotation_range=7)
    assert policy.rotation_range == 7
    assert EVERYTHING.rotation_range == 30
    assert policy.but(rotation_range=30) == EVERYTHING
    with pytest.raises(AugmentationError, match="There is no parameter 'rotation'; there are rotation_range, "):
        policy.but(rotation=5)


def test_the_presets():
    chollet = Augmentation(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    assert PRESETS["chollet"].policy == chollet
    assert PRESETS["course"].policy == chollet.but(rescale=1 / 255)
    assert PRESETS["flip"].policy == Augmentation(horizontal_flip=True)
    assert PRESETS["none"].policy == Augmentation()
    assert PRESETS["rand-augment"].policy.active == ("fill_mode", "rand_augment", "rand_augment_magnitude")
    assert PRESETS["aug-mix"].policy.active == ("fill_mode", "aug_mix", "aug_mix_severity")
    assert len(PRESETS["heavy"].policy.active) > 10
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["none"]


@pytest.mark.parametrize("key", PRESETS)
def test_every_preset_has_a_name_and_widgets_that_can_show_it(key):
    preset = PRESETS[key]
    assert preset.title
    assert preset.note
    for name in preset.policy.active:
        value, option = getattr(preset.policy, name), TRANSFORMS[name].option
        assert option.check(name, value) == value


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((4, 4, 4), np.uint8), "A picture has the shape (H, W, 3), (H, W, 1) or (H, W), not (4, 4, 4)."),
        (np.zeros((2, 4, 4, 3), np.uint8), "A picture has the shape (H, W, 3), (H, W, 1) or (H, W), not (2, 4, 4, 3)."),
        (np.zeros((0, 4, 3), np.uint8), "A picture has the shape (H, W, 3), (H, W, 1) or (H, W), not (0, 4, 3)."),
        (np.zeros(4), "A picture has the shape (H, W, 3), (H, W, 1) or (H, W), not (4,)."),
        (
            np.full((4, 4), np.nan),
            "The picture holds values that are not finite numbers; they have to lie in 0–255.",
        ),
        (np.full((4, 4), "a"), "The picture holds values that are not finite numbers; they have to lie in 0–255."),
        (
            np.full((4, 4), 0.5),
            "The values lie between 0 and 0.5; change pictures before they are divided by 255 or normalised.",
        ),
        (
            np.linspace(-2, 2.5, 16).reshape(4, 4),
            "The values lie between -2 and 2.5; change pictures before they are divided by 255 or normalised.",
        ),
        (np.zeros((40_000, 1), np.uint8), "Sides are at most 32,766 pixels here, not 40,000."),
    ],
)
def test_what_is_no_picture_gives_a_sentence(image, sentence):
    for ask in (lambda: Augmentation().sample(image), lambda: Augmentation().replay(image, {})):
        with pytest.raises(AugmentationError) as caught:
            ask()
        assert str(caught.value) == sentence


@pytest.mark.parametrize("n", [0, -1, 2.0, True, None, 10**12])
def test_a_number_of_versions_that_cannot_be_made_gives_a_sentence(n):
    with pytest.raises(AugmentationError, match=r"versions were asked for; of this picture it can be 1 to [\d,]+\."):
        Augmentation().sample(noise(8, 8), n)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, None, "1"])
def test_a_seed_that_is_none_gives_a_sentence(seed):
    for ask in (
        lambda: Augmentation().sample(noise(8, 8), 1, seed),
        lambda: Augmentation(mixup=1).mix(noise(8, 8)[None], np.eye(1), seed),
    ):
        with pytest.raises(AugmentationError, match=r"The seed is .*; it is a whole number from 0\."):
            ask()


def test_pictures_of_other_kinds():
    grey = noise(6, 9, 1)
    policy = Augmentation(rotation_range=30, noise_range=5)
    expected = policy.sample(grey, 3)[0]
    assert expected.shape == (3, 6, 9, 1)
    assert (policy.sample(grey[..., 0], 3)[0] == expected).all()
    for kind in (np.float32, np.float64, np.int32):
        assert (policy.sample(grey.astype(kind), 3)[0] == expected).all()
    assert (Augmentation().sample(np.array([[-3.0, 12.6, 300.0]]), 1)[0].ravel() == [0, 13, 255]).all()


def test_the_picture_itself_is_never_written_to():
    image = noise(16, 16)
    before = image.copy()
    for policy in (EVERYTHING, *(preset.policy for preset in PRESETS.values())):
        made, drawn = policy.sample(image, 6)
        policy.replay(image, drawn)
        made[...] = 0
        assert (image == before).all()


def test_whole_pixels_and_the_same_number_of_any_are_two_policies():
    assert Augmentation(width_shift_range=3) != Augmentation(width_shift_range=3.0)
    assert Augmentation(rotation_range=40) == Augmentation(rotation_range=40.0)
    assert hash(Augmentation(rotation_range=40)) == hash(Augmentation(rotation_range=40.0))
    assert Augmentation() != "policy"
