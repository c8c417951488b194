"""What stands under the Training page: the sums of one step, experiments, the program, files."""

import math
from collections.abc import Mapping

from explorer import blocks, snippets
from explorer.training import Run, Story, TrainConfig, exports
from explorer.ui import trained, training_live
from explorer.ui import training_options as options
from explorer.ui.frame import Download, Experiment, Explanation
from explorer.ui.texts import plain
from explorer.ui.training_stage import Seen

WHY = (
    "A network begins with weights drawn by chance and knows nothing. Then, batch after batch, it **answers, is told "
    "the truth, and moves every weight a little** to where its answer would have been better. Validation pictures are "
    "only looked at: when their curve turns while the other goes on, it learns its own pictures by heart."
)

OPTIMIZERS: Mapping[str, str] = {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
STEPS: Mapping[str, str] = {
    "sgd": r"w \leftarrow w - \eta\, g",
    "rmsprop": r"v \leftarrow 0.9\,v + 0.1\,g^2, \qquad w \leftarrow w - \eta\, \frac{g}{\sqrt{v} + \epsilon}",
    "adam": r"m \leftarrow 0.9\,m + 0.1\,g, \quad v \leftarrow 0.999\,v + 0.001\,g^2, \quad "
    r"w \leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}",
    "adamw": r"w \leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon} - \eta \lambda w",
}
"""One step of each optimizer, as Keras's defaults have it."""


def explanation(seen: Seen) -> Explanation:
    """Everything under the first screen."""
    config = _config(seen)
    return Explanation(
        text=_text(seen, config),
        experiments=EXPERIMENTS,
        programs=_programs(seen, config),
        downloads=_downloads(seen.run, seen.story),
    )


def _config(seen: Seen) -> TrainConfig | None:
    if seen.run is not None:
        return seen.run.config
    return None if seen.wanted is None else seen.wanted.config


def _text(seen: Seen, config: TrainConfig | None) -> str:
    parts = [WHY]
    classes = _classes(seen)
    if classes:
        parts.append(_loss(seen, classes))
    if config is not None:
        parts.append(_step(seen, config))
    if seen.story is not None and seen.story.notes:
        parts.append(" ".join(plain(note) for note in dict.fromkeys(seen.story.notes)))
    return "\n\n".join(parts)


def _classes(seen: Seen) -> tuple[str, ...]:
    if seen.story is not None and seen.story.started:
        return tuple(seen.story.started["classes"])
    return () if seen.dataset is None else seen.dataset.class_names


def _loss(seen: Seen, classes: tuple[str, ...]) -> str:
    """The loss, with the numbers of one watched picture."""
    even = rf"\ln {len(classes)} = {math.log(len(classes)):.3f}"
    formula = rf"$$L = -\ln p_\text{{true}}, \qquad \text{{guessing evenly: }} {even}$$"
    said = _example(seen, classes)
    return (
        f"The loss of a picture is the {blocks.loss_name(len(classes)).replace('_', ' ')}: how little it trusted the "
        f"right class.\n\n{formula}\n\n{said}"
    )


def _example(seen: Seen, classes: tuple[str, ...]) -> str:
    if seen.run is None or seen.story is None or not seen.story.epochs:
        return ""
    found = training_live.watched(seen.run)
    shares = seen.story.epochs[seen.story.epoch].get("predictions")
    if found is None or not shares or not len(found.labels):
        return ""
    label = int(found.labels[0])
    share = max(float(shares[0][label]), 5e-5)
    return (
        f"The first of the eight pictures above is *{plain(classes[label])}*; after epoch {seen.story.epoch} the "
        f"network gives that {share:.1%}, so its loss is −ln {share:.3f} = **{-math.log(share):.3f}**."
    )


def _step(seen: Seen, config: TrainConfig) -> str:
    """How a weight moves, with the present learning rate."""
    rate, per = config.learning_rate, ""
    if seen.story is not None and seen.story.batches:
        rate = seen.story.batches[-1].get("learning_rate") or rate
    if seen.story is not None and seen.story.started:
        per = f" An epoch is {seen.story.started['steps']:,} such steps."
    momentum = _with_momentum(config) if config.momentum else STEPS[config.optimizer]
    name = OPTIMIZERS[config.optimizer]
    return (
        f"The gradient $g$ says how the loss of a batch of {config.batch_size} changes with each weight. {name} makes "
        f"a step of it:\n\n$${momentum}, \\qquad \\eta = {rate:.3g}$$\n\n{per}".rstrip()
    )


def _with_momentum(config: TrainConfig) -> str:
    """The step where the last one goes on in it; of Adam nothing else does."""
    mu = f"{config.momentum:g}"
    if config.optimizer == "rmsprop":
        return (
            r"v \leftarrow 0.9\,v + 0.1\,g^2, \quad "
            rf"u \leftarrow {mu}\,u + \eta\, \frac{{g}}{{\sqrt{{v}} + \epsilon}}, \quad w \leftarrow w - u"
        )
    if config.optimizer != "sgd":
        return STEPS[config.optimizer]
    ahead = rf"w \leftarrow w + {mu}\,u - \eta\, g" if config.nesterov else r"w \leftarrow w + u"
    return rf"u \leftarrow {mu}\,u - \eta\, g, \qquad {ahead}"


def _programs(seen: Seen, config: TrainConfig | None) -> dict[str, str]:
    if config is None:
        return {"Keras": "# The choices on the left do not go together yet; the sentence above says why."}
    shape, classes = _shape(seen), _classes(seen)
    if shape is None or not classes:
        return {"Keras": "# The pictures are not known yet."}
    steered = () if seen.story is None else seen.story.steered
    return {"Keras": snippets.training_program(config, shape, classes, steered)}


def _shape(seen: Seen) -> tuple[int, int, int] | None:
    if seen.story is not None and seen.story.started:
        height, width, channels = seen.story.started["shape"]
        return height, width, channels
    if seen.dataset is None or seen.wanted is None:
        return None
    side, shape = seen.wanted.config.image_size, seen.dataset.image_shape
    return shape if side is None else (side, side, shape[2])


def _downloads(run: Run | None, story: Story | None) -> list[Download]:
    if run is None or story is None:
        return []
    files = [Download("Settings, JSON", "training.json", "application/json", run.config.to_json)]
    if story.epoch:
        files.append(Download("Curves, CSV", "history.csv", "text/csv", lambda: exports.history_csv(run)))
        files.append(
            Download(
                "TensorBoard's logs, zip", "tensorboard.zip", "application/zip", lambda: exports.tensorboard_zip(run)
            )
        )
    if run.folder.kept_epochs():
        files.append(Download("The network, Keras", "network.keras", "application/octet-stream", lambda: _keras(run)))
    return files


def _keras(run: Run) -> bytes:
    from explorer.models import save_classifier  # noqa: PLC0415 - TensorFlow, only when it is asked for

    return save_classifier(trained.classifier(run))


def _by_heart() -> None:
    options.put(dataset="fashion-mnist-small", recipe="convnet-64-64", epochs=20, train_pictures=300, batch_size=32)


def _too_far() -> None:
    options.put(dataset="mnist-small", optimizer="sgd", learning_rate=5.0, epochs=3)


def _no_convolution() -> None:
    options.put(dataset="shapes", recipe="dense-512", epochs=8)


EXPERIMENTS = (
    Experiment(
        "By heart",
        "300 pictures only. Training soon is nearly perfect; watch the validation curve turn. Then add augmentation.",
        _by_heart,
    ),
    Experiment(
        "Steps too long",
        "Learning rate 5. The loss jumps and nothing is learned, or it stops being a number. Steer to 0.05 and resume.",
        _too_far,
    ),
    Experiment(
        "Without convolution",
        "Coloured shapes anywhere in the picture, and a network that sees a row of numbers. Compare it with a convnet.",
        _no_convolution,
    ),
)
