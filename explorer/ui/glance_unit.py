"""A channel unfolded into its sums, as the browser component is sent it."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.trace import Flattened, Source, Step, Unfolded


def sent(found: Unfolded, names: dict[tuple[str, int], str], softmax: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the component's UnitView is given; every array as base64 of little-endian float32, row by row.

    Args:
        found: the channel.
        names: what single channels of layers are called, such as the picture's colours: (path, channel) → name.
        softmax: of a class's score the other scores: {"classes": [[name, logit, probability, is this one], …],
            "others": how many more there are, "share": their probabilities' sum, "turned": whether the only unit of
            two classes has the opposite score}.
    """
    row, col = found.strongest
    return {
        "path": found.path,
        "channel": found.channel,
        "name": names.get((found.path, found.channel), f"channel {found.channel}"),
        "gathers": found.gathers,
        "kind": found.kind,
        "form": found.form,
        "geometry": None
        if found.geometry is None
        else {
            "size": list(found.geometry.size),
            "strides": list(found.geometry.strides),
            "dilation": list(found.geometry.dilation),
            "pad": list(found.geometry.pad),
        },
        "shape": list(found.result.shape),
        "sources": [_source(source, names) for source in found.sources],
        "others": found.others,
        "rest": packed(found.rest),
        "flattened": None if found.flattened is None else _flattened(found.flattened, names),
        "bias": _number(found.bias),
        "total": packed(found.total),
        "steps": _steps(found),
        "result": packed(found.result),
        "at": [row, col],
        "softmax": softmax,
    }


def opposite(found: Unfolded) -> Unfolded:
    """The score of the other of two classes that share one unit: the same sum with all its signs turned round."""

    def turned(source: Source) -> Source:
        return replace(source, weights=None if source.weights is None else -source.weights, part=-source.part)

    return replace(
        found,
        sources=tuple(turned(source) for source in found.sources),
        rest=-found.rest,
        bias=-found.bias,
        total=-found.total,
        flattened=None
        if found.flattened is None
        else replace(
            found.flattened,
            sources=tuple(turned(source) for source in found.flattened.sources),
            rest=-found.flattened.rest,
        ),
        steps=tuple(
            step
            if step.normalisation is None or _squeezed(found.steps[:place])
            else replace(step, normalisation=step.normalisation.opposite())
            for place, step in enumerate(found.steps)
        ),
        after=tuple(_other(found.steps[: place + 1], values) for place, values in enumerate(found.after)),
        result=_other(found.steps, found.result),
    )


def _other(steps: Sequence[Step], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the other class has after some steps: the rest to 1 behind a sigmoid, before it the opposite."""
    return 1 - values if _squeezed(steps) else -values


def _squeezed(steps: Sequence[Step]) -> bool:
    return any(step.name == "sigmoid" for step in steps)


def packed(values: NDArray[np.float32]) -> str:
    """Numbers as base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")


def _source(source: Source, names: dict[tuple[str, int], str]) -> dict[str, Any]:
    height, width = source.values.shape if source.values.ndim == 2 else (1, 1)
    return {
        "path": source.path,
        "channel": source.channel,
        "name": names.get((source.path, source.channel), _named(source)),
        "place": None if source.place is None else list(source.place),
        "height": height,
        "width": width,
        "values": packed(source.values),
        "weights": None if source.weights is None else packed(source.weights),
        "flow": _number(source.flow),
    }


def _named(source: Source) -> str:
    return f"{source.path} · {source.channel}" if source.path else str(source.channel)


def _flattened(found: Flattened, names: dict[tuple[str, int], str]) -> dict[str, Any]:
    return {
        "shape": list(found.shape),
        "sources": [{**_source(source, {}), "name": _short(source, names)} for source in found.sources],
        "others": found.others,
        "rest": _number(found.rest),
    }


def _short(source: Source, names: dict[tuple[str, int], str]) -> str:
    return names.get((source.path, source.channel), f"channel {source.channel}")


def _steps(found: Unfolded) -> list[dict[str, Any]]:
    """Each step with the values after it; those after the last are the result, and are not sent twice."""
    before = (found.total, *found.after)
    steps = [_step(step, values) for step, values in zip(found.steps, before[:-1], strict=True)]
    for step, values in zip(steps[:-1], found.after[:-1], strict=True):
        step["after"] = packed(values)
    return steps


def _step(step: Step, before: NDArray[np.float32]) -> dict[str, Any]:
    numbers = step.normalisation
    reach = float(np.abs(before).max())
    curve = step.curve(max(1e-6, reach)) if np.isfinite(reach) else None
    return {
        "path": step.path,
        "kind": step.kind,
        "name": step.name,
        "normalisation": None
        if numbers is None
        else {
            "mean": _number_or_map(numbers.mean),
            "deviation": _number_or_map(numbers.deviation),
            "gain": _number(numbers.gain),
            "offset": _number(numbers.offset),
        },
        "curve": None if curve is None else [_rounded(axis) for axis in curve],
        "after": None,
    }


def _number_or_map(value: Any) -> float | str | None:
    """One number for all places, or one for each of them."""
    return packed(value) if np.ndim(value) else _number(float(value))


def _rounded(numbers: NDArray[np.float32]) -> Sequence[float | None]:
    return [_number(float(f"{number:.5g}")) for number in numbers]


def _number(value: float) -> float | None:
    """Itself; None where it is no finite number, for which JSON has no word."""
    return value if np.isfinite(value) else None
