"""The Augmentation page's programs are run in a folder with ``picture.png``, and what they made is measured."""

import ast
import colorsys
import warnings

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from explorer.augmentation import PRESETS, TRANSFORMS, Augmentation
from explorer.snippets.augmentation import (
    augmentation_programs,
    explorer_program,
    image_data_generator,
    keras_layers,
)

HEIGHT, WIDTH = 32, 48
MANY = 160
"""Versions from which a range is read off."""
EVERYTHING = Augmentation(
    rotation_range=40,
    width_shift_range=12,
    height_shift_range=7.5,
    brightness_range=(0.5, 1.5),
    shear_range=10,
    zoom_range=(0.5, 3),
    channel_shift_range=30,
    fill_mode="constant",
    cval=40,
    horizontal_flip=True,
    vertical_flip=True,
    rescale=1 / 255,
    crop_range=0.3,
    contrast_range=0.4,
    saturation_range=0.5,
    hue_range=20,
    grey_probability=0.2,
    blur_range=1.5,
    noise_range=15,
    jpeg_quality=30,
    erasing_probability=0.5,
    erasing_area=0.25,
    cutout=0.3,
    rand_augment=1,
    rand_augment_magnitude=5,
    aug_mix=1,
    aug_mix_severity=2,
    mixup=0.4,
    cutmix=2,
)
POLICIES = {name: preset.policy for name, preset in PRESETS.items()} | {"everything": EVERYTHING}


def photo(height=HEIGHT, width=WIDTH):
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def dots(*places, shape=(65, 97)):
    """White dots, wide enough to be found wherever they go, on black."""
    picture = np.zeros((*shape, 3), np.uint8)
    for row, column in places:
        picture[row - 2 : row + 3, column - 2 : column + 3] = 255
    return picture


def centre_of(levels):
    """(row, column) of the centre of what is bright in (H, W, C)."""
    weights = np.asarray(levels, float)[..., 0]
    assert weights.sum() > 255, "the dot has left the picture"
    rows, columns = np.indices(weights.shape)
    return (weights * rows).sum() / weights.sum(), (weights * columns).sum() / weights.sum()


def centres_of_two(levels):
    """(row, column) of each of two dots, the upper one first; equally high ones from the left."""
    _, _, _, centres = cv2.connectedComponentsWithStats((np.asarray(levels)[..., 0] > 60).astype(np.uint8))
    found = sorted(tuple(centre[::-1]) for centre in centres[1:])
    assert len(found) == 2
    return np.array(found)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a program beside a picture; the names that it leaves."""
    monkeypatch.chdir(tmp_path)

    def start(program, picture):
        Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save("picture.png")
        left = {"__name__": "__main__"}
        with warnings.catch_warnings():
            # SciPy: the namespace that Keras's legacy module calls will go away.
            warnings.filterwarnings("ignore", "Please import `affine_transform` from", DeprecationWarning)
            exec(compile(program, "program.py", "exec"), left)  # noqa: S102
        assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.png", "versions.png"]
        return left

    return start


@pytest.fixture
def layers(run):
    """Many versions by the Keras program of a policy, float32."""

    def start(policy, picture, count=MANY, **options):
        left = run(keras_layers(policy, **options), picture)
        return np.asarray(left["augmentation"](np.stack([picture] * count).astype(np.float32), training=True))

    return start


def written(height, width):
    """The sixteen pictures of ``versions.png``."""
    grid = np.asarray(Image.open("versions.png"))
    grid = grid[..., None] if grid.ndim == 2 else grid
    assert grid.shape[:2] == (4 * height, 4 * width)
    return np.stack(
        [
            grid[row : row + height, column : column + width]
            for row in range(0, 4 * height, height)
            for column in range(0, 4 * width, width)
        ]
    )


def arguments(program, function):
    """The keywords of a call in a program."""
    calls = [
        node
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
    ]
    assert len(calls) == 1
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in calls[0].keywords}


def assert_fills(values, low, high, slack):
    """The values lie in a range, and reach nearly to both of its ends."""
    tenth = (high - low) / 10
    assert low - slack <= np.min(values) <= low + tenth
    assert high - tenth <= np.max(values) <= high + slack


# ---- all programs, every policy ----


@pytest.mark.parametrize("name", POLICIES)
def test_the_programs_run_and_write_their_versions(name, run, capsys):
    policy, picture = POLICIES[name], photo()
    for library, program in augmentation_programs(policy, seed=2).items():
        left = run(program, picture)
        made = written(HEIGHT, WIDTH)
        scale = policy.rescale if library == "ImageDataGenerator" and policy.rescale else 1
        levels = np.clip(np.rint(np.asarray(left["versions"]) / scale), 0, 255)
        np.testing.assert_array_equal(made, levels)
        changed = sum(not np.array_equal(one, picture) for one in made)
        legacy = any(TRANSFORMS[one].legacy for one in policy.active if one not in ("fill_mode", "cval"))
        if not policy.active or (library == "ImageDataGenerator" and not legacy):
            assert changed == 0
        else:
            assert changed >= 4
    assert "replayed alike: True" in capsys.readouterr().out


def test_grey_pictures_stay_grey(run):
    picture = photo()[..., :1]
    for layer in ("RandomSaturation", "RandomHue", "RandomGrayscale"):
        assert layer in keras_layers(EVERYTHING)
        assert layer not in keras_layers(EVERYTHING, channels=1)
    for library, program in augmentation_programs(EVERYTHING, channels=1).items():
        left = run(program, picture)
        assert np.asarray(left["versions"]).shape == (16, HEIGHT, WIDTH, 1)
        if library == "This project":
            np.testing.assert_array_equal(left["versions"], EVERYTHING.sample(picture, 16, 0)[0])


@pytest.mark.parametrize("mode", ["nearest", "reflect", "wrap", "constant"])
def test_every_program_names_the_fill_mode(mode):
    policy = Augmentation(rotation_range=10, zoom_range=0.1, fill_mode=mode, cval=77)
    grey = ", fill_value=77" if mode == "constant" else ""
    assert keras_layers(policy).count(f'fill_mode="{mode}"{grey})') == 2
    given = arguments(image_data_generator(policy), "ImageDataGenerator")
    assert given["fill_mode"] == mode
    assert given.get("cval") == (77 if mode == "constant" else None)


# ---- this project ----


@pytest.mark.parametrize("name", POLICIES)
def test_our_program_says_only_what_is_not_usual_and_says_it_exactly(name):
    policy = POLICIES[name]
    given = arguments(explorer_program(policy), "Augmentation")
    assert Augmentation(**given) == policy
    for argument in given:
        assert Augmentation(**{key: value for key, value in given.items() if key != argument}) != policy


def test_our_program_makes_what_the_page_shows_and_what_training_sees(run):
    picture, policy = photo(), PRESETS["heavy"].policy.but(rescale=1 / 255)
    left = run(explorer_program(policy, seed=5), picture)
    expected, drawn = policy.sample(picture, 16, 5)
    np.testing.assert_array_equal(left["versions"], expected)
    assert left["drawn"] == drawn
    for feed, alike in ((left["train"], False), (left["changed"], False), (left["validation"], True)):
        given = np.concatenate([images for images, _ in feed])
        assert given.shape == (16, HEIGHT, WIDTH, 3)
        np.testing.assert_allclose(given * 255, np.rint(given * 255), atol=1e-3)  # rescaled whole levels
        unchanged = [np.allclose(one * 255, picture, atol=1e-3) for one in given]
        assert all(unchanged) if alike else not any(unchanged)


def test_our_program_blends_labels_where_the_policy_does(run):
    left = run(explorer_program(Augmentation(mixup=1.0, horizontal_flip=True)), photo())
    for feed in (left["train"], left["changed"]):
        labels = np.concatenate([labels for _, labels in feed])
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
        assert (labels.max(axis=1) < 0.99).sum() >= 8


# ---- Keras's layers: geometry ----


def test_rotation_stays_within_its_degrees(layers):
    made = layers(Augmentation(rotation_range=30, fill_mode="constant"), dots((32, 78)))
    rows, columns = np.array([centre_of(one) for one in made]).T - [[32], [48]]
    np.testing.assert_allclose(
        np.hypot(rows, columns), 30, atol=0.3
    )  # about the centre of a picture that is not square
    assert_fills(np.degrees(np.arctan2(-rows, columns)), -30, 30, slack=0.5)


@pytest.mark.parametrize(
    ("width", "height", "sideways", "up_and_down"),
    [(0.2, 0.1, 0.2 * 97, 0.1 * 65), (12, 6, 11, 5), (12.0, 6.5, 12, 6.5), (0, 0.25, 0, 0.25 * 65)],
    ids=["shares", "whole pixels", "pixels", "one way"],
)
def test_shifts_go_as_far_as_they_may(layers, width, height, sideways, up_and_down):
    policy = Augmentation(width_shift_range=width, height_shift_range=height, fill_mode="constant")
    made = layers(policy, dots((32, 48)))
    rows, columns = np.array([centre_of(one) for one in made]).T - [[32], [48]]
    assert_fills(columns, -sideways, sideways, slack=0.1)
    assert_fills(rows, -up_and_down, up_and_down, slack=0.1)


def test_a_shift_of_more_pixels_than_there_are_runs(run):
    run(keras_layers(Augmentation(width_shift_range=500, height_shift_range=900.5)), photo())


@pytest.mark.parametrize(
    ("zoom", "smallest", "largest"),
    [(0.25, 1 / 1.25, 1 / 0.75), ((0.5, 0.8), 1 / 0.8, 1 / 0.5), ((1.2, 2), 1 / 2, 1 / 1.2)],
    ids=["both ways", "enlarged only", "shrunk only"],
)
def test_zoom_goes_the_policys_way_for_each_side(layers, zoom, smallest, largest):
    policy = Augmentation(zoom_range=zoom, fill_mode="constant")
    across = layers(policy, dots((32, 40), (32, 56)))
    wide = np.array([np.ptp(centres_of_two(one)[:, 1]) for one in across]) / 16
    assert_fills(wide, smallest, largest, slack=0.03)
    slanting = np.array([np.abs(np.diff(centres_of_two(one), axis=0))[0] / 12 for one in
                         layers(policy, dots((26, 42), (38, 54)))])  # fmt: skip
    assert abs(np.corrcoef(slanting.T)[0, 1]) < 0.3  # independent of each other
    assert np.mean(slanting, axis=0) == pytest.approx([wide.mean()] * 2, rel=0.05)


@pytest.mark.parametrize(("zoom", "factor"), [((1.5, 9), (0.5, 1)), ((3, 4), (1, 1))])
def test_a_zoom_beyond_what_keras_can_runs_to_its_end(run, zoom, factor):
    program = keras_layers(Augmentation(zoom_range=zoom))
    (layer,) = run(program, photo())["augmentation"].layers
    assert layer.height_factor == layer.width_factor == factor
    assert "half the size at most" in program


def test_shear_has_the_slope_of_the_policy(layers):
    """The policy's own pictures are the oracle: sideways by the sine of the angle for each row."""
    picture, policy = dots((24, 48), (40, 48)), Augmentation(shear_range=45, fill_mode="constant")

    def slope(levels):
        return np.diff(centres_of_two(levels), axis=0)[0] @ [0, 1] / np.diff(centres_of_two(levels), axis=0)[0][0]

    ours = [slope(policy.replay(picture, {"shear": angle})) for angle in (-45, 45)]
    assert sorted(ours) == pytest.approx([-np.sqrt(0.5), np.sqrt(0.5)], abs=0.02)
    made = layers(policy, picture)
    assert_fills([slope(one) for one in made], *sorted(ours), slack=0.03)
    down = [np.ptp(centres_of_two(one)[:, 0]) for one in made]
    np.testing.assert_allclose(down, 16, atol=0.4)  # not 1 / cos 45° times as high, as the program's comment says


@pytest.mark.parametrize(
    ("flips", "kinds"),
    [
        ({"horizontal_flip": True}, 2),
        ({"vertical_flip": True}, 2),
        ({"horizontal_flip": True, "vertical_flip": True}, 4),
    ],
    ids=["mirrored", "upside down", "both, each for itself"],
)
def test_flips_are_drawn_each_for_itself(layers, flips, kinds):
    picture = photo()
    views = [picture, picture[:, ::-1], picture[::-1], picture[::-1, ::-1]]
    made = layers(Augmentation(**flips), picture)
    counts = [sum(np.array_equal(one, view) for one in made) for view in views]
    allowed = [True, "horizontal_flip" in flips, "vertical_flip" in flips, len(flips) == 2]
    assert sum(counts) == MANY
    for count, is_allowed in zip(counts, allowed, strict=True):
        assert 0.7 * MANY / kinds < count < 1.3 * MANY / kinds if is_allowed else count == 0


def test_a_crop_is_a_part_of_its_own_for_each_picture(layers):
    """On a ramp the part is read off: levels are 2 × row in one channel and 2 × column in another."""
    rows, columns = np.indices((65, 97))
    picture = np.stack([2 * rows, 2 * columns, 0 * rows], axis=2).astype(np.uint8)
    made = layers(Augmentation(crop_range=0.4), picture)
    top, bottom = made[:, 0, 0, 0] / 2, made[:, -1, 0, 0] / 2
    left, right = made[:, 0, 0, 1] / 2, made[:, 0, -1, 1] / 2
    side = (bottom - top) / 64
    assert_fills(side, 0.6, 1, slack=1e-3)
    np.testing.assert_allclose((right - left) / 96, side, atol=1e-3)
    assert_fills(top / 64 / np.maximum(1 - side, 1e-6), 0, 1, slack=0.02)
    assert_fills(left / 96 / np.maximum(1 - side, 1e-6), 0, 1, slack=0.02)
    np.testing.assert_allclose(made[:, 32, 48, 0], top + bottom, atol=0.1)  # even in between


def test_layers_are_in_the_order_in_which_the_policy_changes_a_picture(run):
    """Each layer's change by itself, one after the other, is the policy's one change; the other way round it is not."""
    policy = Augmentation(
        rotation_range=90, width_shift_range=0.2, shear_range=40, zoom_range=0.5, horizontal_flip=True,
        crop_range=0.5, fill_mode="constant",
    )  # fmt: skip
    picture = dots((70, 104), shape=(161, 193))
    drawn = {
        "RandomRotation": {"theta": 90.0}, "RandomTranslation": {"tx": 8.0, "ty": 6.0}, "RandomShear": {"shear": 40.0},
        "RandomZoom": {"zx": 0.7, "zy": 1.4}, "RandomFlip": {"flip_horizontal": True},
        "Lambda": {"crop": [0.1, 0.3, 0.7, 0.7]},
    }  # fmt: skip
    names = [type(layer).__name__ for layer in run(keras_layers(policy), picture)["augmentation"].layers]
    assert sorted(names) == sorted(drawn)

    def one_after_the_other(names):
        made = picture
        for name in names:
            made = policy.replay(made, drawn[name])
        return centre_of(made)

    together = {name: value for parameters in drawn.values() for name, value in parameters.items()}
    at_once = centre_of(policy.replay(picture, together))
    assert one_after_the_other(names) == pytest.approx(at_once, abs=0.5)
    for place in (0, 1, 2, 4):  # zoom and flip, which are 3 and 4, could be exchanged
        exchanged = [*names[:place], names[place + 1], names[place], *names[place + 2 :]]
        assert one_after_the_other(exchanged) != pytest.approx(at_once, abs=0.5)


# ---- Keras's layers: colour and texture ----


def flat(*levels, shape=(8, 8)):
    """A picture of one colour."""
    return np.broadcast_to(np.uint8(levels), (*shape, 3)).copy()


def test_brightness_multiplies(layers):
    made = layers(Augmentation(brightness_range=(0.6, 1.5)), flat(40, 100, 200))[:, 0, 0]
    assert_fills(made[:, 0] / 40, 0.6, 1.5, slack=1e-3)
    np.testing.assert_allclose(made[:, 1], made[:, 0] * 2.5, rtol=1e-3)
    np.testing.assert_allclose(made[:, 2], np.minimum(made[:, 0] * 5, 255), rtol=1e-3)


def test_a_channel_shift_moves_all_channels_within_the_pictures_levels(layers):
    picture = flat(100, 150, 120)
    picture[0, 0], picture[1, 1] = 80, 160
    made = layers(Augmentation(channel_shift_range=30), picture)
    assert_fills(made[:, 4, 4, 2] - 120, -30, 30, slack=1e-3)
    step = made[:, 4, 4, 2] - 120
    np.testing.assert_allclose(made[:, 4, 4, 0], np.clip(100 + step, 80, 160), atol=1e-3)
    np.testing.assert_allclose(made[:, 4, 4, 1], np.clip(150 + step, 80, 160), atol=1e-3)


def test_contrast_goes_both_ways(layers):
    picture = flat(100, 100, 100)
    picture[:4] = 140
    made = layers(Augmentation(contrast_range=0.4), picture)[..., 0]
    assert_fills((made[:, 0, 0] - made[:, 7, 7]) / 40, 0.6, 1.4, slack=1e-3)
    np.testing.assert_allclose(made.mean(axis=(1, 2)), 120, atol=1e-2)


@pytest.mark.parametrize("span", [0.5, 1.0])
def test_saturation_has_the_policys_ends_and_stays_within_levels(layers, span):
    made = layers(Augmentation(saturation_range=span), flat(200, 140, 120)) / 255
    before = colorsys.rgb_to_hsv(200 / 255, 140 / 255, 120 / 255)
    after = np.array([colorsys.rgb_to_hsv(*one) for one in made[:, 0, 0]])
    np.testing.assert_allclose(after[after[:, 1] > 0.01][:, 0], before[0], atol=1e-3)
    np.testing.assert_allclose(after[:, 2], before[2], atol=1e-3)
    assert_fills(after[:, 1] / before[1], 1 - span, 1 + span, slack=1e-3)
    strong = layers(Augmentation(saturation_range=span), flat(255, 30, 0))
    assert strong.min() >= -1e-3
    assert strong.max() <= 255.001


def test_hue_turns_by_its_degrees(layers):
    made = layers(Augmentation(hue_range=40), flat(60, 200, 100)) / 255
    before = colorsys.rgb_to_hsv(60 / 255, 200 / 255, 100 / 255)
    after = np.array([colorsys.rgb_to_hsv(*one) for one in made[:, 0, 0]])
    assert_fills((after[:, 0] - before[0]) * 360, -40, 40, slack=0.1)
    np.testing.assert_allclose(after[:, 1:], [before[1:]] * MANY, atol=1e-3)


def test_shares_of_pictures_are_shares(layers):
    picture = photo()
    grey = layers(Augmentation(grey_probability=0.3), picture)
    luminance = picture @ [0.299, 0.587, 0.114]
    is_grey = np.array([np.ptp(one, axis=2).max() < 0.1 for one in grey])
    assert 0.2 < is_grey.mean() < 0.4
    np.testing.assert_allclose(grey[is_grey][0][..., 0], luminance, atol=0.1)
    np.testing.assert_array_equal(grey[~is_grey][0], picture)
    erased = layers(Augmentation(erasing_probability=0.5, erasing_area=0.2), picture)
    missing = np.array([np.any(one != picture, axis=2).mean() for one in erased])
    assert 0.4 < np.mean(missing > 0) < 0.6  # one number, instead of two alike, would give 0.25
    assert missing.max() < 0.25  # its sides are rounded to pixels
    assert missing.max() > 0.12


def test_a_cutout_is_grey_and_as_large_as_asked(layers):
    made = layers(Augmentation(cutout=0.25), flat(10, 20, 30, shape=(64, 96)), count=50)
    missing = np.all(made == 128, axis=3)
    assert np.all(made[~missing] == (10, 20, 30))
    np.testing.assert_allclose(missing.mean(axis=(1, 2)), 0.25**2, rtol=0.05)
    assert missing.any(axis=2).sum(axis=1).tolist() == [16] * 50
    assert missing.any(axis=1).sum(axis=1).tolist() == [24] * 50


def test_noise_has_a_strength_of_its_own_for_each_picture(layers):
    made = layers(Augmentation(noise_range=20), flat(120, 120, 120, shape=(24, 24)))
    assert_fills(made.std(axis=(1, 2, 3)), 0, 20, slack=1.5)
    np.testing.assert_allclose(made.mean(), 120, atol=0.2)


def test_jpeg_is_that_of_a_quality_in_the_range(layers):
    picture = photo()
    made = layers(Augmentation(jpeg_quality=85), picture, count=40)
    possible = {tf.image.adjust_jpeg_quality(picture, quality).numpy().tobytes() for quality in range(85, 100)}
    seen = {one.astype(np.uint8).tobytes() for one in made}
    assert len(seen) > 5
    assert seen <= possible


def test_blur_blurs_every_picture_and_darkens_the_border(run):
    """A step's width tells the strength: its steepest part falls as 1 / (√(2π) σ)."""
    picture = flat(0, 0, 0, shape=(40, 40))
    picture[:, 20:] = 200
    blur = run(keras_layers(Augmentation(blur_range=2.0)), picture)["augmentation"].layers[0]
    assert blur.kernel_size == (13, 13)
    strengths, corners = [], []
    for _ in range(40):
        made = np.asarray(blur(np.stack([picture] * 3).astype(np.float32), training=True))
        np.testing.assert_array_equal(made[0], made[2])  # the whole batch alike
        corners.append(made[0, 0, 35, 0])
        strengths.append(200 / (made[0, 20, 20, 0] - made[0, 20, 19, 0]) / np.sqrt(2 * np.pi))
    assert max(strengths) <= 2.1
    assert max(strengths) > 1.7
    assert min(corners) < 150


# ---- Keras's layers: batches, and what is said in comments ----


@pytest.mark.parametrize("policy", [Augmentation(mixup=1.0), Augmentation(cutmix=1.0), Augmentation(cutmix=2.0)])
def test_labels_say_what_was_blended(run, policy):
    left = run(keras_layers(policy.but(horizontal_flip=True)), photo())
    labels = np.asarray(left["labels"])
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
    blended = (labels.max(axis=1) < 0.99).sum()
    assert blended >= 8
    assert type(left["mix"]).__name__ == ("MixUp" if policy.mixup else "CutMix")
    if policy.cutmix:
        assert left["mix"].factor == (1, 1)
    else:
        assert left["mix"].alpha == 1.0


def test_what_a_network_is_given_is_rescaled_at_the_very_end(run):
    left = run(keras_layers(PRESETS["course"].policy), photo())
    np.testing.assert_allclose(left["given"], np.asarray(left["versions"]) / 255, rtol=1e-5)


def test_layers_are_those_of_the_policy_and_no_others(run):
    def made(policy):
        return [type(layer).__name__ for layer in run(keras_layers(policy), photo())["augmentation"].layers]

    assert made(PRESETS["chollet"].policy) == [
        "RandomRotation", "RandomTranslation", "RandomShear", "RandomZoom", "RandomFlip",
    ]  # fmt: skip
    assert made(Augmentation(rescale=1 / 255)) == ["Identity"]


def test_mixtures_have_the_policys_numbers(run):
    policy = Augmentation(rand_augment=3, rand_augment_magnitude=12, aug_mix=2, aug_mix_severity=7)
    rand_augment, aug_mix = run(keras_layers(policy), photo())["augmentation"].layers
    assert (rand_augment.num_ops, rand_augment.factor[1]) == (3, 12 / 30)
    assert (aug_mix.num_chains, aug_mix.chain_depth, aug_mix.factor[1], aug_mix.all_ops) == (2, 3, 7 / 10, False)


def test_the_comments_on_keras_are_true(run):
    """Each of these is why the program does not write the obvious call."""
    assert keras.layers.RandomContrast(0.4).factor == (0, 0.4)  # never less contrast
    assert keras.layers.RandomErasing(0.5).factor == (0, 0.5)  # half as often
    wrong = keras.layers.RandomSaturation((0.9, 0.9))(np.full((1, 2, 2, 3), [255.0, 30.0, 0.0], np.float32))
    assert np.min(wrong) < -1
    with pytest.raises(ValueError, match="stddev"):
        keras.layers.GaussianNoise(15)
    for mixture in (keras.layers.RandAugment(factor=0.3), keras.layers.AugMix(factor=0.3)):
        assert mixture.random_rotation.factor == (0, 0.3)  # up to 108°, one way only
        assert (mixture.random_translation.height_lower, mixture.random_translation.height_upper) == (0, 0.3)
        assert mixture.random_rotation.fill_mode == "reflect"


# ---- ImageDataGenerator ----


@pytest.mark.parametrize("name", POLICIES)
def test_the_generator_is_given_what_it_knows_and_told_to_lack_the_rest(name):
    policy = POLICIES[name]
    program = image_data_generator(policy)
    given = arguments(program, "ImageDataGenerator")
    assert {argument: getattr(policy, argument) for argument in given} == given
    assert set(given) - {"rescale"} == {one for one in policy.active if TRANSFORMS[one].legacy}
    assert ("rescale" in given) == (policy.rescale is not None)
    comments = " ".join(line.removeprefix("# ") for line in program.splitlines() if line.startswith("# "))
    lacking = comments.partition("It has no ")[2].partition(".")[0]
    assert set(filter(None, lacking.split(", "))) == {one for one in policy.active if not TRANSFORMS[one].legacy}
    assert "Deprecated" in comments
    assert "SciPy" in comments


def test_the_generator_draws_within_the_policys_ranges(run):
    policy = Augmentation(
        rotation_range=30, shear_range=12, zoom_range=(0.7, 1.2), width_shift_range=0.2, height_shift_range=9,
        channel_shift_range=25, brightness_range=(0.5, 1.5), horizontal_flip=True,
    )  # fmt: skip
    generator = run(image_data_generator(policy), photo())["generator"]
    drawn = [generator.get_random_transform((65, 97, 3), seed) for seed in range(MANY)]

    def values(name):
        return [one[name] for one in drawn]

    assert_fills(values("theta"), -30, 30, slack=0)
    assert_fills(values("shear"), -12, 12, slack=0)
    assert_fills([*values("zx"), *values("zy")], 0.7, 1.2, slack=0)
    assert_fills(values("channel_shift_intensity"), -25, 25, slack=0)
    assert_fills(values("brightness"), 0.5, 1.5, slack=0)
    assert 0.4 < np.mean(values("flip_horizontal")) < 0.6
    assert not any(values("flip_vertical"))
    # As its comment says, it takes the shifts for each other; tx moves sideways.
    assert_fills(values("tx"), -8, 8, slack=0)
    assert_fills(values("ty"), -0.2 * 97, 0.2 * 97, slack=0)


def test_the_generators_comments_are_true(run):
    picture = dots((32, 48))
    program = image_data_generator(Augmentation(width_shift_range=10, fill_mode="constant"))
    assert "width_shift_range moves up and down" in program
    assert "not square" not in program
    centres = np.array([centre_of(one) for one in run(program, picture)["versions"]])
    np.testing.assert_allclose(centres[:, 1], 48, atol=1e-6)
    assert np.ptp(centres[:, 0]) > 5
    program = image_data_generator(Augmentation(rotation_range=30, fill_mode="constant"))
    assert "not square about another point than its centre" in program
    assert "moves up and down" not in program
    centres = np.array([centre_of(one) for one in run(program, picture)["versions"]])
    assert np.ptp(centres[:, 1]) > 5  # in the middle, it should have stayed
