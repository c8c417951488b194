"""How a program in Keras gets at the output of one layer, wherever in a network it lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from explorer.snippets.ascent.writing import Lines, assigned, literal


@dataclass(frozen=True)
class Reach:
    """Lines for the loaded ``model``, and what asks it.

    Attributes:
        imports: of this project, what is needed.
        lines: after the network is loaded.
        call: before and after the pictures; the whole gives the layer's output.
        rank: of the output, with the batch.
        has_relu: whether there is a ReLU on the way.
    """

    imports: Lines
    lines: Lines
    call: tuple[str, str]
    rank: int
    has_relu: bool

    def ask(self, pictures: str) -> str:
        """One pass over pictures (N, H, W, C)."""
        return self.call[0] + pictures + self.call[1]


def reach(model: Any, path: str, size: tuple[int, int], *, octaves: bool, below: bool) -> Reach:
    """Keras's own means where names lead to the layer, this project's ``tap`` elsewhere.

    Args:
        model: the network.
        path: dotted path of the layer; of the last layer, logits are wanted.
        size: height and width of the pictures.
        octaves: whether there are smaller ones too.
        below: whether the layer's own ReLU is to be left out.

    Raises:
        LayerError: there is no such layer.
    """
    from explorer.errors import LayerError  # noqa: PLC0415
    from explorer.models.graph import activation_name, final_visit, visits, visits_for, without_relu  # noqa: PLC0415
    from explorer.models.layers import unknown_layer  # noqa: PLC0415
    from explorer.models.preprocessing import CaffePreprocessing  # noqa: PLC0415

    every = visits(model)
    wanted = next((visit for visit in every if visit.path == path), None)
    if wanted is None:
        raise LayerError(unknown_layer(path, [visit.path for visit in every]))
    way = visits_for(every, set(wanted.outputs[:1]))
    final = final_visit(every)
    bare = None
    if final in way and activation_name(final.layer) in {"softmax", "sigmoid"}:
        bare = final
    elif below and without_relu(wanted.layer) is not None:
        bare = wanted
    relu = any(activation_name(visit.layer) in {"relu", "relu6"} for visit in way if visit is not bare)
    imports = ["import explorer.models.preprocessing  # the network's first layer"]
    imports = imports if any(isinstance(visit.layer, CaffePreprocessing) for visit in every) else []
    lines = _Route(model, every, wanted, None if octaves else size).lines(way, bare)
    if lines is not None:
        return Reach(imports, lines, ("network(", ", training=False)"), len(wanted.shape) + 1, relu)
    imports = [*imports, "from explorer.models import tap  # reaches what Keras's get_layer does not"]
    cut = ", before_relu=[layer]" if bare is wanted and bare is not final else ""
    lines = [*assigned("layer", path), f"network = tap(model, [layer], logits=True{cut})"]
    return Reach(imports, lines, ("network(", ")[layer]"), len(wanted.shape) + 1, relu)


@dataclass(frozen=True)
class _Route:
    """The way from the picture to a layer, through networks inside networks, by names that Keras knows.

    Attributes:
        model: the outermost network.
        every: its visits.
        wanted: the one whose output is wanted.
        size: height and width of the pictures; None for several.
    """

    model: Any
    every: Sequence[Any]
    wanted: Any
    size: tuple[int, int] | None

    def lines(self, way: Sequence[Any], bare: Any) -> Lines | None:
        """Lines that make ``network``; None where names do not lead there.

        Args:
            way: the visits that make the wanted output.
            bare: the visit among them that goes without its activation.
        """
        nests = self._nests()
        if nests is None or not self._is_single(self.wanted.layer) or self._holds_fixed(way, nests):
            return None
        names = ["model", "nested", *(f"nested{depth}" for depth in range(2, len(nests) + 1))]
        lines = [
            f"{name} = {outer}.get_layer({literal(visit.layer.name)})  # a network in the network"
            for visit, name, outer in zip(nests, names[1:], names, strict=False)
        ]
        graphs = [self.model, *(visit.layer for visit in nests)]
        cut = bare is self.wanted and type(bare.layer).__name__ in _NOTHING_ELSE
        if bare is not None and not cut:
            linear = self._linear(bare, graphs, names)
            if linear is None:
                return None
            lines += linear
        ends = [*nests, self.wanted]
        entries = [(0,), *(visit.inputs for visit in nests)]
        parts = [
            self._part(graph, name, entry, end, cut=cut and end is self.wanted)
            for graph, name, entry, end in zip(graphs, names, entries, ends, strict=False)
        ]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts) or not any(found):
            return None
        return [*lines, *self._joined([part for part in found if part])]

    def _nests(self) -> list[Any] | None:
        """The visits of the networks that the layer lies in, from the outside in; None if one is visited twice."""
        around = [visit for visit in self.every if visit.inner and self.wanted.path.startswith(f"{visit.path}.")]
        around.sort(key=lambda visit: len(visit.path))
        return around if all(self._is_single(visit.layer) for visit in around) else None

    def _is_single(self, layer: Any) -> bool:
        return sum(visit.layer is layer for visit in self.every) == 1

    def _holds_fixed(self, way: Sequence[Any], nests: Sequence[Any]) -> bool:
        """Whether a network on the way that is called as a whole reads pictures of its own size only."""
        if not self._is_free:
            return False
        whole = [visit for visit in self.every if visit.inner and visit not in nests]
        used = [inner for inner in whole if any(visit.path.startswith(f"{inner.path}.") for visit in way)]
        return any(_is_fixed(visit.layer) for visit in used)

    @property
    def _is_free(self) -> bool:
        """Whether the pictures are of another size than the network's."""
        return self.size is None or self.size != tuple(self.model.inputs[0].shape[1:3])

    def _linear(self, bare: Any, graphs: Sequence[Any], names: Sequence[str]) -> Lines | None:
        """The line that takes a layer's activation away; None where that is not all that Keras has to be told."""
        import keras  # noqa: PLC0415

        relu = bare is self.wanted and isinstance(bare.layer, keras.layers.Conv2D) and "relu" in _activation(bare)
        if not (relu or isinstance(bare.layer, keras.layers.Dense | keras.layers.Activation)):
            return None
        for graph, name in zip(graphs, names, strict=False):
            if any(layer is bare.layer for layer in graph.layers) and self._is_single(bare.layer):
                why = "Before its ReLU" if "relu" in _activation(bare) else "Logits, not probabilities"
                layer = f"{name}.get_layer({literal(bare.layer.name)})"
                return [f"# {why}:", f"{layer}.activation = keras.activations.linear"]
        return None

    def _part(self, graph: Any, name: str, entry: tuple[int, ...], end: Any, *, cut: bool) -> "_Part | None":
        """One network's layers up to, and with, the wanted one; or up to the network inside where that lies.

        Args:
            graph: the network.
            name: what the program calls it.
            entry: numbers of the tensors that go into it.
            end: visit of the wanted layer, or of the network inside.
            cut: the wanted layer is left out.

        Returns:
            None where names do not lead there.
        """
        import keras  # noqa: PLC0415

        last, sequential = end is self.wanted, isinstance(graph, keras.Sequential)
        holds = [operation is end.layer for operation in (graph.layers if sequential else graph.operations)]
        if not any(holds):
            return None  # a name with a dot that only looks like a way
        if sequential:
            return _Part(name, layers=holds.index(True) + (last and not cut))
        if last and not end.inner:
            return _Part(name, graph, end.layer, "input" if cut else "output")
        if last:
            return None  # the output that Keras knows of an inner network is not the one in this network
        return self._entry(graph, name, entry, end)

    def _entry(self, graph: Any, name: str, entry: tuple[int, ...], nest: Any) -> "_Part | None":
        """What a functional network makes of its input before a network inside is given it."""
        if nest.inputs == entry:
            return _Part(name)
        before = [visit for visit in self.every if visit.outputs == nest.inputs and not visit.inner]
        here = [visit for visit in before if any(visit.layer is operation for operation in graph.operations)]
        if len(here) != 1 or not self._is_single(here[0].layer):
            return None
        return _Part(name, graph, here[0].layer)

    def _joined(self, parts: Sequence["_Part"]) -> Lines:
        """The parts one after the other."""
        if len(parts) == 1:
            return parts[0].lines("network", self.size, free=self._is_free)
        lines: Lines = []
        members: Lines = []
        for number, part in enumerate(parts, 1):
            if part.graph is None:
                members.append(f"*{part.name}.layers[:{part.layers}]")
            else:
                size = self.size if part.graph is self.model else None
                lines += part.lines(f"part{number}", size, free=self._is_free)
                members.append(f"part{number}")
        return [*lines, f"network = keras.Sequential([{', '.join(members)}])"]


@dataclass(frozen=True)
class _Part:
    """Layers of one network, from its input on.

    Attributes:
        name: what the program calls the network.
        graph: the network, where it is functional.
        layer: its layer or operation at which the part ends.
        side: "output" of that layer, or "input".
        layers: how many layers of a Sequential.
    """

    name: str
    graph: Any = None
    layer: Any = None
    side: str = "output"
    layers: int = 0

    def __bool__(self) -> bool:
        return self.graph is not None or self.layers > 0

    def lines(self, part: str, size: tuple[int, int] | None, *, free: bool) -> Lines:
        """Lines that make the part under a name.

        Args:
            part: the name.
            size: height and width of its pictures, None for any.
            free: whether they are of another size than the network's own.
        """
        import keras  # noqa: PLC0415

        if self.graph is None:
            return [f"{part} = keras.Sequential({self.name}.layers[:{self.layers}])"]
        lines, layer = [], f"{self.name}.get_layer({literal(self.layer.name)})"
        if not isinstance(self.layer, keras.layers.Layer):
            lines = [f"operations = {{one.name: one for one in {self.name}.operations}}"]
            layer = f"operations[{literal(self.layer.name)}]"
        lines.append(f"{part} = keras.Model({self.name}.inputs[0], {layer}.{self.side})")
        if free and _is_fixed(self.graph):
            height, width = size or (None, None)
            shape = f"({height}, {width}, {self.graph.inputs[0].shape[-1]})"
            lines += [
                "# The same layers, for pictures of another size:",
                f"{part} = keras.models.clone_model({part}, keras.Input({shape}), lambda layer: layer)",
            ]
        return lines


_NOTHING_ELSE = frozenset({"Softmax", "Sigmoid", "ReLU", "Relu", "Relu6"})
"""Kinds of layers and operations that are nothing but an activation."""


def _is_fixed(graph: Any) -> bool:
    """Whether a network reads pictures of its own size only."""
    shape = graph.inputs[0].shape
    return len(shape) == 4 and any(side is not None for side in shape[1:3])


def _activation(visit: Any) -> str:
    from explorer.models.graph import activation_name  # noqa: PLC0415

    return activation_name(visit.layer)
