"""Learning rates against the schedules and callbacks of Keras."""

import keras
import numpy as np
import pytest

from explorer.training import schedules
from explorer.training.config import TrainConfig

STEPS = 7
RATE = 0.25


def rates(config, count):
    return [RATE * schedules.share(config, step, STEPS) for step in range(count)]


@pytest.mark.parametrize(
    ("config", "oracle"),
    [
        (
            TrainConfig(schedule="exponential", exponential_decay=0.8, epochs=4),
            keras.optimizers.schedules.ExponentialDecay(RATE, STEPS, 0.8, staircase=True),
        ),
        (
            TrainConfig(schedule="cosine", epochs=4),
            keras.optimizers.schedules.CosineDecay(RATE, 4 * STEPS),
        ),
        (
            TrainConfig(schedule="time", time_decay=0.05, epochs=4),
            keras.optimizers.schedules.InverseTimeDecay(RATE, 1, 0.05),
        ),
        (TrainConfig(schedule="constant"), lambda step: RATE),  # noqa: ARG005
        (TrainConfig(schedule="plateau"), lambda step: RATE),  # noqa: ARG005
    ],
    ids=lambda each: getattr(each, "schedule", ""),
)
def test_the_rate_of_every_step_is_that_of_keras(config, oracle):
    """The last steps are past the last epoch: a cosine stays at 0."""
    expected = [float(oracle(step)) for step in range(5 * STEPS)]
    assert np.allclose(rates(config, 5 * STEPS), expected, rtol=1e-5, atol=1e-8)


def test_a_run_without_steps_has_a_rate():
    for name in ("time", "exponential", "cosine"):
        assert schedules.share(TrainConfig(schedule=name), 0, 0) == 1.0


CURVES = [np.round(np.random.default_rng(seed).random(25), 1) for seed in range(8)]


class Model:
    """As much of a model as a callback of Keras asks for."""

    def __init__(self):
        self.stop_training = False
        self.weights = 0

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
@pytest.mark.parametrize("patience", [1, 2, 4])
def test_waiting_is_that_of_keras_s_early_stopping(monitor, patience):
    """Curves with ties, which are no improvement; the epoch it stops at, and the best one."""
    for curve in CURVES:
        oracle = keras.callbacks.EarlyStopping(
            monitor, patience=patience, mode="max" if monitor == "val_accuracy" else "min"
        )
        oracle.set_model(Model())
        oracle.on_train_begin()
        best = schedules.Best(monitor)
        for epoch, value in enumerate(curve.tolist(), 1):
            oracle.on_epoch_end(epoch - 1, {monitor: value})
            best.see(value, epoch)
            best = schedules.Best(monitor, best.state)  # as after a resume
            assert (best.waited >= patience) == oracle.model.stop_training
            assert best.epoch == oracle.best_epoch + 1
            assert best.value == oracle.best
            if oracle.model.stop_training:
                break


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_best_by_hand(monitor):
    best = schedules.Best(monitor)
    assert best.state == {"epoch": 0, "waited": 0}
    values = (0.5, 0.7, 0.7, 0.6, 0.4)
    better = [best.see(value, epoch) for epoch, value in enumerate(values, 1)]
    if monitor == "val_loss":
        assert better == [True, False, False, False, True]
        assert best.state == {"value": 0.4, "epoch": 5, "waited": 0}
    else:
        assert better == [True, True, False, False, False]
        assert best.state == {"value": 0.7, "epoch": 2, "waited": 3}
