"""Advice on curves whose story is known: made ones, noise, and the figures of real trainings."""

import math
import re

import numpy as np
import pytest

from explorer.training.advice import advise

BY_HEART = {  # 500-250-100 dense network on 800 pictures of Fashion-MNIST
    "loss": [1.545, 0.912, 0.695, 0.576, 0.507, 0.459, 0.465, 0.437, 0.341, 0.336],
    "accuracy": [0.484, 0.686, 0.76, 0.804, 0.812, 0.841, 0.842, 0.841, 0.895, 0.881],
    "val_loss": [1.002, 0.783, 0.824, 0.665, 0.637, 0.65, 0.56, 0.644, 0.75, 0.617],
    "val_accuracy": [0.64, 0.715, 0.72, 0.747, 0.778, 0.772, 0.807, 0.762, 0.753, 0.787],
}
WELL = {  # the 32-64-64 convnet on 6,000 of them
    "loss": [1.212, 0.653, 0.568, 0.495, 0.457, 0.422, 0.405, 0.365, 0.355, 0.323, 0.299, 0.288, 0.263, 0.248],
    "accuracy": [0.575, 0.758, 0.793, 0.821, 0.831, 0.85, 0.854, 0.868, 0.869, 0.883, 0.891, 0.894, 0.906, 0.911],
    "val_loss": [0.718, 0.541, 0.538, 0.466, 0.441, 0.459, 0.439, 0.414, 0.416, 0.401, 0.414, 0.403, 0.409, 0.427],
    "val_accuracy": [0.715, 0.807, 0.807, 0.845, 0.853, 0.837, 0.857, 0.863, 0.855, 0.87, 0.862, 0.865, 0.867, 0.863],
}


def history(loss, accuracy, val_loss, val_accuracy, first=1):
    return {
        "epoch": list(range(first, first + len(loss))),
        "loss": list(loss),
        "accuracy": list(accuracy),
        "val_loss": list(val_loss),
        "val_accuracy": list(val_accuracy),
    }


def kinds(curves, classes):
    """The advice after each epoch."""
    count = len(curves["loss"])
    whole = {"epoch": list(range(1, count + 1)), **curves}
    found = [advise({name: values[:n] for name, values in whole.items()}, classes) for n in range(1, count + 1)]
    return [each.kind if each else None for each in found]


def test_validation_that_turned_is_overfitting_from_there():
    found = advise(
        history(
            [1.2, 0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02],
            [0.5, 0.65, 0.78, 0.88, 0.93, 0.97, 0.98, 0.99],
            [1.1, 0.9, 0.8, 0.75, 0.72, 0.85, 1.0, 1.2],
            [0.55, 0.65, 0.7, 0.73, 0.75, 0.74, 0.72, 0.71],
        ),
        10,
    )
    assert found.kind == "overfitting"
    assert found.sentence == (
        "Training 99 %, validation 71 % and falling since epoch 5: it learns the pictures by heart. "
        "Dropout, augmentation, or stop at epoch 5."
    )


def test_only_the_loss_rising_is_said_so():
    found = advise(
        history(
            [0.5, 0.3, 0.2, 0.1, 0.05],
            [0.8, 0.88, 0.93, 0.97, 0.99],
            [0.5, 0.4, 0.45, 0.55, 0.6],
            [0.8, 0.85, 0.84, 0.86, 0.85],
            first=3,
        ),
        2,
    )
    assert found.kind == "overfitting"
    assert "validation 85 % and its loss rising since epoch 4: " in found.sentence
    assert found.sentence.endswith("stop at epoch 4.")


def test_a_hair_or_one_bad_epoch_is_not_overfitting():
    smooth = [1.0, 0.8, 0.7, 0.65, 0.62, 0.6]
    accuracy = [0.6, 0.7, 0.75, 0.78, 0.8, 0.82]
    training = ([0.9, 0.7, 0.6, 0.5, 0.42, 0.35], [0.65, 0.73, 0.8, 0.83, 0.86, 0.88])
    hair = [*smooth[:4], 0.655, 0.66]
    spike = [*smooth[:5], 1.4]
    two_spikes_apart = [1.0, 0.8, 1.5, 0.65, 1.4, 0.6]
    lucky = [1.0, 0.8, 0.7, 0.52, 0.7, 0.69]  # level at 0.7 but for one epoch far below
    little = [0.9, 0.66, 0.65, 0.655, 0.69, 0.7]  # 7 % above the lowest
    calmed = [1.0, 0.8, 0.7, 0.65, 0.95, 0.66]
    lucky = [1.0, 0.8, 0.7, 0.52, 0.7, 0.69]  # level at 0.7 but for one epoch far below
    for validation in (hair, spike, two_spikes_apart, little, calmed, lucky):
        assert advise(history(*training, validation, accuracy), 10).kind != "overfitting"


def test_a_validation_loss_that_rises_without_a_gap_is_no_overfitting():
    found = advise(
        history(
            [0.05, 0.03, 0.02, 0.01, 0.008],
            [0.985, 0.99, 0.993, 0.996, 0.997],
            [0.04, 0.03, 0.035, 0.04, 0.045],
            [0.987, 0.99, 0.99, 0.989, 0.99],
        ),
        10,
    )
    assert found.kind == "good"
    assert "99.7 %" in found.sentence


def test_standing_still_far_behind_training_is_overfitting_too():
    found = advise(
        history(
            [1.0, 0.6, 0.4, 0.3, 0.2, 0.15],
            [0.6, 0.78, 0.86, 0.9, 0.94, 0.96],
            [0.9, 0.72, 0.7, 0.72, 0.71, 0.73],
            [0.65, 0.74, 0.76, 0.76, 0.77, 0.76],
        ),
        10,
    )
    assert found.kind == "overfitting"
    assert "its loss no lower since epoch 3" in found.sentence


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_guessing_is_being_stuck(classes):
    chance, loss = 1 / classes, math.log(classes)
    noise = np.random.default_rng(classes).normal(0, 0.01, (2, 4))
    found = advise(
        history([loss] * 4, np.maximum(0, chance + noise[0]), [loss] * 4, np.maximum(0, chance + noise[1])), classes
    )
    assert found.kind == "stuck"
    assert "try another learning rate" in found.sentence
    assert f"guessing among {classes} classes" in found.sentence


def test_a_first_epoch_that_exploded_and_then_guesses_is_stuck():
    assert (
        advise(history([34.2, 2.42, 2.35], [0.1, 0.097, 0.1], [2.6, 2.33, 2.32], [0.1, 0.1, 0.1]), 10).kind == "stuck"
    )


def test_a_slow_beginning_is_not_stuck():
    cats = history([0.69, 0.685, 0.68], [0.51, 0.53, 0.545], [0.689, 0.684, 0.68], [0.5, 0.53, 0.55])
    assert advise(cats, 2).kind == "learning"
    ten = history([2.30, 2.24, 2.15], [0.11, 0.15, 0.18], [2.28, 2.2, 2.1], [0.12, 0.16, 0.19])
    assert advise(ten, 10).kind == "learning"


def test_one_answer_to_every_picture_is_stuck_even_where_one_class_is_common():
    found = advise(history([0.34, 0.33, 0.335], [0.9, 0.9, 0.9], [0.33, 0.33, 0.33], [0.9, 0.9, 0.9]), 2)
    assert found.kind == "stuck"
    assert "the same answer" in found.sentence


def test_both_rising_asks_for_more_epochs():
    found = advise(history([1.2, 0.8], [0.5, 0.65], [1.0, 0.7], [0.6, 0.7]), 10)
    assert found.kind == "learning"
    assert found.sentence == "Training 65 %, validation 70 %: both still rise: more epochs."


def test_standing_still_low_is_underfitting_and_high_is_good():
    low = ([0.9, 0.8, 0.795, 0.792, 0.791, 0.79], [0.6, 0.65, 0.66, 0.66, 0.66, 0.66])
    assert advise(history(*low, low[0], low[1]), 10).kind == "underfitting"
    high = ([0.5, 0.2, 0.199, 0.198, 0.198, 0.198], [0.85, 0.93, 0.93, 0.93, 0.93, 0.93])
    found = advise(history(*high, high[0], high[1]), 10)
    assert found.kind == "good"
    assert "will hardly help" in found.sentence


def test_trainings_that_were_measured():
    by_heart, well = kinds(BY_HEART, 10), kinds(WELL, 10)
    assert by_heart == [None, *["learning"] * 7, "overfitting", "overfitting"]
    assert well == [None, *["learning"] * 11, "good", "good"]


def test_validation_that_follows_training_is_never_called_overfitting_whatever_the_noise():
    """Both losses fall like exp(−t/6) towards 0.4; 400 pictures to validate with make ±2 % of accuracy."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        epochs = np.arange(1, 15)
        loss = 0.4 + 1.5 * np.exp(-epochs / 6)
        share = 0.9 - 0.5 * np.exp(-epochs / 6)
        curves = {
            "loss": (loss * (1 + rng.normal(0, 0.01, 14))).tolist(),
            "accuracy": (share + rng.normal(0, 0.005, 14)).tolist(),
            "val_loss": (loss * (1 + rng.normal(0, 0.05, 14))).tolist(),
            "val_accuracy": (share + rng.normal(0, 0.02, 14)).tolist(),
        }
        assert not {"overfitting", "stuck"} & set(kinds(curves, 10)), seed


def test_validation_that_turns_is_found_whatever_the_noise():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        epochs = np.arange(1, 16)
        turned = np.maximum(0, epochs - 5)
        curves = history(
            0.05 + 1.5 * np.exp(-epochs / 3),
            1 - 0.5 * np.exp(-epochs / 3),
            (0.6 + np.exp(-epochs / 2) + 0.06 * turned) * (1 + rng.normal(0, 0.03, 15)),
            0.78 - 0.3 * np.exp(-epochs / 2) - 0.004 * turned + rng.normal(0, 0.01, 15),
        )
        found = advise(curves, 10)
        assert found.kind == "overfitting", seed
        assert 3 <= int(re.search(r"stop at epoch (\d+)", found.sentence)[1]) <= 8


def test_two_epochs_are_needed():
    assert advise({}, 10) is None
    assert advise(history([], [], [], []), 10) is None
    assert advise(history([1.0], [0.5], [1.0], [0.5]), 10) is None
    assert advise(history([1.0, None], [0.5, 0.6], [1.0, 0.9], [0.5, 0.6]), 10) is None
    assert advise(history([1.0, 0.9], [0.5, 0.6], [1.0, math.nan], [0.5, 0.6]), 10) is None


def test_epochs_with_missing_figures_are_left_out():
    whole = history([1.2, 9.9, 0.8], [0.5, 0.1, 0.65], [1.0, None, 0.7], [0.6, 0.0, 0.7])
    assert advise(whole, 10) == advise(history([1.2, 0.8], [0.5, 0.65], [1.0, 0.7], [0.6, 0.7]), 10)
