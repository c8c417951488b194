"""Keras's callback of a run: between two batches it tells what happened, and does what is wished."""

import math
import time
from typing import TYPE_CHECKING, Any

import keras

from explorer.errors import RunError
from explorer.training.folder import BY_HAND, PAUSE, STOP
from explorer.training.pace import Pace

if TYPE_CHECKING:
    from explorer.training.learning import Training

TELL_SECONDS = 0.2
"""Between two events of batches."""
LOOK_SECONDS = 0.1
"""Between two looks at what is wished."""


class EndedError(Exception):
    """Training ends before its last epoch; the sentence says why.

    Attributes:
        event: what the run then is, "finished" or "stopped".
    """

    def __init__(self, reason: str, event: str = "stopped") -> None:
        super().__init__(reason)
        self.event = event


class Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Between two batches: tells what happened, and does what is wished."""

    def __init__(self, training: "Training", start: int) -> None:
        super().__init__()
        self.training = training
        self.start = start
        self.told = 0.0
        self.looked = 0.0
        self.begun = 0.0
        self.paused = 0.0
        self.ended = math.nan
        self.pace = Pace(math.ceil(len(training.dataset.validation) / training.config.batch_size))
        self.rate = math.nan

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Begin to count."""
        self.told_seen = self.told_loss = self.told_right = self.paused = 0.0
        self.begun = self.told = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Set the step's learning rate."""
        rate = self.training.rate()
        if rate != self.rate:
            self.rate = self.model.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell a few times a second; obey ten times a second."""
        training = self.training
        training.place.step = self.start + batch + 1
        first = training.place.epoch == 0 and training.place.step == 1
        now = time.monotonic()
        if batch == 0:  # it waited for the pipeline to fill, and the very first one for tracing
            if not math.isnan(self.ended):
                self.pace.rested(now - self.ended)
            self.timed, self.timed_batches = now, 1
        if training.place.step == training.steps:
            self.ended = now
        if now - self.told >= TELL_SECONDS or first:
            self._tell(batch + 1, logs, now)
        if now - self.looked >= LOOK_SECONDS and training.place.step < training.steps:
            self.looked = now
            self._obey()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Hand the figures over."""
        self.start = 0
        figures = {name: float(value) for name, value in logs.items()}
        self.training.end_epoch(figures, time.monotonic() - self.begun - self.paused)
        self.begun, self.paused = time.monotonic(), 0.0
        if self.training.place.epoch < self.training.config.epochs:
            self._obey()

    def _tell(self, batches: int, logs: Any, now: float) -> None:
        training = self.training
        count = min(batches * training.config.batch_size, len(training.dataset.train))
        loss, accuracy = float(logs["loss"]), float(logs["accuracy"])
        if not math.isfinite(loss):
            raise RunError(not_a_number(training.place.epoch + 1, training.rate()))
        since = max(1.0, count - self.told_seen)
        batch_loss = (loss * count - self.told_loss) / since  # Keras tells the means of the epoch so far
        batch_accuracy = (accuracy * count - self.told_right) / since
        epochs = training.config.epochs - training.place.epoch
        left = epochs * training.steps - training.place.step
        if batches > self.timed_batches:
            self.pace.saw(batches - self.timed_batches, now - self.timed)
            self.timed, self.timed_batches = now, batches
        training.events.write(
            "batch",
            epoch=training.place.epoch + 1,
            step=training.place.step,
            steps=training.steps,
            loss=loss,
            accuracy=accuracy,
            batch_loss=max(0.0, batch_loss),
            batch_accuracy=min(1.0, max(0.0, batch_accuracy)),
            learning_rate=training.rate(),
            images_per_second=round(training.config.batch_size / self.pace.batch, 1) if self.pace.batch else None,
            seconds_left=round(self.pace.left(left, epochs), 1),
        )
        self.told = now
        self.told_seen, self.told_loss, self.told_right = count, loss * count, accuracy * count

    def _obey(self) -> None:
        training = self.training
        wish = training.folder.wish()
        training.take_rate(wish)
        if wish.wanted == PAUSE:
            wish = self._pause()
        spent = training.place.seconds + time.monotonic() - self.begun - self.paused
        if wish.wanted == STOP:
            training.save_now(spent)
            raise EndedError(BY_HAND)
        if spent > training.limits.max_run_seconds:
            training.save_now(spent)
            raise EndedError(f"{training.limits.max_run_seconds:.0f} seconds of training are the limit here.")

    def _pause(self) -> Any:
        """Wait for another wish; too long a pause becomes a stop."""
        training = self.training
        begun = time.monotonic()
        spent = training.place.seconds + begun - self.begun - self.paused
        training.events.write("paused", epoch=training.place.epoch + 1, step=training.place.step)
        while (wish := training.folder.wish()).wanted == PAUSE:
            if not training.folder.path.is_dir():
                raise RunError("The run was deleted.")
            if training.paused + time.monotonic() - begun > training.limits.max_paused_seconds:
                training.save_now(spent)
                raise EndedError("It was paused for too long. Resume goes on from here.")
            time.sleep(LOOK_SECONDS)
        training.take_rate(wish)
        pause = time.monotonic() - begun
        self.paused += pause
        training.paused += pause
        self.timed += pause
        self.ended += pause
        if wish.wanted != STOP:
            training.events.write("resumed")
        return wish


def not_a_number(epoch: int, rate: float) -> str:
    """Why the loss is no number."""
    return (
        f"The loss is not a number in epoch {epoch}: the steps were too long and the weights grew without bounds. "
        f"The learning rate was {rate:g}; try a tenth of it."
    )
