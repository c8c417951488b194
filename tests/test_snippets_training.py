"""The Training page's program is run beside a small ``dataset.npz``, and its network compared with the one of a run."""

import ast
import contextlib
import io
import math
import runpy
from unittest import mock

import keras
import numpy as np
import pytest

from explorer.augmentation import Augmentation
from explorer.blocks import RECIPES, Block
from explorer.errors import ModelError
from explorer.models import build
from explorer.snippets import training_program
from explorer.training import TrainConfig
from explorer.training.schedules import share
from explorer.training.story import Steered

SHAPE = (12, 12, 1)
STACK = (
    Block("convolution", filters=4, window=3, padding="same", activation="leaky_relu"),
    Block("normalisation"),
    Block("max_pooling", window=2, stride=2),
    Block("convolution", filters=3, window=2, stride=2, activation="linear"),
    Block("average_pooling", window=2, stride=1, padding="same"),
    Block("flatten"),
    Block("dropout", rate=0.25),
    Block("dense", units=5, activation="tanh"),
)
TINY = TrainConfig(recipe="own", blocks=(Block("global_average"), Block("dense", units=3)), epochs=1, batch_size=8)


def write_npz(path, classes=3, shape=SHAPE, sizes=(30, 10, 10)):
    """What the Datasets page gives to download."""
    rng, arrays = np.random.default_rng(0), {}
    for split, size in zip(("train", "validation", "test"), sizes, strict=True):
        arrays[f"x_{split}"] = rng.integers(0, 256, (size, *shape), np.uint8)
        arrays[f"y_{split}"] = np.arange(size) % classes
    np.savez(path / "dataset.npz", class_names=np.array(list("abc")[:classes]), **arrays)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a program in a folder of its own; the names that it leaves."""
    monkeypatch.chdir(tmp_path)

    def start(program, **how):
        write_npz(tmp_path, **how)
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()):
            return runpy.run_path("program.py")

    return start


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The names that the plain program of three classes leaves, in ``folder`` what it was given and saved."""
    folder = tmp_path_factory.mktemp("plain")
    write_npz(folder)
    (folder / "program.py").write_text(training_program(TINY, SHAPE, list("abc")), encoding="utf-8")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        return {**runpy.run_path("program.py"), "folder": folder}


def made_by(program, x_train=()):
    """What the program makes of a network and its optimizer, without reading pictures or learning."""

    def wanted(node):
        named = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("model", "steps", "rate")
        return named or isinstance(node, ast.Import) or ast.unparse(node).startswith("model.compile(")

    left = {"x_train": x_train}
    tree = ast.Module([node for node in ast.parse(program).body if wanted(node)], [])
    exec(compile(tree, "program", "exec"), left)  # noqa: S102
    return left


def network_of(program):
    return made_by(program, range(8))["model"]


def described(model):
    """Each layer's kind and settings, names left out."""
    return [(type(layer).__name__, {**layer.get_config(), "name": ""}) for layer in model.layers]


def assert_same_network(program, config, shape, classes):
    ours = build(config.stack, shape, classes, initializer=config.initializer)
    theirs = network_of(program)
    assert theirs.count_params() == ours.count_params()
    assert theirs.input_shape == ours.input_shape
    for (kind, one), (other_kind, other) in zip(described(theirs), described(ours), strict=True):
        assert kind == other_kind
        assert {**one, "build_config": None} == {**other, "build_config": None}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_the_network_that_is_trained(recipe):
    about = RECIPES[recipe]
    config = TrainConfig(recipe=recipe)
    names = [f"class {number}" for number in range(about.classes)]
    program = training_program(config, about.input_shape, names)
    assert network_of(program).count_params() == about.parameters
    assert_same_network(program, config, about.input_shape, about.classes)
    assert "explorer" not in program


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "random_normal", "zeros"])
def test_own_blocks_are_the_network_that_is_trained(classes, initializer):
    for stack in (STACK, STACK[:4], ()):  # without a flat end, one is added
        config = TrainConfig(recipe="own", blocks=stack, initializer=initializer)
        names = list("abc")[:classes]
        assert_same_network(training_program(config, SHAPE, names), config, SHAPE, classes)


@pytest.mark.parametrize("rate", [0, 0.4])
def test_dropout_that_was_asked_for_is_there(rate):
    config = TrainConfig(recipe="cats-dogs-dropout", dropout=rate)
    program = training_program(config, (150, 150, 3), ["cat", "dog"])
    assert_same_network(program, config, (150, 150, 3), 2)
    assert [layer.rate for layer in network_of(program).layers if hasattr(layer, "rate")] == [rate] * bool(rate)


def test_two_classes_end_in_a_sigmoid_and_more_in_a_softmax(run, plain):
    two = run(training_program(TINY, SHAPE, ["no", "yes"]), classes=2)
    assert two["model"].output_shape == (None, 1)
    assert two["model"].layers[-1].activation is keras.activations.sigmoid
    assert two["model"].loss == "binary_crossentropy"
    assert sorted(set(two["y_train"].tolist())) == [0, 1]
    three = plain
    assert three["model"].output_shape == (None, 3)
    assert three["model"].layers[-1].activation is keras.activations.softmax
    assert three["model"].loss == "categorical_crossentropy"
    assert three["y_val"].argmax(1).tolist() == [number % 3 for number in range(10)]
    for left in (two, three):
        loss, accuracy = left["model"].evaluate(left["x_test"], left["y_test"], verbose=0)
        assert (left["loss"], left["accuracy"]) == pytest.approx((loss, accuracy))
        assert len(left["history"].history["val_loss"]) == 1
    kept = keras.models.load_model(plain["folder"] / "network.keras")
    assert np.array_equal(kept.predict(three["x_test"], verbose=0), three["model"].predict(three["x_test"], verbose=0))


@pytest.mark.parametrize(
    ("changes", "kind", "settings"),
    [
        ({"optimizer": "sgd"}, "SGD", {"momentum": 0.0, "nesterov": False}),
        ({"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, "SGD", {"momentum": 0.9, "nesterov": True}),
        ({"optimizer": "rmsprop", "momentum": 0.5}, "RMSprop", {"momentum": 0.5}),
        ({"optimizer": "adam", "momentum": 0.5}, "Adam", {}),
        ({"optimizer": "adamw", "weight_decay": 0.02}, "AdamW", {"weight_decay": 0.02}),
    ],
)
def test_the_optimizer_is_the_one_that_was_chosen(changes, kind, settings):
    optimizer = network_of(training_program(TINY.but(learning_rate=0.003, **changes), SHAPE, list("abc"))).optimizer
    found = optimizer.get_config()
    assert type(optimizer).__name__ == kind
    assert found["learning_rate"] == pytest.approx(0.003)
    assert {name: found[name] for name in settings} == settings


@pytest.mark.parametrize("schedule", ["time", "exponential", "cosine"])
def test_each_step_has_the_learning_rate_of_a_run(schedule):
    config = TINY.but(schedule=schedule, epochs=3, learning_rate=0.02, time_decay=0.1, exponential_decay=0.5)
    left = made_by(training_program(config, SHAPE, list("abc")), x_train=range(30))
    steps = 4  # 30 pictures, 8 at once
    optimizer, rates = left["model"].optimizer, []
    for step in range(3 * steps):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.02 * share(config, step, steps) for step in range(3 * steps)], rel=1e-5)  # float32
    assert len(set(np.round(rates, 9))) == {"time": 12, "exponential": 3, "cosine": 12}[schedule]


def test_on_a_plateau_the_rate_falls_when_it_does_in_a_run(run):
    config = TINY.but(schedule="plateau", plateau_factor=0.5, plateau_patience=1, epochs=4, learning_rate=1e-7)
    losses = iter([2.0, 2.0, 1.5, 1.5])
    with mock.patch.object(keras.Model, "evaluate", side_effect=lambda **_: {"loss": next(losses), "accuracy": 0.5}):
        program = training_program(config, SHAPE, list("abc")).split("pictures, labels")[0]
        told = run(program)["history"].history["learning_rate"]
    assert told == pytest.approx([1e-7, 1e-7, 5e-8, 5e-8])


@pytest.mark.parametrize(("restore", "kept"), [(True, 1), (False, 3)])
def test_early_stopping_waits_and_goes_back_as_a_run_does(run, restore, kept):
    config = TINY.but(early_stopping=True, monitor="val_accuracy", patience=2, restore_best=restore, epochs=9)
    accuracies, weights = iter([0.5, 0.4, 0.5, 0.9]), []

    def evaluate(model, *_, **__):
        weights.append(model.get_weights())
        return {"loss": 1.0, "accuracy": next(accuracies)}

    with mock.patch.object(keras.Model, "evaluate", evaluate):
        left = run(training_program(config, SHAPE, list("abc")).split("pictures, labels")[0])
    assert len(weights) == 3
    assert all(
        np.array_equal(one, other) for one, other in zip(left["model"].get_weights(), weights[kept - 1], strict=True)
    )


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "policy",
    [
        Augmentation(rotation_range=20, width_shift_range=2.0, horizontal_flip=True, noise_range=5),
        Augmentation(mixup=0.2),
        Augmentation(horizontal_flip=True, mixup=0.2, cutmix=1.0),
    ],
    ids=["layers", "mixup", "both mixtures"],
)
def test_pictures_to_learn_from_are_changed_and_no_others(run, policy, classes):
    config = TINY.but(augmentation=policy)
    left = run(training_program(config, SHAPE, list("abc")[:classes]), classes=classes)
    images, labels = map(np.asarray, next(iter(left["train"])))
    assert images.shape == (8, *SHAPE)
    assert labels.shape == ((8,) if classes == 2 else (8, 3))
    given = left["x_train"].astype(np.float32)
    assert all(np.abs(given - image).max((1, 2, 3)).min() > 0 for image in images[:3]) or policy.mixup
    if policy.mixup:
        batches = [np.asarray(each) for _ in range(5) for _, each in left["train"]]
        assert any(((batch > 0) & (batch < 1)).any() for batch in batches)
    assert left["x_val"].dtype == np.uint8
    assert len(left["history"].history["loss"]) == 1


def test_a_grey_picture_has_no_colours_to_change(run):
    left = run(training_program(TINY.but(augmentation=Augmentation(hue_range=20)), SHAPE, list("abc")))
    assert "train" not in left


def test_a_tenth_is_held_out_where_nothing_is_to_validate_with(run, plain):
    left = run(training_program(TINY, SHAPE, list("abc")), sizes=(30, 0, 0))
    assert (len(left["x_train"]), len(left["x_val"])) == (27, 3)
    together = np.concatenate([left["x_train"], left["x_val"]]).reshape(30, -1)
    file = np.load("dataset.npz")
    assert sorted(map(bytes, together)) == sorted(map(bytes, file["x_train"].reshape(30, -1)))
    answers = {bytes(x): y for x, y in zip(file["x_train"], file["y_train"], strict=True)}
    assert [answers[bytes(x)] for x in left["x_val"]] == left["y_val"].argmax(1).tolist()
    assert (len(plain["x_train"]), len(plain["x_val"])) == (30, 10)


def test_size_and_number_of_pictures_are_those_of_the_run(run):
    config = TINY.but(image_size=6, train_pictures=11, mixed_precision=True)
    left = run(training_program(config, (6, 6, 1), list("abc")))
    assert left["x_train"].shape == (11, 6, 6, 1)
    assert left["x_test"].shape == (10, 6, 6, 1)
    assert left["x_test"].dtype == np.uint8
    means = np.load("dataset.npz")["x_test"].mean((1, 2, 3))
    assert np.abs(left["x_test"].mean((1, 2, 3)) - means).max() < 12
    assert keras.config.dtype_policy().name == "float32"  # no GPU here


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_datasets_of_keras_are_read_by_keras(run, name, shape):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (40, *(shape if shape[2] == 3 else shape[:2])), np.uint8)
    labels = np.arange(40) % 10
    labels = labels[:, None] if shape[2] == 3 else labels
    config = TINY.but(dataset=name)
    module = getattr(keras.datasets, name)
    with mock.patch.object(module, "load_data", return_value=((pixels, labels), (pixels[:20], labels[:20]))):
        left = run(training_program(config, shape, [str(number) for number in range(10)]))
    assert left["x_train"].shape == (36, *shape)
    assert left["y_test"].argmax(1).tolist() == labels[:20].ravel().tolist()


@pytest.mark.slow
def test_cats_and_dogs_are_read_from_their_zip(run, tmp_path):
    rng = np.random.default_rng(2)
    for split, count in (("train", 6), ("validation", 4)):
        for name in ("cats", "dogs"):
            place = tmp_path / "pets" / "cats_and_dogs_filtered" / split / name
            place.mkdir(parents=True)
            for number in range(count):
                keras.utils.save_img(place / f"{number}.png", rng.integers(0, 256, (20, 30, 3)))
    config = TINY.but(dataset="cats-and-dogs", image_size=16)
    with mock.patch.object(keras.utils, "get_file", return_value=str(tmp_path / "pets")):
        left = run(training_program(config, (16, 16, 3), ["cat", "dog"]))
    assert left["x_train"].shape == (12, 16, 16, 3)
    assert sorted(left["y_val"].tolist()) == [0] * 4 + [1] * 4
    assert left["pictures"] is left["x_val"]


def test_names_cannot_break_out(run, tmp_path):
    hostile = ['"]\nopen("broken", "w")\n["', "'''", "\\", 'a"b', "\u202e", "{x}"]
    config = TINY.but(dataset='mnist"\nopen("broken", "w")\n#')
    left = run(training_program(config, SHAPE, hostile[:3]))
    assert left["class_names"] == hostile[:3]
    many = hostile * 5
    tree = ast.parse(training_program(config, SHAPE, many))
    names = next(
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "class_names"
    )
    assert ast.literal_eval(names.value) == many
    assert not (tmp_path / "broken").exists()


def test_a_network_that_does_not_fit_gives_a_sentence():
    with pytest.raises(ModelError, match="does not fit"):
        training_program(TrainConfig(recipe="cats-dogs"), (28, 28, 1), list("abc"))


def test_lines_are_short_and_seeds_are_set():
    policy = Augmentation(rotation_range=40, zoom_range=0.2, shear_range=10, horizontal_flip=True)
    config = TrainConfig(seed=7, augmentation=policy, schedule="cosine", early_stopping=True)
    program = training_program(config, (28, 28, 1), [f"a class with a long name {number}" for number in range(10)])
    assert "keras.utils.set_random_seed(7)" in program
    assert max(map(len, program.splitlines())) <= 115
    assert len(program.splitlines()) < 100


SET = (Steered(0.5, 1, 2), Steered(0.05, 3, 0))


def rates_of(program, epochs, steps):
    """The learning rate before each step, as the program's callback sets it; nothing is learned."""
    wanted = ("steered", "Steering", "share", "steps")
    named = [
        node
        for node in ast.parse(program).body
        if getattr(node, "name", None) in wanted
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in wanted)
    ]
    left = {"keras": keras, "math": math, "x_train": range(8 * steps)}
    exec(compile(ast.Module(named, []), "program", "exec"), left)  # noqa: S102
    steering, taken = left["Steering"](), []
    optimizer = mock.Mock(learning_rate=0.1)
    steering.set_model(mock.Mock(optimizer=optimizer))
    for epoch in range(epochs):
        steering.on_epoch_begin(epoch)
        for batch in range(steps):
            steering.on_train_batch_begin(batch)
            taken.append(optimizer.learning_rate)
    return taken


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.1, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.05]),
        ("exponential", [0.1, 0.1, 0.5, 0.5, *[0.5 * 0.8] * 4, *[0.05] * 4]),
        (
            "time",
            [
                0.1,
                0.1 / 1.5,
                *(0.5 * 2 / (1 + 0.5 * s) for s in range(2, 8)),
                *(0.05 * 5 / (1 + s / 2) for s in range(8, 12)),
            ],
        ),
        ("cosine", None),
    ],
)
def test_rates_that_were_set_by_hand_are_set_before_the_same_batches(schedule, expected):
    """0.5 after two batches of epoch 1, 0.05 with epoch 3; a schedule goes on from them in proportion."""
    config = TINY.but(learning_rate=0.1, schedule=schedule, exponential_decay=0.8, time_decay=0.5, epochs=3)
    if expected is None:
        wave = [1 + math.cos(math.pi * s / 12) for s in range(12)]
        expected = [0.1 * w / 2 for w in wave[:2]] + [0.5 * w / wave[2] for w in wave[2:8]]
        expected += [0.05 * w / wave[8] for w in wave[8:]]
    program = training_program(config, SHAPE, list("abc"), SET)
    assert rates_of(program, epochs=3, steps=4) == pytest.approx(expected)


def test_a_program_with_rates_set_by_hand_runs(run):
    for schedule, last in (("plateau", 0.05), ("exponential", 0.05)):
        config = TINY.but(schedule=schedule, epochs=3, plateau_patience=50)
        left = run(training_program(config, SHAPE, list("abc"), SET))
        assert float(left["model"].optimizer.learning_rate) == pytest.approx(last)
        assert len(left["history"].history["loss"]) == 3
    assert "Steering" not in training_program(TINY, SHAPE, list("abc"))
