"""The operations of RandAugment and AugMix: against Keras's layers, arithmetic, and the papers' formulas."""

import cv2
import keras
import numpy as np
import pytest

from explorer.augmentation import Augmentation
from explorer.augmentation.drawing import draw
from explorer.augmentation.operations import AUG_MIX, OPERATIONS, RAND_AUGMENT
from tests.augmentation.oracles import apart, bilinear, noise, photo, whole

NOTHING = Augmentation()
LUMINANCE = np.array([0.299, 0.587, 0.114])


def changed(image, name, strength=0.0, policy=NOTHING):
    return policy.replay(image, {"rand_augment": [[name, strength]]})


def draws(policy, name, n):
    return [draw(policy, (8, 8, 3), 0, index)[name] for index in range(n)]


def by_layer(layer, image):
    return np.asarray(layer(image.astype(np.float32)[None]))[0]


def dull():
    """A photo whose channels reach neither black nor white."""
    return (photo() * [0.5, 0.6, 0.4] + [30, 50, 90]).astype(np.uint8)


def test_there_are_the_fourteen_of_the_paper():
    assert len(OPERATIONS) == len(RAND_AUGMENT) == 14
    assert set(RAND_AUGMENT) - set(AUG_MIX) == {"identity", "colour", "contrast", "brightness", "sharpness"}
    assert set(AUG_MIX) < set(RAND_AUGMENT)


AT_BOTH_ENDS = {
    "identity": (0, 0),
    "autocontrast": (0, 0),
    "equalize": (0, 0),
    "rotate": (0, 30),
    "solarize": (256, 0),
    "posterize": (8, 4),
    "colour": (0, 0.9),
    "contrast": (0, 0.9),
    "brightness": (0, 0.9),
    "sharpness": (0, 0.9),
    "shear x": (0, 0.3),
    "shear y": (0, 0.3),
    "translate x": (0, 0.45),
    "translate y": (0, 0.45),
}


@pytest.mark.parametrize("name", RAND_AUGMENT)
def test_strengths_at_both_ends_of_the_magnitude(name):
    for magnitude, strength in zip((0, 30), AT_BOTH_ENDS[name], strict=True):
        policy = Augmentation(rand_augment=5, rand_augment_magnitude=magnitude)
        steps = [step for one in draws(policy, "rand_augment", 60) for step in one]
        strengths = {found for other, found in steps if other == name}
        assert np.abs(list(strengths)) == pytest.approx(strength)
        if OPERATIONS[name].signed and magnitude:
            assert len(strengths) == 2


@pytest.mark.parametrize("name", [name for name in RAND_AUGMENT if name not in ("autocontrast", "equalize")])
@pytest.mark.parametrize("channels", [1, 3])
def test_magnitude_0_leaves_the_picture_as_it_is(name, channels):
    image = noise(16, 20, channels)
    assert (changed(image, name, OPERATIONS[name].strength(0)) == image).all()


@pytest.mark.parametrize("name", RAND_AUGMENT)
def test_a_picture_of_one_channel_survives(name):
    image = dull()[..., :1]
    for share in (0.4, 1):
        made = changed(image, name, OPERATIONS[name].strength(share))
        assert made.shape == image.shape
        if name not in ("colour", "contrast"):
            three = changed(image.repeat(3, axis=2), name, OPERATIONS[name].strength(share))
            assert apart(three, made).max() == 0
        if name == "colour":
            assert (made == image).all()


def test_autocontrast_is_that_of_keras():
    image = dull()
    made = changed(image, "autocontrast")
    assert apart(made, by_layer(keras.layers.AutoContrast(), image)).max() <= 1  # Pillow cuts decimals off
    assert (made.min((0, 1)) == 0).all()
    assert (made.max((0, 1)) == 255).all()


def equalized(plane):
    """AutoAugment's, in whole numbers: each level becomes the share of the pixels that are darker."""
    counts = np.bincount(plane.ravel(), minlength=256)
    step = (counts.sum() - counts[counts > 0][-1]) // 255
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.clip((below + step // 2) // step, 0, 255)[plane]


def test_equalize_is_that_of_auto_augment_and_close_to_that_of_keras():
    image = dull()
    made = changed(image, "equalize")
    assert (made == np.stack([equalized(image[..., channel]) for channel in range(3)], axis=2)).all()
    by_keras = by_layer(keras.layers.Equalization(), image)
    for channel in range(3):
        plane = image[..., channel]
        own = np.bincount(plane.ravel(), minlength=256)[plane] / plane.size  # Keras counts a pixel's own level in
        assert (apart(made[..., channel], by_keras[..., channel]) <= 255 * own + 12).all()


@pytest.mark.parametrize("threshold", [0, 64, 127.6, 200, 256])
def test_solarize_turns_round_what_is_as_bright_as_the_threshold_or_brighter(threshold):
    image = noise(30, 30)
    made = changed(image, "solarize", threshold)
    level = round(threshold)
    assert (made == np.where(image < level, image, 255 - image)).all()
    if level < 256:
        layer = keras.layers.Solarization(threshold_factor=(level / 255, level / 255))
        fixed = {"additions": np.float32(0), "thresholds": np.float32(level)}
        by_keras = layer.transform_images(image.astype(np.float32)[None], fixed)
        assert apart(made, np.asarray(by_keras)[0]).max() < 1e-3


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_posterize_keeps_so_many_bits(bits):
    image = noise(30, 30)
    made = changed(image, "posterize", bits)
    assert (made == image // 2 ** (8 - bits) * 2 ** (8 - bits)).all()
    assert len(np.unique(made)) == 2**bits


def blended(other, image, strength):
    """Pillow's enhancers: from ``other``, at −1, through the picture, at 0, and on."""
    return np.clip(other + (1 + strength) * (image.astype(float) - other), 0, 255)


def grey_of(image):
    return whole(image @ LUMINANCE)[..., None]


def smooth(image):
    """Pillow's filter of that name: five times the pixel, and its eight neighbours once; the border stays."""
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    made = image.astype(float)
    made[1:-1, 1:-1] = cv2.filter2D(image.astype(np.float64), -1, kernel)[1:-1, 1:-1]
    return made


@pytest.mark.parametrize("strength", [-0.9, -0.3, 0.5, 0.9])
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("brightness", np.zeros_like),
        ("contrast", lambda image: np.rint(grey_of(image).mean())),
        ("colour", grey_of),
        ("sharpness", smooth),
    ],
)
def test_enhancers_blend_with_a_picture_that_has_none_of_it(name, other, strength):
    image = photo()
    off = apart(changed(image, name, strength), blended(other(image), image, strength))
    assert off.max() <= 2
    assert off.mean() < 0.8


FILLS = [Augmentation(fill_mode="constant", cval=30), Augmentation(fill_mode="reflect")]


@pytest.mark.parametrize("policy", FILLS)
def test_rotate_and_translate_are_those_of_the_policy(policy):
    image = noise(20, 32)
    assert (changed(image, "rotate", -17.5, policy) == policy.replay(image, {"theta": -17.5})).all()
    assert (changed(image, "translate x", 0.25, policy) == policy.replay(image, {"tx": 8.0})).all()
    assert (changed(image, "translate y", -0.25, policy) == policy.replay(image, {"ty": -5.0})).all()
    assert apart(changed(image, "rotate", 9, policy), bilinear(image, {"theta": 9}, policy.fill_mode, 30)).max() < 0.51


@pytest.mark.parametrize("strength", [-0.3, 0.2])
def test_shears_move_each_row_or_column_by_its_distance_from_the_middle(strength):
    """Where that is whole pixels, by exactly so many."""
    image = noise(21, 31)
    policy = Augmentation(fill_mode="constant", cval=0)
    across, down = changed(image, "shear x", strength, policy), changed(image, "shear y", strength, policy)
    for row in (0, 10, 20):
        shift = round(strength * (row - 10))
        columns = np.arange(max(0, -shift), min(31, 31 - shift))
        assert (across[row, columns] == image[row, columns + shift]).all()
        assert (np.delete(across[row], columns, axis=0) == 0).all()
    for column in (5, 15, 25):
        shift = round(strength * (column - 15))
        rows = np.arange(max(0, -shift), min(21, 21 - shift))
        assert (down[rows, column] == image[rows + shift, column]).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_rand_augment_chooses_evenly_and_independently(count):
    policy = Augmentation(rand_augment=count, rand_augment_magnitude=15)
    n = 1500 // count
    chosen = draws(policy, "rand_augment", n)
    assert {len(steps) for steps in chosen} == {count}
    names = [name for steps in chosen for name, _ in steps]
    counts = np.array([names.count(name) for name in RAND_AUGMENT])
    expected = len(names) / 14
    assert ((counts - expected) ** 2 / expected).sum() < 34.5  # one in a thousand is above, of 13 degrees of freedom
    signs = [strength > 0 for steps in chosen for name, strength in steps if OPERATIONS[name].signed]
    assert np.mean(signs) == pytest.approx(0.5, abs=0.06)
    if count > 1:
        same = np.mean([steps[0][0] == steps[1][0] for steps in chosen])
        assert same == pytest.approx(1 / 14, abs=0.04)


def test_rand_augment_applies_one_after_the_other():
    image = photo()
    policy = Augmentation(rand_augment=3, rand_augment_magnitude=20, fill_mode="reflect")
    made, drawn = policy.sample(image, 8)
    for one, values in zip(made, drawn, strict=True):
        expected = image
        for name, strength in values["rand_augment"]:
            expected = changed(expected, name, strength, policy)
        assert (one == expected).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_aug_mix_blends_chains_and_the_picture(channels):
    """(1 − m) · x + m · Σ wᵢ · chainᵢ(x), the paper's equation, rounded once."""
    image = photo()[..., :channels]
    policy = Augmentation(aug_mix=3, aug_mix_severity=6, fill_mode="reflect")
    made, drawn = policy.sample(image, 6)
    for one, values in zip(made, drawn, strict=True):
        mix = values["aug_mix"]
        chains = [policy.replay(image, {"rand_augment": steps}).astype(float) for steps in mix["chains"]]
        mixture = sum(weight * chain for weight, chain in zip(mix["weights"], chains, strict=True))
        assert apart(one, (1 - mix["blend"]) * image + mix["blend"] * mixture).max() < 0.501


@pytest.mark.parametrize("chains", [1, 3])
def test_aug_mix_draws_as_the_paper_does(chains):
    mixes = draws(Augmentation(aug_mix=chains), "aug_mix", 800)
    weights = np.array([mix["weights"] for mix in mixes])
    assert weights.shape == (800, chains)
    assert np.allclose(weights.sum(1), 1)
    assert np.allclose(weights.mean(0), 1 / chains, atol=0.04)
    # The variance of Dirichlet(1, …, 1), and of Beta(1, 1).
    assert np.allclose(weights.var(0), (chains - 1) / (chains**2 * (chains + 1)), atol=0.015)
    blends = np.array([mix["blend"] for mix in mixes])
    assert blends.mean() == pytest.approx(0.5, abs=0.04)
    assert blends.var() == pytest.approx(1 / 12, rel=0.1)
    depths = [len(chain) for mix in mixes for chain in mix["chains"]]
    assert np.allclose(np.bincount(depths, minlength=4) / len(depths), [0, 1 / 3, 1 / 3, 1 / 3], atol=0.05)
    assert {name for mix in mixes for chain in mix["chains"] for name, _ in chain} == set(AUG_MIX)


@pytest.mark.parametrize("severity", [1, 3, 10])
def test_the_severity_of_aug_mix_is_the_strongest_that_it_draws(severity):
    mixes = draws(Augmentation(aug_mix=4, aug_mix_severity=severity), "aug_mix", 800)
    angles = [abs(by) for mix in mixes for chain in mix["chains"] for name, by in chain if name == "rotate"]
    assert 0.1 <= min(angles) < 0.1 * 3 * severity
    assert 0.95 * 3 * severity < max(angles) <= 3 * severity
    assert np.mean(angles) == pytest.approx((0.1 + 3 * severity) / 2, rel=0.08)
