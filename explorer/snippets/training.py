"""The program of the Training page: a plain Keras script that trains the same network with the same settings."""

import textwrap
from collections.abc import Sequence

from explorer.augmentation.registry import OF_COLOURS
from explorer.blocks import (
    AVERAGE_POOLING,
    CONVOLUTION,
    DENSE,
    DROPOUT,
    KINDS,
    MAX_POOLING,
    RECIPES,
    Block,
    describe,
    head_activation,
    head_units,
    loss_name,
)
from explorer.datasets.reading import USUAL_SIDE
from explorer.snippets.augmentation import as_layers, mixing_layers
from explorer.snippets.datasets import CATS_AND_DOGS, OF_KERAS
from explorer.training.config import COSINE, EXPONENTIAL, OWN, PLATEAU, TIME, TrainConfig
from explorer.training.lessons import HELD_OUT
from explorer.training.story import Steered

WIDTH = 100
"""Characters in a line of the program, where it can be helped."""
OPTIMIZERS = {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
GLOROT = "glorot_uniform"


def training_program(
    config: TrainConfig,
    input_shape: tuple[int, int, int],
    class_names: Sequence[str],
    steered: Sequence[Steered] = (),
) -> str:
    """The program for the Training page; it needs nothing of this project.

    Datasets that ``keras.datasets`` has, and cats and dogs, are downloaded by it; others are read from
    ``dataset.npz``, which the Datasets page offers for download.

    Args:
        config: the choices.
        input_shape: (H, W, C) of the pictures.
        class_names: of all classes.
        steered: learning rates that were set by hand while it trained.

    Returns:
        Python source. It trains, evaluates, and leaves ``network.keras``.

    Raises:
        ModelError: the network does not fit these pictures.

    >>> program = training_program(TrainConfig(dataset="mnist"), (28, 28, 1), list("0123456789"))
    >>> 'keras.layers.Conv2D(32, 3, activation="relu")' in program and "explorer" not in program
    True
    """
    classes = len(class_names)
    describe(config.stack, input_shape, classes)
    colours = OF_COLOURS if input_shape[2] == 1 else ()
    changes = [name for name in config.augmentation.active if name not in colours]
    pipeline = _pipeline(config, input_shape[2], classes) if changes else []
    return "\n".join(
        [
            *(["import math", ""] if _counts_steps(config, steered) else []),
            "import keras",
            "import numpy as np",
            *(["import tensorflow as tf"] if pipeline or config.mixed_precision else []),
            "",
            f"keras.utils.set_random_seed({config.seed})",
            *_precision(config),
            *_names(class_names),
            "",
            *_reading(config, input_shape),
            *_learned_from(config),
            *_labels(config, classes),
            "",
            *_network(config, input_shape, classes),
            "model.summary()",
            "",
            *_compiling(config, classes, steered),
            "",
            *_steering(config, steered),
            *pipeline,
            *_fitting(config, piped=bool(pipeline), steered=bool(steered)),
            "",
            "pictures, labels = (x_test, y_test) if len(x_test) else (x_val, y_val)",
            "loss, accuracy = model.evaluate(pictures, labels, verbose=0)",
            'print(f"loss {loss:.4f}, accuracy {accuracy:.4f}")',
            *_asking(classes),
            'model.save("network.keras")',
            "",
        ]
    )


def _precision(config: TrainConfig) -> list[str]:
    if not config.mixed_precision:
        return []
    return [
        'if tf.config.list_physical_devices("GPU"):',
        '    keras.config.set_dtype_policy("mixed_float16")  # a CPU is not faster with it',
    ]


def _names(class_names: Sequence[str]) -> list[str]:
    listed = ", ".join(repr(str(name)) for name in class_names)
    line = f"class_names = [{listed}]"
    if len(line) <= WIDTH:
        return [line]
    return ["class_names = [", *(f"    {str(name)!r}," for name in class_names), "]"]


# ---- the pictures ----


def _reading(config: TrainConfig, input_shape: tuple[int, int, int]) -> list[str]:
    """``x_train`` to ``y_test``: pixels of 0–255 (N, H, W, C) and numbers of classes (N,)."""
    name, small = config.dataset, config.small_split
    if name in OF_KERAS and not small:
        loaded = f"(x_train, y_train), (x_test, y_test) = keras.datasets.{OF_KERAS[name]}.load_data()"
        if input_shape[2] == 1:
            shaped = ["x_train, x_test = x_train[..., None], x_test[..., None]  # one channel"]
        else:
            shaped = ["y_train, y_test = y_train.ravel(), y_test.ravel()"]
        return [loaded, *shaped, *_resized(config, "x_train, x_test"), *_held_out(config)]
    if name == "cats-and-dogs" and not small:
        return _cats_and_dogs(config.image_size or USUAL_SIDE)
    return [
        'file = np.load("dataset.npz")  # from the Datasets page: Download',
        'x_train, x_val, x_test = (file[f"x_{split}"] for split in ("train", "validation", "test"))',
        'y_train, y_val, y_test = (file[f"y_{split}"] for split in ("train", "validation", "test"))',
        *_resized(config, "x_train, x_val, x_test"),
        "if not len(x_val):",
        *(f"    {line}" for line in _held_out(config)),
    ]


def _cats_and_dogs(side: int) -> list[str]:
    return [
        f'folder = keras.utils.get_file("cats_and_dogs", "{CATS_AND_DOGS}", extract=True)',
        "",
        "",
        "def read(split):",
        "    pictures = keras.utils.image_dataset_from_directory(",
        '        f"{folder}/cats_and_dogs_filtered/{split}",',
        f"        image_size=({side}, {side}), crop_to_aspect_ratio=True, batch_size=None,",
        "    )",
        "    x, y = zip(*pictures.as_numpy_iterator())",
        '    return np.array(x, "uint8"), np.array(y)',
        "",
        "",
        '(x_train, y_train), (x_val, y_val) = read("train"), read("validation")',
        "x_test, y_test = x_val[:0], y_val[:0]  # the zip has none",
    ]


def _resized(config: TrainConfig, names: str) -> list[str]:
    """Pictures made to the size that was asked for; those that have it stay as they are."""
    if config.image_size is None:
        return []
    side = config.image_size
    return [
        "",
        "",
        "def resized(x):",
        f"    parts = np.array_split(x, len(x) // 256 + 1) if x.shape[1:3] != ({side}, {side}) else []",
        '    how = {"crop_to_aspect_ratio": True, "interpolation": "bicubic", "antialias": True}',
        f"    parts = [keras.ops.image.resize(part, ({side}, {side}), **how) for part in parts if len(part)]",
        '    return np.concatenate([np.rint(np.clip(part, 0, 255)).astype("uint8") for part in parts]) if parts else x',
        "",
        "",
        f"{names} = map(resized, ({names}))",
    ]


def _held_out(config: TrainConfig) -> list[str]:
    """A part of the pictures to train with is for validation."""
    return [
        f"order = np.random.default_rng({config.seed}).permutation(len(x_train))",
        f"held_out, rest = np.split(order, [max(1, round(len(order) * {HELD_OUT}))])  # no others are to validate with",
        "x_val, y_val, x_train, y_train = x_train[held_out], y_train[held_out], x_train[rest], y_train[rest]",
    ]


def _learned_from(config: TrainConfig) -> list[str]:
    if config.train_pictures is None:
        return []
    return [
        f"few = np.random.default_rng({config.seed}).permutation(len(x_train))[:{config.train_pictures}]",
        "x_train, y_train = x_train[few], y_train[few]",
    ]


def _labels(config: TrainConfig, classes: int) -> list[str]:
    """As head and loss want them: a row of shares for each picture, or 0 and 1 where there are two classes."""
    every, columns = "y_train, y_val, y_test", "keras.utils.to_categorical"
    if classes > 2:
        return [f"{every} = ({columns}(y, {classes}) for y in ({every}))"]
    mixes, _ = mixing_layers(config.augmentation)
    rows = [f"y_train = {columns}(y_train, 2)  # MixUp and CutMix blend rows"] if mixes else []
    return [f'{every} = (y.astype("float32") for y in ({every}))', *rows]


# ---- the network ----


def _network(config: TrainConfig, input_shape: tuple[int, int, int], classes: int) -> list[str]:
    """The ``Sequential``, layer by layer."""
    stack = config.stack
    rows = describe(stack, input_shape, classes)
    own = ', dtype="float32"' if config.mixed_precision else ""
    begun = _begun(config)
    head = f'Dense({head_units(classes)}, activation="{head_activation(classes)}"{begun}{own})'
    flat = ["Flatten()"] if len(rows) == len(stack) + 2 else []
    layers = [f"Rescaling(1 / 255{own})", *(_layer(each, begun) for each in stack), *flat, head]
    source = (
        []
        if config.recipe == OWN
        else textwrap.wrap(RECIPES[config.recipe].source, WIDTH, initial_indent="# ", subsequent_indent="# ")
    )
    return [
        *source,
        "model = keras.Sequential([",
        f"    keras.Input({input_shape}),",
        *(f"    keras.layers.{layer}," for layer in layers),
        "])",
    ]


def _begun(config: TrainConfig) -> str:
    return "" if config.initializer == GLOROT else f', kernel_initializer="{config.initializer}"'


def _layer(each: Block, begun: str) -> str:
    """A block as a call; what is as Keras has it by itself is left out."""
    active = "" if each.activation == "linear" else f', activation="{each.activation}"'
    same, name = ', padding="same"' if each.padding == "same" else "", KINDS[each.kind].layer
    if each.kind == CONVOLUTION:
        stride = f", strides={each.stride}" if each.stride != 1 else ""
        return f"Conv2D({each.filters}, {each.window}{stride}{same}{active}{begun})"
    if each.kind == DENSE:
        return f"Dense({each.units}{active}{begun})"
    if each.kind in (MAX_POOLING, AVERAGE_POOLING):
        stride = f", strides={each.stride}" if each.stride != each.window else ""
        return f"{name}({each.window}{stride}{same})"
    return f"{name}({each.rate!r})" if each.kind == DROPOUT else f"{name}()"


# ---- learning ----


def _counts_steps(config: TrainConfig, steered: Sequence[Steered]) -> bool:
    """Whether the program has to know how many steps an epoch has."""
    return config.schedule in (COSINE, EXPONENTIAL) or (config.schedule == TIME and bool(steered))


def _compiling(config: TrainConfig, classes: int, steered: Sequence[Steered]) -> list[str]:
    rate, factor = repr(config.learning_rate), repr(config.exponential_decay)
    schedules = "keras.optimizers.schedules"
    scheduled = {
        TIME: f"rate = {schedules}.InverseTimeDecay({rate}, decay_steps=1, decay_rate={config.time_decay!r})",
        EXPONENTIAL: f"rate = {schedules}.ExponentialDecay({rate}, steps, {factor}, staircase=True)",
        COSINE: f"rate = {schedules}.CosineDecay({rate}, {config.epochs} * steps)",
    }
    lines = [f"steps = math.ceil(len(x_train) / {config.batch_size})  # of an epoch"]
    lines = lines if _counts_steps(config, steered) else []
    by_schedule = config.schedule in scheduled and not steered  # Keras lets no hand at the rate of a schedule
    lines += [scheduled[config.schedule]] if by_schedule else []
    arguments = ["rate" if by_schedule else rate]
    if config.optimizer in ("sgd", "rmsprop") and config.momentum:
        arguments.append(f"momentum={config.momentum!r}")
    if config.optimizer == "sgd" and config.nesterov:
        arguments.append("nesterov=True")
    if config.optimizer == "adamw":
        arguments.append(f"weight_decay={config.weight_decay!r}")
    return [
        *lines,
        "model.compile(",
        f"    optimizer=keras.optimizers.{OPTIMIZERS[config.optimizer]}({', '.join(arguments)}),",
        f'    loss="{loss_name(classes)}",',
        '    metrics=["accuracy"],',
        ")",
    ]


def _steering(config: TrainConfig, steered: Sequence[Steered]) -> list[str]:
    """A callback that sets the same rates before the same batches; a schedule goes on from them in proportion."""
    if not steered:
        return []
    share = {
        TIME: f"1 / (1 + {config.time_decay!r} * step)",
        EXPONENTIAL: f"{config.exponential_decay!r} ** (step // steps)",
        COSINE: f"(1 + math.cos(math.pi * min(1, step / ({config.epochs} * steps)))) / 2",
    }.get(config.schedule)
    here, there = "(self.epoch, batch)", "self.model.optimizer.learning_rate"
    if share is None:
        setting = [f"        if {here} in steered:", f"            {there} = steered[self.epoch, batch]"]
    else:
        setting = [
            "        now = share((self.epoch - 1) * steps + batch)",
            f"        if {here} in steered:",
            "            self.rate, self.begun = steered[self.epoch, batch], now",
            f"        {there} = self.rate * (min(1, now / self.begun) if self.begun else 1)",
        ]
    return [
        "steered = {  # set by hand: (epoch, batches of it that were over): learning rate",
        *(f"    ({each.epoch}, {each.step}): {each.rate!r}," for each in steered),
        "}",
        "",
        "",
        *(["def share(step):  # of the schedule", f"    return {share}", "", ""] if share else []),
        "class Steering(keras.callbacks.Callback):",
        *([f"    rate, begun = {config.learning_rate!r}, 1", ""] if share else []),
        "    def on_epoch_begin(self, epoch, logs=None):",
        "        self.epoch = epoch + 1",
        "",
        "    def on_train_batch_begin(self, batch, logs=None):",
        *setting,
        "",
        "",
    ]


def _pipeline(config: TrainConfig, channels: int, classes: int) -> list[str]:
    """``train``: batches that are changed anew in each epoch."""
    functions, layers = as_layers(config.augmentation, channels)
    mixes, notes = mixing_layers(config.augmentation)
    return [
        "height, width, channels = x_train.shape[1:]",
        *functions,
        *(["", ""] if functions else []),
        *layers,
        *(f"# {note}" for note in notes),
        *(f"mix_{number} = {layer}" for number, layer in enumerate(mixes, 1)),
        "",
        "",
        "def changed(images, labels):",
        '    images = augmentation(tf.cast(images, "float32"), training=True)',
        *_mixed(len(mixes), classes),
        "    return images, labels",
        "",
        "",
        "train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(len(x_train))",
        f"train = train.batch({config.batch_size}).map(changed, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)",
        "",
    ]


def _mixed(mixes: int, classes: int) -> list[str]:
    if not mixes:
        return []
    if mixes == 1:
        chosen = ["    batch = mix_1(batch, training=True)"]
    else:
        chosen = [
            "    coin = tf.random.uniform([]) < 0.5",
            "    batch = tf.cond(coin, lambda: mix_1(batch, training=True), lambda: mix_2(batch, training=True))",
        ]
    blended = 'batch["labels"]' + ("[:, 1]" if classes == 2 else "")
    return [
        '    batch = {"images": images, "labels": labels}',
        *chosen,
        f'    images, labels = batch["images"], {blended}',
    ]


def _fitting(config: TrainConfig, *, piped: bool, steered: bool) -> list[str]:
    callbacks = ["Steering()"] if steered else []
    if config.early_stopping:
        best = ", restore_best_weights=True" if config.restore_best else ""
        callbacks.append(f'keras.callbacks.EarlyStopping("{config.monitor}", patience={config.patience}{best})')
    if config.schedule == PLATEAU:
        numbers = f"factor={config.plateau_factor!r}, patience={config.plateau_patience}, min_delta=0"
        callbacks.append(f'keras.callbacks.ReduceLROnPlateau("val_loss", {numbers})')
    return [
        "history = model.fit(",
        *(["    train,", "    shuffle=False,  # the pipeline does it"] if piped else ["    x_train,"]),
        *([] if piped else ["    y_train,", f"    batch_size={config.batch_size},"]),
        f"    epochs={config.epochs},",
        "    validation_data=(x_val, y_val),",
        *(["    callbacks=["] if callbacks else []),
        *(f"        {each}," for each in callbacks),
        *(["    ],"] if callbacks else []),
        ")",
    ]


def _asking(classes: int) -> list[str]:
    likeliest = "(shares[:, 0] > 0.5).astype(int)" if classes == 2 else "shares.argmax(axis=1)"
    return [
        "shares = model.predict(pictures[:8], verbose=0)",
        f'print("likeliest:", [class_names[number] for number in {likeliest}])',
    ]
