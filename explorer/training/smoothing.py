"""A curve without its jitter, as TensorBoard draws it."""

import math
from collections.abc import Sequence


def smoothed(values: Sequence[float | None], weight: float = 0.9) -> list[float | None]:
    """The debiased exponential moving average.

    ``m ← weight · m + (1 − weight) · value`` from 0, divided by ``1 − weight ** count`` so that it does not begin too
    low: the correction that Adam makes (Kingma & Ba 2015, section 3).

    Args:
        values: numbers; None and those that are not finite are left out.
        weight: 0 leaves the curve as it is; close to 1 makes it slow. Below 1.

    Returns:
        As many as there were; None where one was left out.

    Raises:
        ValueError: the weight is not from 0 to below 1.

    >>> smoothed([1.0, None, 2.0], 0.5)
    [1.0, None, 1.6666666666666667]
    """
    if not 0 <= weight < 1:
        raise ValueError(f"The weight of the average is {weight}; it has to be at least 0 and below 1.")
    average, count, curve = 0.0, 0, list[float | None]()
    for value in values:
        if value is None or not math.isfinite(value):
            curve.append(None)
            continue
        average = weight * average + (1 - weight) * value
        count += 1
        curve.append(average / (1 - weight**count))
    return curve
