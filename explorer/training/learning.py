"""The training itself, in a process of its own: Keras's ``fit`` with one callback that tells and obeys.

Nothing here is called by the app; see :mod:`explorer.training.worker`.
"""

import contextlib
import errno
import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer import device, settings
from explorer.augmentation.feeding import feeds
from explorer.blocks import head_units, loss_name
from explorer.datasets import Dataset, Split
from explorer.errors import ExplorerError, RunError
from explorer.models.recipes import build
from explorer.training import checkpoints, lessons, schedules
from explorer.training.checkpoints import Place
from explorer.training.config import PLATEAU, TrainConfig
from explorer.training.folder import RESERVE_BYTES, WRITING, EventWriter, Folder, Wish
from explorer.training.reporting import EndedError, Reporter, not_a_number

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAX_TESTED_BATCH = 64


def work(folder: Folder) -> None:
    """Train the run of this folder until it is finished, stopped or failed, which its last event says."""
    events = EventWriter(folder.events)
    with contextlib.suppress(OSError):
        for left in folder.path.rglob(f"{WRITING}*.npz"):  # by a process that was killed
            left.unlink()
        folder.reserve.write_bytes(bytes(RESERVE_BYTES))
    try:
        Training(folder, events).go()
    except ExplorerError as error:
        _last_words(folder, events, "failed", str(error))
    except OSError as error:
        _last_words(folder, events, "failed", _of_disk(error))
    except (MemoryError, tf.errors.ResourceExhaustedError):
        _last_words(
            folder,
            events,
            "failed",
            "There is not enough memory. Take a smaller batch, smaller pictures or a smaller network.",
        )
    except Exception as error:
        _last_words(folder, events, "failed", f"Training broke off ({type(error).__name__}); see worker.log.")
        raise
    finally:
        folder.reserve.unlink(missing_ok=True)


def _last_words(folder: Folder, events: EventWriter, event: str, reason: str) -> None:
    """Say why it ended; the reserve makes room where the disk is full."""
    folder.reserve.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        events.write(event, reason=reason)


def _of_disk(error: OSError) -> str:
    if error.errno in FULL:
        return "The disk is full. Delete old runs or make room, then resume: the last checkpoint is still there."
    return f"The run's files cannot be written: {error.strerror or type(error).__name__}."


class Training:
    """One process's part of a run: from its beginning or its last checkpoint to its end.

    Attributes:
        folder: of the run.
        config: what is trained, and how.
        events: where it is told.
        place: how far it is.
        model: the network.
    """

    def __init__(self, folder: Folder, events: EventWriter) -> None:
        self.folder = folder
        self.events = events
        self.config = TrainConfig.from_json(folder.config.read_bytes())
        self.limits = settings.current()
        self.place = Place(rate=self.config.learning_rate)
        self.paused = 0.0

    def go(self) -> None:
        """Train, then test."""
        device.prepare()
        keras.utils.set_random_seed(self.config.seed)
        self._open()
        self._build()
        self._restore()
        self._say_started()
        self.take_rate(self.folder.wish())
        ending, reason = "finished", ""
        try:
            self._learn()
        except EndedError as ended:
            ending, reason = ended.event, str(ended)
        self._test()
        self.events.write(ending, reason=reason, epoch=self.place.epoch, used=self.used)

    # The pictures and the network

    def _open(self) -> None:
        about = lessons.describe(self.folder.about.read_bytes())
        data = about.get("data")
        lesson = lessons.prepare(self.config, lessons.given(self.config, data, self.folder))
        self.notes = list(lesson.notes)
        self.dataset: Dataset = lesson.dataset
        self.classes = len(self.dataset.class_names)
        self.steps = math.ceil(len(self.dataset.train) / self.config.batch_size)
        self.watched = np.asarray(self.dataset.validation.images[lesson.watched])
        if not self.folder.watched.is_file():
            labels = np.asarray(self.dataset.validation.labels)[lesson.watched]
            checkpoints.save_answers(self.folder.watched, images=self.watched, labels=labels)

    def _build(self) -> None:
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        mixed = self.config.mixed_precision and on_gpu
        if self.config.mixed_precision and not mixed:
            self.notes.append("Mixed precision needs a GPU; there is none here, so everything is float32.")
        self.model = build(
            self.config.stack,
            self.dataset.image_shape,
            self.classes,
            initializer=self.config.initializer,
            mixed_precision=mixed,
        )
        optimizer = optimizer_of(self.config)
        if mixed:  # float16 has no room for small gradients
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        self.model.compile(optimizer=optimizer, loss=loss_name(self.classes), metrics=[accuracy_of(self.classes)])
        self.model.optimizer.build(self.model.trainable_variables)
        self.predict = asker(self.model)

    def _restore(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        found = checkpoints.read_state(self.folder)
        if found is not None:
            self.place, weights, optimizer = found
            try:
                self.model.set_weights(weights)
                for variable, value in zip(self._beside(), optimizer, strict=True):
                    variable.assign(value)
            except ValueError as error:
                raise RunError("The run's checkpoint does not fit its network any more. Begin a new run.") from error
        self.best = schedules.Best(self.config.monitor, self.place.best)
        self.plateau = schedules.Best("val_loss", self.place.plateau)
        self.lowered = int(self.place.plateau.get("lowered", 0))

    def _say_started(self) -> None:
        tensorflow_device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        self.events.write(
            "started",
            epoch=self.place.epoch + 1,
            step=self.place.step,
            steps=self.steps,
            epochs=self.config.epochs,
            classes=list(self.dataset.class_names),
            shape=list(self.dataset.image_shape),
            parameters=self.model.count_params(),
            train=len(self.dataset.train),
            validation=len(self.dataset.validation),
            test=len(self.dataset.test),
            device=tensorflow_device,
        )
        for note in self.notes:
            self.events.write("note", sentence=note)
        if self.place.epoch == self.place.step == 0:
            self.folder.epochs.mkdir(exist_ok=True)
            checkpoints.save_weights(self.folder.epoch(0), self.model.get_weights())
            self.events.write("epoch", epoch=0, predictions=self._watch())

    # Learning

    def _learn(self) -> None:
        """The epochs that are left; one that was stopped in its middle is ended first."""
        if self.place.step:
            self._fit(self.place.epoch + 1, start=self.place.step)
        if self.place.epoch < self.config.epochs:
            self._fit(self.config.epochs, start=0)

    def _fit(self, until: int, start: int) -> None:
        train, validation = self._feeds(start)
        self.model.fit(
            train,
            validation_data=validation,
            initial_epoch=self.place.epoch,
            epochs=until,
            callbacks=[Reporter(self, start)],
            shuffle=False,  # the pipeline does it
            verbose=0,
        )

    def _feeds(self, start: int) -> tuple[Any, Any]:
        def pair(split: Split) -> tuple[NDArray[np.uint8], NDArray[Any]]:
            return split.images, np.asarray(split.labels)

        train, validation = feeds(
            pair(self.dataset.train),
            pair(self.dataset.validation),
            replace(self.config.augmentation, rescale=None),  # the network's first layer does it
            batch_size=self.config.batch_size,
            classes=self.classes,
            seed=self.config.seed,
            epoch=self.place.epoch,
            start=start,
        )
        if head_units(self.classes) == 1:
            train, validation = (
                each.map(lambda pixels, labels: (pixels, labels[:, 1:])) for each in (train, validation)
            )
        return train, validation

    def _watch(self) -> list[list[float]]:
        """What the network says of the watched pictures."""
        return [[round(float(share), 4) for share in row] for row in self._probabilities(self.watched)]

    def _probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Of each class, float32 (N, K)."""
        rows = []
        for start in range(0, len(images), MAX_TESTED_BATCH):
            raw = self.predict(tf.constant(np.asarray(images[start : start + MAX_TESTED_BATCH]), tf.float32)).numpy()
            rows.append(np.concatenate([1 - raw, raw], axis=1) if raw.shape[1] == 1 else raw)
        return np.concatenate(rows) if rows else np.empty((0, self.classes), np.float32)

    # After an epoch, and in the end

    def end_epoch(self, logs: dict[str, float], seconds: float) -> None:
        """Tell the epoch's figures, keep its weights, and decide whether there will be another.

        Raises:
            EndedError: early stopping.
            RunError: the loss is no number, or the run takes too much room.
        """
        place, config = self.place, self.config
        place.epoch, place.step = place.epoch + 1, 0
        place.seconds += seconds
        rate = self._rate_at(place.epoch * self.steps - 1)  # of the last step
        if not all(math.isfinite(value) for value in logs.values()):
            raise RunError(not_a_number(place.epoch, rate))
        better = self.best.see(logs[config.monitor], place.epoch)
        place.best = self.best.state
        self._lower(logs["val_loss"])
        weights, predictions = self.model.get_weights(), self._watch()
        checkpoints.save_weights(self.folder.epoch(place.epoch), weights)
        removed = checkpoints.prune(self.folder, {0, place.epoch, self.best.epoch}, self.limits.max_run_bytes)
        self._save_state(weights)
        self.events.write(
            "epoch",
            epoch=place.epoch,
            **{name: float(value) for name, value in logs.items()},
            learning_rate=rate,
            seconds=round(seconds, 3),
            best=better,
            predictions=predictions,
            **({"removed": removed} if removed else {}),
        )
        self._log(logs | {"learning_rate": rate}, place.epoch)
        if self.folder.size() > self.limits.max_run_bytes:
            raise RunError(
                f"The run takes more than {self.limits.max_run_bytes / 1e6:,.0f} MB on the disk, the limit here. "
                "Take a smaller network."
            )
        self._decide()

    def _decide(self) -> None:
        config = self.config
        if config.early_stopping and self.best.waited >= config.patience and self.place.epoch < config.epochs:
            name = "Validation loss" if config.monitor == "val_loss" else "Validation accuracy"
            waited = f"{self.best.waited} epochs" if self.best.waited > 1 else "one epoch"
            raise EndedError(
                f"Early stopping: {name.lower()} has not improved for {waited}; epoch {self.best.epoch} was best.",
                event="finished",
            )

    def _lower(self, loss: float) -> None:
        """Lower the rate where validation loss stands still."""
        if self.config.schedule == PLATEAU:
            self.plateau.see(loss, self.place.epoch)
            if self.plateau.waited >= self.config.plateau_patience:
                self.lowered += 1
                self.plateau.waited = 0
            self.place.plateau = {**self.plateau.state, "lowered": self.lowered}

    def rate(self) -> float:
        """The learning rate of the next step."""
        return self._rate_at(self.place.epoch * self.steps + self.place.step)

    def _rate_at(self, step: int) -> float:
        """The rate before a step: it never rises above one that was set by hand, even where epochs were added."""
        share = self._share(step)
        return self.place.rate * (min(1.0, share / self.place.share) if self.place.share > 0 else 1.0)

    def _share(self, step: int) -> float:
        lowered = self.config.plateau_factor**self.lowered if self.config.schedule == PLATEAU else 1.0
        return float(schedules.share(self.config, step, self.steps) * lowered)

    def take_rate(self, wish: Wish) -> None:
        """Go on with the learning rate that is wished, if that was not done yet; the schedule goes on from it."""
        if wish.number <= self.place.rates or wish.learning_rate is None:
            return
        self.place.rates, self.place.rate = wish.number, wish.learning_rate
        self.place.share = self._share(self.place.epoch * self.steps + self.place.step)
        self.events.write("rate", learning_rate=wish.learning_rate, epoch=self.place.epoch + 1, step=self.place.step)

    def save_now(self, seconds: float) -> None:
        """Keep everything as it is, in the middle of an epoch, after so many seconds of training."""
        self.place.seconds = seconds
        self._save_state(self.model.get_weights())

    def _save_state(self, weights: list[NDArray[Any]]) -> None:
        checkpoints.save_state(self.folder, self.place, weights, [np.asarray(each) for each in self._beside()])

    def _beside(self) -> list[Any]:
        """What a step depends on besides the weights: the optimizer's variables, and the seeds of dropout."""
        seeds = (getattr(layer, "seed_generator", None) for layer in self.model.layers)
        return [*self.model.optimizer.variables, *(each.state for each in seeds if each is not None)]

    @property
    def used(self) -> int:
        """The epoch whose weights are the run's answer; −1 for those of a stop within an epoch."""
        if self.config.early_stopping and self.config.restore_best and self.best.epoch:
            return self.best.epoch
        return -1 if self.place.step else self.place.epoch

    def _test(self) -> None:
        """Ask the network that the run ends with about every test picture."""
        split = self.dataset.test if len(self.dataset.test) else self.dataset.validation
        self.events.write("testing")
        if self.used > 0 and self.used != self.place.epoch:
            self.model.set_weights(checkpoints.read_weights(self.folder.epoch(self.used)))
        probabilities = self._probabilities(split.images)
        labels = np.asarray(split.labels)
        checkpoints.save_answers(self.folder.tested, probabilities=probabilities, labels=labels)
        own = np.clip(probabilities[np.arange(len(labels)), labels], keras.config.epsilon(), 1.0)
        self.events.write(
            "tested",
            split="test" if len(self.dataset.test) else "validation",
            loss=float(-np.log(own).mean()),
            accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
            pictures=len(labels),
        )

    def _log(self, figures: dict[str, float], epoch: int) -> None:
        """TensorBoard's log, one folder for training and one for validation, as Keras's own callback writes it."""
        for name, prefix in (("train", ""), ("validation", "val_")):
            with tf.Graph().as_default():
                writer = tf.compat.v1.summary.FileWriter(str(self.folder.logs / name), filename_suffix=f".{epoch}")
            for figure in ("loss", "accuracy", *(["learning_rate"] if name == "train" else [])):
                value = tf.compat.v1.Summary.Value(tag=f"epoch_{figure}", simple_value=figures[prefix + figure])
                writer.add_summary(tf.compat.v1.Summary(value=[value]), epoch)
            writer.close()


def asker(model: Any) -> Any:
    """The network as one compiled function: pixels float32 (N, H, W, C) in, what its last layer says out."""
    return tf.function(
        lambda pixels: model(pixels, training=False),
        input_signature=[tf.TensorSpec(model.input_shape, tf.float32)],
        autograph=False,
    )


def accuracy_of(classes: int) -> Any:
    """Keras's accuracy; of labels that MixUp has blended between two classes, the nearer one counts.

    By its name alone Keras would make its variables within the first step, and trace that step twice.
    """
    if head_units(classes) > 1:
        return keras.metrics.CategoricalAccuracy(name="accuracy")

    def nearer(labels: Any, given: Any) -> Any:
        return keras.metrics.binary_accuracy(keras.ops.round(labels), given)

    return keras.metrics.MeanMetricWrapper(nearer, name="accuracy")


def optimizer_of(config: TrainConfig) -> Any:
    """Keras's optimizer for a configuration."""
    rate = config.learning_rate
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=config.nesterov)
    if config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate, momentum=config.momentum)
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    return keras.optimizers.Adam(rate)
