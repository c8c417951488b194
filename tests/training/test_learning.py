"""Training in this process, against bare Keras: figures, checkpoints, wishes, endings, limits."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer import settings
from explorer.augmentation import Augmentation, feeds
from explorer.blocks import Block
from explorer.models.recipes import build
from explorer.training import checkpoints, learning, reporting
from explorer.training.folder import EventWriter, Wish
from tests.training.conftest import CONFIG, STACK, begin, tiny, told

DROPPING = (
    Block("convolution", filters=2),
    Block("normalisation"),
    Block("dropout", rate=0.3),
    Block("flatten"),
    Block("dense", units=4),
)
"""With everything that a checkpoint has to hold: moving averages, and the seeds of dropout."""
HARD = CONFIG.but(
    blocks=DROPPING,
    schedule="cosine",
    initializer="he_normal",
    augmentation=Augmentation(horizontal_flip=True, width_shift_range=0.2, mixup=0.4),
)
STEPS = 4
"""Of an epoch of 100 pictures in batches of 32."""


class KilledError(BaseException):
    """Stands for a kill: nothing in the package catches it."""


@pytest.fixture
def when(monkeypatch):
    """Does something right after an event, which is told of every batch: ``when["batch", 2, 3] = …``."""
    plans = {}
    monkeypatch.setattr(reporting, "TELL_SECONDS", 0)
    monkeypatch.setattr(reporting, "LOOK_SECONDS", 0)
    write = EventWriter.write

    def writing(self, event, **values):
        write(self, event, **values)
        act = plans.pop((event, values.get("epoch"), values.get("step")), None)
        if act is not None:
            act()

    monkeypatch.setattr(EventWriter, "write", writing)
    return plans


def kill():
    raise KilledError


def train(folder):
    learning.work(folder)
    return told(folder)


def limited(monkeypatch, profile="LOCAL", **limits):
    monkeypatch.setattr(settings, profile, replace(getattr(settings, profile), **limits))


def weights_of(folder, epoch):
    return checkpoints.read_weights(folder.epoch(epoch))


def assert_same(ones, others, tolerance=1e-6):
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=tolerance)


def assert_same_state(one, other):
    """Weights, moments, seeds and place, but for the time that it took."""
    (place, weights, beside), (place_2, weights_2, beside_2) = map(checkpoints.read_state, (one, other))
    assert replace(place, seconds=0) == replace(place_2, seconds=0, rates=place.rates)
    assert_same(weights, weights_2)
    assert_same(beside, beside_2)


def bare(config, dataset, optimizer, **options):
    """What Keras makes of the same pictures by itself: the model and its history."""
    classes = len(dataset.class_names)
    keras.utils.set_random_seed(config.seed)
    model = build(config.stack, dataset.image_shape, classes, initializer=config.initializer)
    loss = "binary_crossentropy" if classes == 2 else "categorical_crossentropy"
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    pairs = [(split.images, np.asarray(split.labels)) for split in (dataset.train, dataset.validation)]
    fed, watched = feeds(*pairs, config.augmentation, batch_size=config.batch_size, classes=classes, seed=config.seed)
    if classes == 2:
        fed, watched = (each.map(lambda pixels, labels: (pixels, labels[:, 1:])) for each in (fed, watched))
    epochs = config.epochs
    history = model.fit(fed, validation_data=watched, epochs=epochs, shuffle=False, verbose=0, **options).history
    return model, history


def assert_history(story, history):
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(story.history[name], history[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def plain(runs_of_the_module):
    """A run of three epochs from beginning to end."""
    folder = begin(runs_of_the_module)
    learning.work(folder)
    return folder


@pytest.fixture(scope="module")
def dropping(runs_of_the_module):
    """Three epochs with everything at once, not interrupted."""
    folder = begin(runs_of_the_module, HARD)
    learning.work(folder)
    return folder


# Against Keras


def test_a_run_is_what_keras_makes_of_the_same_pictures(plain):
    story = told(plain)
    assert (story.last, story.reason, story.used, story.epoch) == ("finished", "", 3, 3)
    model, history = bare(CONFIG, tiny(), keras.optimizers.Adam(0.01))
    assert_history(story, history)
    assert story.history["learning_rate"] == [0.01] * 3
    assert_same(weights_of(plain, 3), model.get_weights())
    assert history["loss"][2] < history["loss"][0]


def test_what_it_says_when_it_begins(plain):
    started = told(plain).started
    assert (started["classes"], started["shape"]) == (["a", "b", "c"], [8, 8, 1])
    assert (started["epoch"], started["step"], started["steps"], started["epochs"]) == (1, 0, STEPS, 3)
    assert (started["train"], started["validation"], started["test"]) == (100, 30, 33)
    assert started["parameters"] == 20 + 9
    assert started["device"] in ("CPU", "GPU")


def test_the_test_s_numbers_are_those_of_keras(plain):
    dataset, model = tiny(), build(STACK, (8, 8, 1), 3)
    model.set_weights(weights_of(plain, 3))
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    images = dataset.test.images.astype(np.float32)
    loss, accuracy = model.evaluate(images, dataset.test.labels, verbose=0)
    tested = told(plain).tested
    assert tested["split"] == "test"
    assert tested["pictures"] == 33
    assert tested["loss"] == pytest.approx(loss, rel=1e-4)
    assert tested["accuracy"] == pytest.approx(accuracy)
    with np.load(plain.tested) as saved:
        np.testing.assert_allclose(saved["probabilities"], model.predict(images, verbose=0), atol=1e-5)
        assert saved["probabilities"].dtype == np.float32
        assert saved["labels"].tolist() == dataset.test.labels.tolist()


def test_the_watched_pictures_are_of_validation_and_asked_after_every_epoch(plain):
    story, dataset = told(plain), tiny()
    with np.load(plain.watched) as saved:
        images, labels = saved["images"], saved["labels"]
    known = {image.tobytes(): label for image, label in zip(*vars_of(dataset.validation), strict=True)}
    assert [known[image.tobytes()] for image in images] == labels.tolist()
    model = build(STACK, (8, 8, 1), 3)
    assert sorted(story.epochs) == plain.kept_epochs() == [0, 1, 2, 3]
    for epoch, told_of in story.epochs.items():
        model.set_weights(weights_of(plain, epoch))
        expected = model.predict(images.astype(np.float32), verbose=0)
        np.testing.assert_allclose(told_of["predictions"], expected, atol=1e-4)


def vars_of(split):
    return split.images, split.labels


def test_the_kernels_of_each_epoch_can_be_had(plain):
    for epoch in range(4):
        first = checkpoints.read_first_kernel(plain.epoch(epoch))
        assert first.shape == (3, 3, 1, 2)
        assert (first == weights_of(plain, epoch)[0]).all()


def test_tensorboard_can_read_the_log(plain):
    """One folder for training and one for validation, a value an epoch."""
    story, found = told(plain), {}
    for path in sorted(plain.logs.glob("*/*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault((path.parent.name, value.tag), []).append((event.step, value.simple_value))
    for part, tag, name in (
        ("train", "epoch_loss", "loss"),
        ("train", "epoch_accuracy", "accuracy"),
        ("train", "epoch_learning_rate", "learning_rate"),
        ("validation", "epoch_loss", "val_loss"),
        ("validation", "epoch_accuracy", "val_accuracy"),
    ):
        steps, values = zip(*sorted(found.pop((part, tag))), strict=True)
        assert steps == (1, 2, 3)
        assert values == pytest.approx(story.history[name], rel=1e-5)
    assert not found


def test_nothing_is_left_over(plain):
    names = {path.name for path in plain.path.iterdir()}
    assert names == {
        *("config.json", "run.json", "events.jsonl", "data", "epochs", "state.npz", "watched.npz", "test.npz"),
        "tensorboard",
    }


ORACLES = [
    (
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    ),
    ({"optimizer": "sgd", "weight_decay": 0.5}, keras.optimizers.SGD(0.01)),
    ({"optimizer": "rmsprop", "momentum": 0.2}, keras.optimizers.RMSprop(0.01, momentum=0.2)),
    ({"optimizer": "adamw", "weight_decay": 0.1}, keras.optimizers.AdamW(0.01, weight_decay=0.1)),
    ({"optimizer": "adam", "momentum": 0.9}, keras.optimizers.Adam(0.01)),
]


@pytest.mark.parametrize(("changes", "oracle"), ORACLES)
def test_optimizers_are_keras_s(changes, oracle):
    made = learning.optimizer_of(CONFIG.but(**changes))
    assert type(made) is type(oracle)
    assert made.get_config() | {"name": ""} == oracle.get_config() | {"name": ""}


def test_dropout_normalisation_augmentation_and_blended_labels_are_keras_s(dropping):
    cosine = keras.optimizers.schedules.CosineDecay(0.01, 3 * STEPS)
    model, history = bare(HARD, tiny(), keras.optimizers.Adam(cosine))
    assert_history(told(dropping), history)
    assert_same(weights_of(dropping, 3), model.get_weights(), 1e-5)


def test_two_classes_end_in_a_sigmoid_and_of_blended_labels_the_nearer_one_counts(runs_dir):
    """Keras's own accuracy of a sigmoid finds no blended label right, whatever the network says."""
    config, dataset = CONFIG.but(epochs=2, augmentation=Augmentation(mixup=1.0)), tiny(classes=2)
    folder = begin(runs_dir, config, dataset)
    story = train(folder)
    model, history = bare(config, dataset, keras.optimizers.Adam(0.01))
    assert model.layers[-1].units == 1
    for name in ("loss", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(story.history[name], history[name], rtol=1e-4)
    assert min(story.history["accuracy"]) > 0.3 > max(history["accuracy"])
    loss, accuracy = model.evaluate(dataset.test.images.astype(np.float32), dataset.test.labels, verbose=0)
    assert story.tested["loss"] == pytest.approx(loss, rel=1e-4)
    assert story.tested["accuracy"] == pytest.approx(accuracy)
    with np.load(folder.tested) as saved:
        assert saved["probabilities"].shape == (33, 2)
        np.testing.assert_allclose(saved["probabilities"].sum(1), 1, rtol=1e-6)


def test_the_nearer_label_by_hand():
    given = np.array([[0.2], [0.45], [0.9], [0.55], [1.0], [0.0]], np.float32)
    said = np.array([[0.4], [0.6], [0.8], [0.7], [0.3], [0.1]], np.float32)
    metric = learning.accuracy_of(2)
    metric.update_state(given, said)
    assert float(metric.result()) == pytest.approx(4 / 6)


# Interrupted


def test_stopped_within_an_epoch_and_resumed_is_as_if_never_stopped(runs_dir, when, dropping):
    folder = begin(runs_dir, told_config(dropping))
    when["batch", 2, 3] = lambda: folder.put_wish(Wish("stop"))
    story = train(folder)
    assert (story.last, story.reason, story.used, story.epoch) == ("stopped", "Stopped by hand.", -1, 1)
    place = checkpoints.read_state(folder)[0]
    assert (place.epoch, place.step) == (1, 3)
    assert story.tested["pictures"] == 33
    folder.put_wish(Wish("run"))
    story = train(folder)
    assert (story.last, story.started["epoch"], story.started["step"]) == ("finished", 2, 3)
    assert_same_state(folder, dropping)
    assert_same(weights_of(folder, 3), weights_of(dropping, 3))
    whole = told(dropping).history
    for name in ("val_loss", "val_accuracy", "learning_rate"):
        np.testing.assert_allclose(story.history[name], whole[name], rtol=1e-4)
    assert story.history["loss"][2] == pytest.approx(whole["loss"][2], rel=1e-4)
    numbers = [(each["epoch"], each["step"]) for each in story.batches]
    assert numbers == [(epoch, step) for epoch in (1, 2, 3) for step in range(1, STEPS + 1)]


def told_config(folder):
    return learning.TrainConfig.from_json(folder.config.read_bytes())


def test_killed_within_an_epoch_and_resumed_loses_that_epoch_alone(runs_dir, when, dropping):
    folder = begin(runs_dir, told_config(dropping))
    when["batch", 3, 2] = kill
    with pytest.raises(KilledError):
        learning.work(folder)
    assert (told(folder).last, told(folder).epoch) == ("started", 2)
    story = train(folder)
    assert (story.last, story.started["epoch"], story.started["step"]) == ("finished", 3, 0)
    assert_same_state(folder, dropping)
    assert story.history["val_loss"] == pytest.approx(told(dropping).history["val_loss"], rel=1e-4)


def test_killed_before_the_first_checkpoint_it_begins_anew(runs_dir, when, plain):
    folder = begin(runs_dir)
    when["batch", 1, 2] = kill
    with pytest.raises(KilledError):
        learning.work(folder)
    (folder.epochs / ".writing-0001.npz").touch()
    folder.epoch(0).unlink()  # killed even before that one
    story = train(folder)
    assert folder.kept_epochs() == [0, 1, 2, 3]
    assert_same_state(folder, plain)
    assert sorted(story.epochs) == [0, 1, 2, 3]
    assert [path.name for path in folder.path.rglob(".writing-*")] == []


def test_stopped_with_the_last_batch_the_epoch_is_ended_and_the_last_one_finishes_the_run(runs_dir, when):
    """The last batch is smaller: nothing is left of the epoch to go on with."""
    folder = begin(runs_dir, CONFIG.but(epochs=2))
    when["batch", 1, STEPS] = lambda: folder.put_wish(Wish("stop"))
    story = train(folder)
    assert (story.last, story.epoch, story.used) == ("stopped", 1, 1)
    folder.put_wish(Wish("run"))
    when["batch", 2, STEPS] = lambda: folder.put_wish(Wish("stop"))
    story = train(folder)
    assert (story.last, story.history["epoch"]) == ("finished", [1, 2])


def test_a_finished_run_goes_on_with_more_epochs_and_not_with_another_network(runs_dir, plain):
    folder = begin(runs_dir, CONFIG.but(epochs=1))
    train(folder)
    folder.config.write_text(CONFIG.but(blocks=DROPPING).to_json())
    story = train(folder)
    assert story.last == "failed"
    assert story.reason == "The run's checkpoint does not fit its network any more. Begin a new run."
    folder.config.write_text(CONFIG.to_json())
    story = train(folder)
    assert (story.last, story.history["epoch"]) == ("finished", [1, 2, 3])
    assert_same_state(folder, plain)


# Wishes


def test_another_rate_is_obeyed_with_the_next_batch_and_the_schedule_goes_on_from_it(runs_dir, when, monkeypatch):
    """0.5 after step 2 of epoch 2, where the factor is 0.8: 0.4 in the next epoch; once, also after a resume.

    The rate of an epoch is that of its last step; that of a batch's event is the next one's.
    """
    config = CONFIG.but(optimizer="sgd", schedule="exponential", exponential_decay=0.8, epochs=4)
    folder, taken, end = begin(runs_dir, config), [], reporting.Reporter.on_train_batch_end

    def ending(self, batch, logs=None):
        taken.append(float(self.model.optimizer.learning_rate))
        end(self, batch, logs)

    monkeypatch.setattr(reporting.Reporter, "on_train_batch_end", ending)
    when["batch", 2, 2] = lambda: folder.put_wish(Wish("run", 0.5, 1))
    when["batch", 3, 1] = lambda: folder.put_wish(Wish("stop", 0.5, 1))
    train(folder)
    folder.put_wish(Wish("run", 0.5, 1))
    story = train(folder)
    assert taken == pytest.approx([0.01] * 4 + [0.008] * 2 + [0.5] * 2 + [0.4] * 4 + [0.32] * 4)
    assert [(each["learning_rate"], each["epoch"], each["step"]) for each in story.rates] == [(0.5, 2, 2)]
    assert story.history["learning_rate"] == pytest.approx([0.01, 0.5, 0.4, 0.32])


def test_a_rate_set_by_hand_never_rises_though_epochs_are_added(runs_dir):
    """Set late in a cosine of 4 epochs; with 40 the cosine's share there is larger."""
    folder = begin(runs_dir, CONFIG.but(schedule="cosine", epochs=4))
    rates = []
    for epochs in (4, 40):
        folder.config.write_text(told_config(folder).but(epochs=epochs).to_json())
        training = learning.Training(folder, EventWriter(folder.events))
        training.steps, training.lowered = STEPS, 0
        training.place = checkpoints.Place(3, 1, rate=0.5, share=0.5 * (1 + np.cos(np.pi * 13 / 16)), rates=1)
        rates.append(training.rate())
        training.place.step = 3
        rates.append(training.rate())
    later = 0.5 * (1 + np.cos(np.pi * 15 / 16)) / (1 + np.cos(np.pi * 13 / 16))
    assert rates == pytest.approx([0.5, later, 0.5, 0.5])


def test_paused_it_waits_and_obeys_what_was_wished_meanwhile(runs_dir, when, monkeypatch):
    """Run on with another rate; wait for too long; stop."""
    limited(monkeypatch, max_paused_seconds=0.3)
    folder = begin(runs_dir)
    when["batch", 2, 1] = lambda: folder.put_wish(Wish("pause"))
    when["paused", 2, 1] = lambda: folder.put_wish(Wish("run", 0.02, 1))
    when["batch", 2, 3] = lambda: folder.put_wish(Wish("pause", 0.02, 1))
    story = train(folder)
    names = [json.loads(line)["event"] for line in folder.events.read_text().splitlines()]
    assert [name for name in names if name in ("paused", "rate", "resumed")] == ["paused", "rate", "resumed", "paused"]
    assert [each["step"] for each in story.rates] == [1]
    assert (story.last, story.reason) == ("stopped", "It was paused for too long. Resume goes on from here.")
    place = checkpoints.read_state(folder)[0]
    assert (place.epoch, place.step, place.rate) == (1, 3, 0.02)
    folder.put_wish(Wish("run", 0.02, 1))
    when["batch", 3, 2] = lambda: folder.put_wish(Wish("pause", 0.02, 1))
    when["paused", 3, 2] = lambda: folder.put_wish(Wish("stop", 0.02, 1))
    story = train(folder)
    assert (story.last, story.reason, story.epoch) == ("stopped", "Stopped by hand.", 2)
    assert checkpoints.read_state(folder)[0].step == 2


# Endings


def test_early_stopping_ends_with_the_best_weights_and_a_plateau_lowers_the_rate(runs_dir):
    """Steps that are too long, so that validation gets worse now and then; both as Keras's callbacks do it."""
    config = CONFIG.but(
        optimizer="sgd",
        learning_rate=20.0,
        epochs=30,
        early_stopping=True,
        patience=3,
        schedule="plateau",
        plateau_factor=0.7,
        plateau_patience=2,
    )
    folder = begin(runs_dir, config)
    story = train(folder)
    losses = story.history["val_loss"]
    best = int(np.argmin(losses)) + 1
    assert (story.last, story.used) == ("finished", best)
    assert story.epoch == best + 3 < 30
    assert story.reason == (f"Early stopping: validation loss has not improved for 3 epochs; epoch {best} was best.")
    stops = keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    waits = keras.callbacks.ReduceLROnPlateau(factor=0.7, patience=2, min_delta=0, min_lr=0)
    model, history = bare(config, tiny(), keras.optimizers.SGD(20.0), callbacks=[waits, stops])
    assert_history(story, history)
    assert story.history["learning_rate"] == pytest.approx(history["learning_rate"])
    assert len(set(history["learning_rate"])) > 1
    assert_same(weights_of(folder, story.used), model.get_weights(), 1e-4)
    tested = model.predict(tiny().test.images.astype(np.float32), verbose=0)
    with np.load(folder.tested) as saved:
        np.testing.assert_allclose(saved["probabilities"], tested, atol=1e-3)
    assert [each["best"] for number, each in story.epochs.items() if number] == [
        loss < min([np.inf, *losses[:place]]) for place, loss in enumerate(losses)
    ]


def test_without_restoring_it_ends_with_the_last_weights(runs_dir):
    config = CONFIG.but(
        optimizer="sgd", learning_rate=30.0, epochs=30, early_stopping=True, patience=1, restore_best=False
    )
    story = train(begin(runs_dir, config))
    assert story.used == story.epoch < 30
    assert "has not improved for one epoch" in story.reason


def test_a_loss_that_is_no_number_at_once(runs_dir):
    """No checkpoint yet: what was there before the first step is all there is."""
    config = CONFIG.but(blocks=(Block("flatten"), Block("dense", activation="linear")), optimizer="sgd")
    dataset = tiny()
    folder = begin(runs_dir, config.but(learning_rate=100.0, batch_size=1, epochs=2), dataset)
    story = train(folder)
    assert story.last == "failed"
    assert story.reason == (
        "The loss is not a number in epoch 1: the steps were too long and the weights grew without bounds. "
        "The learning rate was 100; try a tenth of it."
    )
    assert folder.kept_epochs() == [0]
    assert checkpoints.read_state(folder) is None
    assert not story.tested


def test_a_loss_that_is_no_number_later_leaves_the_last_checkpoint(runs_dir, when, plain):
    folder = begin(runs_dir, CONFIG.but(blocks=(Block("flatten"), Block("dense", activation="linear"))))
    when["batch", 2, 2] = lambda: folder.put_wish(Wish("run", 100.0, 1))
    config = told_config(folder).but(optimizer="sgd", epochs=40)
    folder.config.write_text(config.to_json())
    story = train(folder)
    assert story.last == "failed"
    assert "The learning rate was 100; try a tenth of it." in story.reason
    place, weights, _ = checkpoints.read_state(folder)
    assert place.epoch == story.epoch == max(folder.kept_epochs())
    assert all(np.isfinite(weight).all() for weight in weights)
    json.loads(folder.events.read_text().splitlines()[-1], parse_constant=pytest.fail)
    folder.put_wish(Wish("run", 1e-6, 2))
    folder.config.write_text(config.but(epochs=place.epoch + 1).to_json())
    assert train(folder).last == "finished", "a smaller rate helps"
    assert plain


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "The disk is full. Delete old runs or make room, then resume"),
        (PermissionError(13, "Permission denied"), "The run's files cannot be written: Permission denied."),
        (MemoryError(), "There is not enough memory. Take a smaller batch"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), "There is not enough memory. Take a smaller batch"),
    ],
    ids=["disk", "rights", "memory", "memory of TensorFlow"],
)
def test_what_the_machine_refuses_gives_a_sentence(runs_dir, monkeypatch, error, said):
    folder = begin(runs_dir)

    def refuse(*_):
        raise error

    monkeypatch.setattr(learning.Training, "_open", refuse)
    story = train(folder)
    assert story.last == "failed"
    assert story.reason.startswith(said)
    assert not folder.reserve.exists()


def test_a_fault_of_ours_is_told_and_not_hidden(runs_dir, monkeypatch):
    folder = begin(runs_dir)
    monkeypatch.setattr(learning.Training, "_open", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        learning.work(folder)
    assert told(folder).reason == "Training broke off (ZeroDivisionError); see worker.log."


def test_a_dataset_that_cannot_be_had_gives_its_sentence(runs_dir, monkeypatch, tmp_path):
    folder = begin(runs_dir)
    (folder.data / "test_images.npy").unlink()
    assert train(folder).reason == "The run's pictures cannot be read any more."
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path))
    folder.about.write_text("{}")
    assert train(folder).reason.startswith("There is no dataset 'tiny'; there is ")


# The pictures


def test_held_out_small_and_resized_pictures_are_told_of(runs_dir):
    config = CONFIG.but(epochs=1, image_size=6, train_pictures=60, mixed_precision=True)
    folder = begin(runs_dir, config, tiny(validation=0, test=0))
    story = train(folder)
    assert story.notes[:3] == [
        "The dataset has no pictures to validate with: 10 of those to learn from were held out.",
        "It learns from 60 of 90 pictures, drawn evenly from the classes.",
        "The pictures were made to 6 × 6 pixels; they had 8 × 8.",
    ]
    assert (story.started["train"], story.started["validation"], story.started["shape"]) == (60, 10, [6, 6, 1])
    assert (story.tested["split"], story.tested["pictures"]) == ("validation", 10)
    if story.started["device"] == "CPU":
        assert story.notes[3].startswith("Mixed precision needs a GPU")


# Limits


def test_training_ends_when_its_time_is_up_and_a_resume_gives_no_more(runs_dir, when, monkeypatch):
    limited(monkeypatch, "HOSTED", max_run_seconds=0.0)
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    folder, spent = begin(runs_dir), [0.0]
    for step in (1, 2):
        story = train(folder)
        assert (story.last, story.reason) == ("stopped", "0 seconds of training are the limit here.")
        place = checkpoints.read_state(folder)[0]
        assert (place.epoch, place.step) == (0, step)
        assert place.seconds > spent[-1], "what was trained before counts"
        spent.append(place.seconds)
    assert when == {}


def test_old_epochs_make_room_and_a_run_too_large_ends(runs_dir, monkeypatch):
    """The first, the best and the last stay: 135 kB each, and thrice as much for the state with its moments."""
    wide = CONFIG.but(blocks=(Block("flatten"), Block("dense", units=500)), epochs=6, batch_size=100)
    folder = begin(runs_dir, wide)
    limited(monkeypatch, max_run_bytes=folder.size() + 7 * 135_000)
    story = train(folder)
    removed = [number for each in story.epochs.values() for number in each.get("removed", [])]
    assert story.last == "finished"
    assert len(removed) > 2
    assert sorted({*removed, *folder.kept_epochs()}) == list(range(7))
    assert {0, 6, np.argmin(story.history["val_loss"]) + 1} <= set(folder.kept_epochs())
    assert folder.size() <= settings.current().max_run_bytes
    limited(monkeypatch, max_run_bytes=100_000)
    folder.config.write_text(wide.but(epochs=7).to_json())
    story = train(folder)
    assert (story.last, story.epoch) == ("failed", 7)
    assert story.reason == "The run takes more than 0 MB on the disk, the limit here. Take a smaller network."


def test_speed_and_time_left_do_not_jump_where_an_epoch_begins(runs_dir, monkeypatch):
    """A clock of our own: a batch takes 1 s, and before the first one of each epoch 100 s go by."""
    clock = [0.0]
    monkeypatch.setattr(reporting.time, "monotonic", lambda: clock[0])
    begin_batch = reporting.Reporter.on_train_batch_begin

    def passing(self, batch, logs=None):
        clock[0] += 1.0 if batch else 101.0
        begin_batch(self, batch, logs)

    monkeypatch.setattr(reporting.Reporter, "on_train_batch_begin", passing)
    story = train(begin(runs_dir, CONFIG.but(epochs=4)))
    first, *later = story.batches
    assert first["images_per_second"] is None  # nothing is known yet
    assert {each["images_per_second"] for each in later} == {float(CONFIG.batch_size)}
    left = {(each["epoch"], each["step"]): each["seconds_left"] for each in story.batches}
    assert left[4, 2] - left[4, 3] == pytest.approx(1.0, abs=0.11)
    assert left[3, 2] - left[4, 2] == pytest.approx(STEPS + 100, abs=0.11)
    assert left[2, 3] < 4 * STEPS  # the first wait is tracing
