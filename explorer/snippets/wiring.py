"""How a program gets at a network's class scores, and at the maps of one of its layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.attribution import Target
    from explorer.models import Classifier


@dataclass(frozen=True)
class Wiring:
    """Lines for the loaded ``model``, and what asks it.

    Attributes:
        imports: of this project, what is needed.
        lines: after the network is loaded.
        call: before and after the pictures; the whole gives the logits (N, units), or with a layer maps and logits.
        weights: unit of the last layer → how often it counts in the score; positive ones first.
    """

    imports: Sequence[str]
    lines: Sequence[str]
    call: tuple[str, str]
    weights: Mapping[int, int]

    def ask(self, pictures: str) -> str:
        """One pass over pictures (N, H, W, C)."""
        return self.call[0] + pictures + self.call[1]

    def score(self, rows: str) -> str:
        """The score in terms of ``logits``: "0" for that of the first picture, ":" for those of all.

        >>> Wiring([], [], ("", ""), {2: 1, 0: -1}).score("0")
        'logits[0, 2] - logits[0, 0]'
        """
        terms = ""
        for unit, weight in self.weights.items():
            times = "" if abs(weight) == 1 else f"{abs(weight)} * "
            sign = " - " if weight < 0 else " + "
            terms += f"{sign if terms else sign.strip(' +')}{times}logits[{rows}, {unit}]"
        return terms


def wiring(classifier: "Classifier", target: "Target", layer: str | None = None) -> Wiring:
    """Keras's own means where they reach, this project's ``tap`` elsewhere.

    Args:
        classifier: the network, which the program finds in ``network.keras``.
        target: the question.
        layer: dotted path of a layer whose maps are wanted too.
    """
    from explorer.models.graph import in_reach, visits  # noqa: PLC0415 - TensorFlow, which not every page's program needs
    from explorer.models.preprocessing import CaffePreprocessing  # noqa: PLC0415

    every = visits(classifier.model)
    weights = _weights(classifier, target)
    own = any(isinstance(visit.layer, CaffePreprocessing) for visit in every)
    imports = ["import explorer.models.preprocessing  # the network's first layer"] if own else []
    ending = _ending(every)
    if ending is None or (layer is not None and not in_reach(every, layer)):
        imports.append("from explorer.models import tap  # reaches what Keras's get_layer does not")
        paths = [classifier.output_path] if layer is None else [layer, classifier.output_path]
        line = f"network = tap(model, {paths!r}, logits=True)  # logits: the scores before softmax or sigmoid"
        after = f")[{classifier.output_path!r}]" if layer is None else ").values()"
        return Wiring(imports, [line], ("network(", after), weights)
    if layer is None and not ending.cut:
        return Wiring(imports, ending.lines, ("model(", ", training=False)"), weights)
    build = _sequential if _is_sequential(classifier.model) else _functional
    lines = [*ending.lines, *build(layer, every[-1].path if ending.cut else None)]
    return Wiring(imports, lines, ("network(", ", training=False)"), weights)


@dataclass(frozen=True)
class _Ending:
    """How the last softmax or sigmoid is undone.

    Attributes:
        lines: that make the network give logits.
        cut: the last layer is nothing but the activation, and is left out.
    """

    lines: Sequence[str] = ()
    cut: bool = False


def _ending(every: Sequence[Any]) -> _Ending | None:
    """None where Keras alone cannot undo it."""
    import keras  # noqa: PLC0415

    from explorer.models.graph import activation_name, final_visit, in_reach  # noqa: PLC0415

    final = final_visit(every)
    if activation_name(final.layer) == "linear":
        return _Ending()
    if not in_reach(every, final.path):
        return None
    if isinstance(final.layer, keras.layers.Dense | keras.layers.Activation):
        line = f"model.get_layer({final.path!r}).activation = keras.activations.linear  # logits, not probabilities"
        return _Ending([line])
    return _Ending(cut=True) if isinstance(final.layer, keras.layers.Softmax) and final is every[-1] else None


def _functional(layer: str | None, cut: str | None) -> list[str]:
    logits = "model.outputs[0]" if cut is None else f"model.get_layer({cut!r}).input"
    outputs = logits if layer is None else f"[model.get_layer({layer!r}).output, {logits}]"
    return [f"network = keras.Model(model.inputs[0], {outputs})"]


def _sequential(layer: str | None, cut: str | None) -> list[str]:
    """A Sequential that Keras has loaded keeps old outputs of its layers, so they are called once more."""
    layers = "model.layers" if cut is None else "model.layers[:-1]"
    if layer is None:
        return [f"network = keras.Sequential({layers})  # logits: without the softmax"]
    return [
        "x = inputs = keras.Input(model.input_shape[1:])",
        f"for layer in {layers}:",
        "    x = layer(x)",
        f"    if layer.name == {layer!r}:",
        "        wanted = x",
        "network = keras.Model(inputs, [wanted, x])",
    ]


def _is_sequential(model: Any) -> bool:
    import keras  # noqa: PLC0415

    return isinstance(model, keras.Sequential)


def _weights(classifier: "Classifier", target: "Target") -> dict[int, int]:
    """The target in terms of the last layer's units; of one sigmoid with logit z the class scores are −z and z."""
    direction = target.direction(len(classifier.class_names))
    if classifier.model.outputs[0].shape[-1] == 1:
        return {0: int(direction[1] - direction[0])}
    units = sorted(direction.nonzero()[0].tolist(), key=lambda unit: -direction[unit])
    return {unit: int(direction[unit]) for unit in units}
