"""A configuration as JSON: read back equal, and whatever else it is, refused with a sentence."""

import itertools
import json

import numpy as np
import pytest

from explorer.augmentation import PRESETS, Augmentation
from explorer.blocks import RECIPES, Block
from explorer.errors import RunError
from explorer.training.config import MAX_JSON, OPTIONS, OWN, TrainConfig

OWN_STACK = (
    Block("convolution", filters=3, window=5, stride=2, padding="same", activation="gelu"),
    Block("normalisation"),
    Block("average_pooling", window=2, stride=1),
    Block("dropout", rate=0.15),
    Block("global_max"),
    Block("dense", units=7, activation="tanh"),
)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(recipe=OWN, blocks=OWN_STACK, augmentation=PRESETS["chollet"].policy, dropout=0.2, seed=9999),
        TrainConfig(
            "shapes",
            "dense-512",
            optimizer="sgd",
            learning_rate=0.5,
            momentum=0.9,
            nesterov=True,
            schedule="cosine",
            early_stopping=True,
            monitor="val_accuracy",
            image_size=32,
            pictures=48,
            patch_class="circle",
            train_pictures=100,
            dropout=0,
            augmentation=Augmentation(mixup=0.2, cutmix=1.0, rotation_range=10, brightness_range=(0.8, 1.2)),
        ),
        TrainConfig(recipe=OWN),
    ],
    ids=["defaults", "own", "everything", "head alone"],
)
def test_json_is_read_back_equal(config):
    text = config.to_json()
    json.loads(text, parse_constant=pytest.fail)
    again = TrainConfig.from_json(text)
    assert again == config
    assert TrainConfig.from_json(text.encode()) == config
    assert again.stack == config.stack
    assert again.augmentation == config.augmentation


def test_a_recipe_fills_in_its_blocks():
    assert TrainConfig(recipe="dense-512").blocks == RECIPES["dense-512"].blocks
    assert TrainConfig(recipe="dense-512", blocks=OWN_STACK).blocks == RECIPES["dense-512"].blocks
    assert TrainConfig(recipe=OWN, blocks=OWN_STACK).blocks == OWN_STACK
    assert TrainConfig(recipe="dense-512").but(recipe="keras-io-mnist").blocks == RECIPES["keras-io-mnist"].blocks
    assert [each.kind for each in TrainConfig(recipe="dense-512", dropout=0.1).stack] == ["flatten", "dropout", "dense"]


def test_what_is_not_named_has_its_default():
    assert TrainConfig.from_json("{}") == TrainConfig()
    assert TrainConfig.from_json('{"epochs": 7}') == TrainConfig(epochs=7)
    for name, option in OPTIONS.items():
        assert getattr(TrainConfig(), name) == option.default


def test_numbers_of_numpy_become_plain():
    config = TrainConfig(
        epochs=np.int64(3), learning_rate=np.float32(0.5), nesterov=np.bool_(True), dropout=np.float64(0.25)
    )
    assert config == TrainConfig(epochs=3, learning_rate=0.5, nesterov=True, dropout=0.25)
    assert TrainConfig.from_json(config.to_json()) == config


WRONG = [None, True, False, -1, 0.5, 10**400, "", "x" * 300, "1", [], [1], {}, {"a": 1}, "NaN", "Infinity", "-Infinity"]


def said(name, value):
    """The JSON text with a value, bare where it is one of the numbers that JSON does not know."""
    plain = isinstance(value, str) and value.endswith(("NaN", "Infinity"))
    return f'{{"{name}": {value if plain else json.dumps(value)}}}'


@pytest.mark.parametrize("name", list(TrainConfig.__dataclass_fields__))
def test_a_value_of_the_wrong_kind_gives_a_sentence_or_is_allowed(name):
    """Never another exception; and what is allowed comes back as it was given."""
    sentences = []
    for value in WRONG:
        text = said(name, value)
        try:
            config = TrainConfig.from_json(text)
        except RunError as error:
            sentences.append(str(error))
            continue
        if name not in ("blocks", "augmentation"):
            assert getattr(config, name) == value
            assert isinstance(getattr(config, name), bool) == isinstance(value, bool)
        assert TrainConfig.from_json(config.to_json()) == config
    assert len(sentences) >= 8
    assert all(sentence.endswith(".") and len(sentence) < 600 for sentence in sentences)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "3",
        '"config"',
        "{" * 50_000,
        '{"epochs": ' * 900 + "1" + "}" * 900,
        '{"epochs": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"epochs": ' + "1" * 100_000 + "}",
        " " * (MAX_JSON + 1),
        '{"unknown": 1}',
        '{"' + "x" * 10_000 + '": 1}',
        '{"": 1}',
        '{"self": 1}',
        '{"recipe": "own", "blocks": {"kind": "flatten"}}',
        '{"recipe": "own", "blocks": ["flatten"]}',
        '{"recipe": "own", "blocks": [{"kind": []}]}',
        '{"recipe": "own", "blocks": [{"kind": "dense", "units": NaN}]}',
        '{"recipe": "own", "blocks": [' + ",".join(['{"kind": "dropout"}'] * 61) + "]}",
        '{"recipe": "own", "blocks": [[[]]]}',
        '{"augmentation": {"rotation_range": NaN}}',
        '{"augmentation": {"unknown": 1}}',
        '{"augmentation": {"mixup": true}}',
        '{"augmentation": {"mixup": ' + "9" * 4_000 + "}}",
        '{"augmentation": {"fill_mode": "' + "x" * 30_000 + '"}}',
        '{"dataset": 7}',
        '{"patch_class": []}',
        '{"dropout": false}',
        b"\xff\xfe\x00",
        b"",
    ],
    ids=itertools.count(),
)
def test_hostile_json_gives_a_sentence(text):
    with pytest.raises(RunError) as caught:
        TrainConfig.from_json(text)
    assert len(str(caught.value)) < 700


def test_json_nested_to_any_depth_gives_a_sentence():
    """The depth at which Python gives up reading is not that at which it gives up showing."""
    for depth in range(50, 1_100, 7):
        for name in ("epochs", "augmentation", "blocks", "recipe", "dropout", "patch_class"):
            with pytest.raises(RunError):
                TrainConfig.from_json(f'{{"{name}": ' + "[" * depth + "]" * depth + "}")
        with pytest.raises(RunError):
            TrainConfig.from_json('{"augmentation": ' + '{"mixup":' * depth + "1" + "}" * depth + "}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it is a whole number from 1 to 500."),
        ({"epochs": True}, "epochs is True; it is a whole number from 1 to 500."),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it is a number from 1e-07 to 100."),
        ({"optimizer": "lion"}, "optimizer is 'lion'; it can be sgd, rmsprop, adam, adamw."),
        ({"early_stopping": 1}, "early_stopping is 1; it can be True or False."),
        ({"dropout": 0.95}, "dropout is 0.95; it is a number from 0 to 0.9, or None."),
        ({"image_size": 0}, "image_size is 0; it is a whole number from 1 to 512, or None."),
        ({"train_pictures": 2.0}, "train_pictures is 2.0; it is a whole number from 1 to 10,000,000, or None."),
        ({"augmentation": None}, "augmentation is None; it is an Augmentation."),
        ({"blocks": None, "recipe": OWN}, "blocks is None; it is a list of layers."),
        ({"colour": 1}, "There is no value 'colour' in a configuration; there are dataset, "),
    ],
)
def test_what_is_not_allowed_gives_its_sentence(changes, message):
    with pytest.raises(RunError) as caught:
        TrainConfig().but(**changes)
    assert str(caught.value).startswith(message)


def test_memory_of_a_step_by_hand():
    """One convolution of 2 filters on 4 × 4 × 1: given 16 + 2·2·2 + 8 + 3 numbers a picture, weights 20 + 27."""
    config = TrainConfig(recipe=OWN, blocks=(Block("convolution", filters=2),), batch_size=10)
    assert config.step_bytes((4, 4, 1), 3) == 4 * (3 * 10 * (16 + 8 + 8 + 3) + 4 * (20 + 27))
