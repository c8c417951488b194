"""What a run may cost, and whether its network fits its pictures: asked before anything begins."""

from explorer import settings
from explorer.blocks import describe
from explorer.datasets import Dataset
from explorer.errors import RunError, shown
from explorer.training import lessons
from explorer.training.config import TrainConfig

KEPT_BYTES = 4 * (3 + 3)
"""Of a parameter, on the disk: in the first, the best and the last epoch; and in the state, with its two moments."""


def check_limits(config: TrainConfig) -> None:
    """Raise where more is asked for than is allowed here.

    Raises:
        RunError: too many epochs.
    """
    limits = settings.current()
    if config.epochs > limits.max_epochs:
        raise RunError(f"{config.epochs} epochs were asked for; {limits.max_epochs} is the limit here.")


def check_fit(config: TrainConfig, dataset: Dataset | None) -> None:
    """Raise where the network does not fit pictures that are known already.

    Raises:
        DatasetError, ModelError, RunError: as :func:`check_network`; there is no such dataset.
    """
    given = dataset
    if given is None:
        from explorer.datasets import BUILTIN  # noqa: PLC0415

        if config.dataset not in BUILTIN:
            raise RunError(f"There is no dataset {shown(config.dataset)}; there are {', '.join(BUILTIN)}.")
        if not BUILTIN[config.dataset].here:
            return  # the process that trains opens it, and says what is wrong
        given = lessons.dataset_of(config)
    side = config.image_size
    shape = given.image_shape if side is None else (side, side, given.image_shape[2])
    check_network(config, shape, len(given.class_names))


def check_network(config: TrainConfig, input_shape: tuple[int, int, int], classes: int) -> None:
    """Raise where a network cannot be trained on these pictures.

    Raises:
        ModelError: it does not fit them.
        RunError: it would take too much memory.
    """
    parameters = sum(row.parameters for row in describe(config.stack, input_shape, classes))
    wanted, limit = config.step_bytes(input_shape, classes), settings.current().max_training_bytes
    if wanted > limit:
        raise RunError(
            f"A step of training would take about {wanted / 1e9:.1f} GB of memory; {limit / 1e9:g} GB is the limit "
            "here. Take a smaller batch, smaller pictures or fewer filters."
        )
    kept, room = parameters * KEPT_BYTES, settings.current().max_run_bytes
    if kept > room:
        raise RunError(
            f"The checkpoints of {parameters:,} parameters would take about {kept / 1e6:,.0f} MB on the disk; "
            f"{room / 1e6:,.0f} MB is the limit here. Pool more often before the first dense layer."
        )
