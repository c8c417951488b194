"""The learning rate at each step, as a share of the one that was asked for."""

import math

from explorer.training.config import COSINE, EXPONENTIAL, TIME, TrainConfig


def share(config: TrainConfig, step: int, steps: int) -> float:
    """What the learning rate is multiplied by before one step.

    Time decay is that of Keras's older optimizers, ``1 / (1 + decay · step)``; exponential is ``factor ** epoch``;
    cosine is ``(1 + cos(π · step / all steps)) / 2`` (Loshchilov & Hutter 2017, one period). On a plateau the rate
    depends on validation, see :class:`Best`; here it is 1.

    Args:
        config: the schedule with its numbers.
        step: corrections of the weights so far, from 0.
        steps: of one epoch.

    >>> cosine = TrainConfig(schedule="cosine", epochs=2)
    >>> [round(share(cosine, step, 4), 3) for step in (0, 4, 8)]
    [1.0, 0.5, 0.0]
    >>> share(TrainConfig(schedule="exponential", exponential_decay=0.5), 9, 4)
    0.25
    """
    if config.schedule == TIME:
        return 1 / (1 + config.time_decay * step)
    if config.schedule == EXPONENTIAL:
        return float(config.exponential_decay ** (step // max(1, steps)))
    if config.schedule == COSINE:
        return 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps * config.epochs))))
    return 1.0


class Best:
    """The best value of what is watched, and for how many epochs it has not been beaten."""

    def __init__(self, monitor: str, state: dict[str, float] | None = None) -> None:
        """Begin anew, or go on from what :attr:`state` gave."""
        self.rises = monitor == "val_accuracy"
        begun = state or {}
        self.value = begun.get("value", -math.inf if self.rises else math.inf)
        self.epoch = int(begun.get("epoch", 0))
        self.waited = int(begun.get("waited", 0))

    def see(self, value: float, epoch: int) -> bool:
        """Take an epoch's value; whether it is the best so far.

        >>> best = Best("val_loss")
        >>> [best.see(value, epoch) for epoch, value in enumerate((0.5, 0.4, 0.6, 0.4), 1)], best.epoch, best.waited
        ([True, True, False, False], 2, 2)
        """
        better = value > self.value if self.rises else value < self.value
        if better:
            self.value, self.epoch, self.waited = value, epoch, 0
        else:
            self.waited += 1
        return better

    @property
    def state(self) -> dict[str, float]:
        """What :class:`Best` goes on from."""
        known = {"value": self.value} if math.isfinite(self.value) else {}
        return {**known, "epoch": self.epoch, "waited": self.waited}
