"""Which layers a class activation map can look at."""

from collections.abc import Callable, Sequence

from explorer.errors import LayerError
from explorer.models import Classifier
from explorer.models.graph import Visit, visits
from explorer.models.layers import unknown_layer


def spatial_layers(classifier: Classifier) -> list[str]:
    """The layers with maps, from the first convolution on, in the order in which the picture travels.

    What comes before it (a rescaling, a cropping) is the picture itself, not something that the network has found.
    """
    every = visits(classifier.model)
    first = next((number for number, visit in enumerate(every) if _convolves(visit)), len(every))
    return [visit.path for visit in every[first:] if _has_maps(visit)]


def default_layer(classifier: Classifier) -> str:
    """The last layer before the maps are pooled or flattened: the most abstract one that still knows where.

    Raises:
        LayerError: the network has no convolution.
    """
    return _default(classifier.name, visits(classifier.model))


def check_layer(classifier: Classifier, layer: str | None) -> str:
    """A layer with maps: the one asked for, or the default.

    Raises:
        LayerError: there is no such layer, it has no maps, or the network has none that have.
    """
    check: Callable[[str | None], str] = classifier.compiled("check_layer", lambda: _checker(classifier))
    return check(layer)


def _checker(classifier: Classifier) -> Callable[[str | None], str]:
    """:func:`check_layer` for one network, which is walked once: a walk takes as long as a tenth of a pass."""
    name, every = classifier.name, visits(classifier.model)
    by_path = {visit.path: visit for visit in every}

    def check(layer: str | None) -> str:
        if layer is None:
            return _default(name, every)
        if not isinstance(layer, str) or layer not in by_path:
            raise LayerError(unknown_layer(str(layer), list(by_path)))
        if not _has_maps(by_path[layer]):
            shape = " × ".join(map(str, by_path[layer].shape))
            raise LayerError(
                f"The layer {layer!r} has no maps (its output is {shape}), so it cannot say where. Choose a layer with "
                f"height and width, such as {_default(name, every)!r}."
            )
        return layer

    return check


def _default(name: str, every: Sequence[Visit]) -> str:
    outer = [visit for visit in every if not visit.inner]
    convolutions = [number for number, visit in enumerate(outer) if _convolves(visit) and _has_maps(visit)]
    if not convolutions:
        raise LayerError(
            f"{name} has no convolution, so no layer's maps show where it looks. Methods that ask the "
            "pixels themselves work on it: saliency, integrated gradients, occlusion, RISE."
        )
    last = outer[convolutions[-1]]
    for visit in outer[convolutions[-1] + 1 :]:
        if not _has_maps(visit):  # the end, or a gate that the maps are multiplied with
            continue
        if "Pool" in type(visit.layer).__name__:
            break
        last = visit
    return last.path


def _convolves(visit: Visit) -> bool:
    return not visit.inner and "Conv" in type(visit.layer).__name__


def _has_maps(visit: Visit) -> bool:
    """Whether the output is (H, W, C) with more than one cell."""
    return len(visit.shape) == 3 and visit.shape[:2] != (1, 1)
