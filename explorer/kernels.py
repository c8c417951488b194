"""Named hand-made kernels, and what can be said about a kernel before it is applied.

All weights are written as they are applied, that is as Keras does (cross-correlation, not flipped).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer import settings
from explorer.errors import KernelError

Weights = NDArray[np.float32]
Formula = Callable[[int], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Kernel:
    """One named kernel.

    Attributes:
        name: as shown to the person.
        weights: float32 (k, k), read-only, applied as Keras does (cross-correlation, not flipped).
        family: the heading it stands under.
        note: one sentence: what it shows.
        formula: the weights at any size, for kernels that have one.
    """

    name: str
    weights: Weights
    family: str
    note: str
    formula: Formula | None = None

    @property
    def sizable(self) -> bool:
        """Whether the kernel is defined at any size."""
        return self.formula is not None

    def at_size(self, size: int) -> "Kernel":
        """The same kernel with ``size`` × ``size`` weights.

        Raises:
            KernelError: the kernel has one size only, or no such size.

        >>> KERNELS["box"].at_size(2).weights.tolist()
        [[0.25, 0.25], [0.25, 0.25]]
        """
        if self.formula is None:
            raise KernelError(f"{self.name!r} is defined at {len(self.weights)} × {len(self.weights)} only.")
        if not 1 <= size <= settings.MAX_KERNEL_SIZE:
            raise KernelError(f"A kernel's size is {size}; it can be 1 to {settings.MAX_KERNEL_SIZE}.")
        return Kernel(self.name, _frozen(self.formula(size)), self.family, self.note, self.formula)


def _frozen(weights: ArrayLike) -> Weights:
    array = np.array(weights, dtype=np.float32)
    array.setflags(write=False)
    return array


# Formulas: the weights at any size. Distances are measured from the middle, in cells.


def _grid(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each cell's distance below and to the right of the middle."""
    offsets = np.arange(size) - (size - 1) / 2
    down, right = np.meshgrid(offsets, offsets, indexing="ij")
    return down, right


def _identity(size: int) -> NDArray[np.float64]:
    weights = np.zeros((size, size))
    weights[(size - 1) // 2, (size - 1) // 2] = 1  # the cell under the output pixel with TensorFlow's padding
    return weights


def _box(size: int) -> NDArray[np.float64]:
    return np.full((size, size), 1 / size**2)


def _gaussian(size: int) -> NDArray[np.float64]:
    sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8  # OpenCV's choice for a size
    down, right = _grid(size)
    weights = np.exp(-(down**2 + right**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def _disk(size: int) -> NDArray[np.float64]:
    down, right = _grid(size)
    inside = (down**2 + right**2 <= (size / 2) ** 2).astype(np.float64)
    return np.asarray(inside / inside.sum())


def _motion_row(size: int) -> NDArray[np.float64]:
    weights = np.zeros((size, size))
    weights[(size - 1) // 2] = 1 / size
    return weights


def _motion_column(size: int) -> NDArray[np.float64]:
    return _motion_row(size).T


def _motion_diagonal(size: int) -> NDArray[np.float64]:
    return np.eye(size) / size


def _unsharp(size: int) -> NDArray[np.float64]:
    return 2 * _identity(size) - _gaussian(size)


def _high_pass(size: int) -> NDArray[np.float64]:
    return _identity(size) - _box(size)


def _log(size: int) -> NDArray[np.float64]:
    _at_least_three(size)
    sigma = size / 6
    down, right = _grid(size)
    scaled = (down**2 + right**2) / (2 * sigma**2)
    bell = np.exp(-scaled)
    weights = (scaled - 1) * bell
    weights -= bell * (weights.sum() / bell.sum())  # the sampled curve does not quite sum to zero
    return np.asarray(2 * weights / np.abs(weights).sum())


def _gabor(size: int, *, degrees: int) -> NDArray[np.float64]:
    _at_least_three(size)
    sigma, wavelength, aspect = size / 5, size / 2, 0.5
    angle = np.deg2rad(degrees)
    down, right = _grid(size)
    along = right * np.cos(angle) + down * np.sin(angle)
    across = -right * np.sin(angle) + down * np.cos(angle)
    bell = np.exp(-(along**2 + (aspect * across) ** 2) / (2 * sigma**2))
    weights = bell * np.cos(2 * np.pi * along / wavelength)
    weights -= bell * (weights.sum() / bell.sum())  # flat areas give zero
    return np.asarray(2 * weights / np.abs(weights).sum())


def _at_least_three(size: int) -> None:
    if size < 3:
        raise KernelError(f"This kernel's size is {size}; it needs at least 3.")


# The catalogue. A kernel written in digits has one size.


def _digits(rows: str) -> Weights:
    """``"1 0 -1 / 2 0 -2 / 1 0 -1"`` → weights."""
    return _frozen([[float(cell) for cell in row.split()] for row in rows.split("/")])


def _fixed(family: str, entries: Mapping[str, tuple[str, str, str]]) -> dict[str, Kernel]:
    return {slug: Kernel(name, _digits(rows), family, note) for slug, (name, rows, note) in entries.items()}


def _sized(family: str, entries: Mapping[str, tuple[str, int, Formula, str]]) -> dict[str, Kernel]:
    return {
        slug: Kernel(name, _frozen(formula(size)), family, note, formula)
        for slug, (name, size, formula, note) in entries.items()
    }


_COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def _compass(slug: str, name: str, ring: tuple[int, ...]) -> dict[str, Kernel]:
    """Eight kernels: the outer ring of the first one, turned by 45° at a time."""
    cells = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    kernels = {}
    for turn, direction in enumerate(_COMPASS):
        weights = np.zeros((3, 3))
        for place, weight in enumerate(ring):
            weights[cells[(place + turn) % 8]] = weight
        note = f"Positive where the picture gets brighter towards the {direction}."
        kernels[f"{slug}-{direction}"] = Kernel(f"{name}, {direction}", _frozen(weights), "Compass", note)
    return kernels


# fmt: off
# Blur, sharpen, outline, emboss: https://setosa.io/ev/image-kernels and R. Gonzalez, R. Woods, "Digital Image
# Processing", chapter 3; the disk is that of MATLAB's fspecial.
_BLUR = _sized("Blur", {
    "box": ("Box blur", 3, _box, "Each pixel becomes the mean of its neighbourhood."),
    "gaussian": ("Gaussian blur", 5, _gaussian, "A smooth blur: near pixels count more than far ones."),
    "disk": ("Disk blur", 7, _disk, "Blurs as a lens out of focus does."),
    "motion-horizontal": ("Motion blur, sideways", 9, _motion_row,
        "Smears as a camera that moves sideways does."),
    "motion-vertical": ("Motion blur, up and down", 9, _motion_column, "Smears the picture up and down."),
    "motion-diagonal": ("Motion blur, diagonal", 9, _motion_diagonal,
        "Smears from top left to bottom right."),
})
_SHARPEN = _fixed("Sharpen", {
    "sharpen": ("Sharpen", "0 -1 0 / -1 5 -1 / 0 -1 0", "Each pixel differs more from its neighbours."),
}) | _sized("Sharpen", {
    "unsharp": ("Unsharp mask", 5, _unsharp, "Adds back what a Gaussian blur takes away: edges stand out."),
    "high-pass": ("High-pass", 3, _high_pass, "Only what differs from the neighbourhood is left."),
})
# I. Sobel and G. Feldman (1968), J. Prewitt (1970), H. Scharr (2000), L. Roberts (1963), D. Marr and
# E. Hildreth (1980, the Laplacian of Gaussian); V and H as in introductory courses such as A. Ng's (2017).
_EDGES = _fixed("Edges", {
    "outline": ("Outline", "-1 -1 -1 / -1 8 -1 / -1 -1 -1", "Positive where a pixel outshines all around it."),
    "vertical-edges": ("Vertical edges (V)", "1 0 -1 / 1 0 -1 / 1 0 -1",
        "Positive where it is darker on the right."),
    "horizontal-edges": ("Horizontal edges (H)", "1 1 1 / 0 0 0 / -1 -1 -1",
        "Positive where it is darker below."),
    "sobel-x": ("Sobel, left to right", "-1 0 1 / -2 0 2 / -1 0 1",
        "Positive where it gets brighter rightwards."),
    "sobel-y": ("Sobel, top to bottom", "-1 -2 -1 / 0 0 0 / 1 2 1",
        "Positive where it gets brighter downwards."),
    "sobel-left": ("Sobel, right to left", "1 0 -1 / 2 0 -2 / 1 0 -1",
        "Positive where it gets brighter leftwards."),
    "sobel-top": ("Sobel, bottom to top", "1 2 1 / 0 0 0 / -1 -2 -1",
        "Positive where it gets brighter upwards."),
    "prewitt-x": ("Prewitt, left to right", "-1 0 1 / -1 0 1 / -1 0 1", "As Sobel, with three equal rows."),
    "prewitt-y": ("Prewitt, top to bottom", "-1 -1 -1 / 0 0 0 / 1 1 1",
        "As Sobel, with three equal columns."),
    "scharr-x": ("Scharr, left to right", "-3 0 3 / -10 0 10 / -3 0 3", "As Sobel, fairer to slanted edges."),
    "scharr-y": ("Scharr, top to bottom", "-3 -10 -3 / 0 0 0 / 3 10 3", "As Sobel, fairer to slanted edges."),
    "roberts-1": ("Roberts cross, falling", "1 0 / 0 -1",
        "The difference along a diagonal of a 2 × 2 square."),
    "roberts-2": ("Roberts cross, rising", "0 1 / -1 0", "The difference along the other diagonal."),
    "laplacian-4": ("Laplacian, 4 neighbours", "0 1 0 / 1 -4 1 / 0 1 0",
        "Second derivative: edges cross zero."),
    "laplacian-8": ("Laplacian, 8 neighbours", "1 1 1 / 1 -8 1 / 1 1 1", "The same, diagonals included."),
}) | _sized("Edges", {
    "laplacian-of-gaussian": ("Laplacian of Gaussian", 9, _log,
        "Second derivative of a blur: blobs, and less noise."),
})
# Sources: R. Kirsch (1971) and G. Robinson (1977).
_COMPASSES = (_compass("kirsch", "Kirsch", (5, 5, 5, -3, -3, -3, -3, -3))
              | _compass("robinson", "Robinson", (1, 2, 1, 0, -1, -2, -1, 0)))
# Gonzalez and Woods, section 10.2, "Line detection".
_LINES = _fixed("Lines", {
    "line-horizontal": ("Horizontal lines", "-1 -1 -1 / 2 2 2 / -1 -1 -1", "Positive on thin lines that lie."),
    "line-vertical": ("Vertical lines", "-1 2 -1 / -1 2 -1 / -1 2 -1", "Positive on thin lines that stand."),
    "line-rising": ("Rising lines", "-1 -1 2 / -1 2 -1 / 2 -1 -1",
        "Positive on thin lines that rise to the right."),
    "line-falling": ("Falling lines", "2 -1 -1 / -1 2 -1 / -1 -1 2",
        "Positive on thin lines that fall to the right."),
})
# Source: J. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation",
# 1985. The angle is that of the wave; the stripes stand across it.
_TEXTURE = _sized("Texture", {
    f"gabor-{angle}": (f"Gabor, {angle}°", 11, partial(_gabor, degrees=angle),
        f"Answers to {stripes} stripes.")
    for angle, stripes in ((0, "vertical"), (45, "rising"), (90, "horizontal"), (135, "falling"))
})
_RELIEF = _fixed("Emboss", {
    "emboss": ("Emboss", "-2 -1 0 / -1 1 1 / 0 1 2", "Looks like a relief lit from one corner."),
    "emboss-flat": ("Emboss, flat", "-1 -1 0 / -1 0 1 / 0 1 1", "The relief alone, without the picture."),
})
_IDENTITY = _sized("Identity", {"identity": ("Identity", 3, _identity, "Leaves the picture as it is.")})
_CUSTOM = _sized("Custom", {"custom": ("Custom", 3, _identity, "Your own: edit the weights.")})
# fmt: on

KERNELS: Mapping[str, Kernel] = MappingProxyType(
    _IDENTITY | _BLUR | _SHARPEN | _EDGES | _COMPASSES | _LINES | _TEXTURE | _RELIEF | _CUSTOM
)
"""Every named kernel by its slug, in the order in which they are shown.

>>> KERNELS["sobel-x"].weights.tolist()
[[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
"""


# What a kernel's weights say about it.


def rank(weights: ArrayLike) -> int:
    """How many column × row products have to be added to make the kernel; 1 means that it is separable.

    >>> rank(KERNELS["sobel-x"].weights), rank(KERNELS["laplacian-4"].weights)
    (1, 2)
    """
    singular = np.linalg.svd(_matrix(weights), compute_uv=False)
    return int((singular > 1e-5 * singular[0]).sum())


def separate(weights: ArrayLike) -> tuple[Weights, Weights] | None:
    """The column and the row whose outer product is the kernel, from its singular value decomposition.

    Two passes with k weights then do the work of one with k².

    Returns:
        float32 (kh,) and (kw,), the column's smallest weight being 1; None when the rank is above 1.

    >>> column, row = separate(KERNELS["sobel-x"].weights)
    >>> column.round(3).tolist(), (row.round(3) + 0).tolist()
    ([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0])
    """
    matrix = _matrix(weights)
    if rank(matrix) > 1:
        return None
    left, singular, right = np.linalg.svd(matrix)
    column, row = left[:, 0], right[0] * singular[0]
    sizes = np.abs(column)
    unit = column[np.argmin(np.where(sizes > 1e-5 * sizes.max(), sizes, np.inf))]
    return (column / unit).astype(np.float32), (row * unit).astype(np.float32)


def frequency_response(weights: ArrayLike, size: int = 64) -> NDArray[np.float32]:
    """How strongly the kernel passes each frequency: the magnitude of its discrete Fourier transform.

    Returns:
        float32 (size, size), the zero frequency at [size // 2, size // 2], the highest ones at the border.

    >>> float(frequency_response(KERNELS["box"].weights)[32, 32])  # a flat picture passes unchanged
    1.0
    """
    matrix = _matrix(weights)
    if size < max(matrix.shape):
        raise KernelError(f"The response's size is {size}; it has to be {max(matrix.shape)} or more for this kernel.")
    spectrum = np.fft.fftshift(np.fft.fft2(matrix, s=(size, size)))
    return np.asarray(np.abs(spectrum), dtype=np.float32)


def normalized(weights: ArrayLike) -> Weights:
    """The weights divided by their sum, so that the picture keeps its brightness.

    Raises:
        KernelError: the sum is zero.

    >>> normalized([[1, 2, 1]]).tolist()
    [[0.25, 0.5, 0.25]]
    """
    matrix = _matrix(weights)
    if abs(matrix.sum()) <= 1e-6 * np.abs(matrix).sum():
        raise KernelError("The weights sum to zero, so they cannot be divided by their sum.")
    return np.asarray(matrix / matrix.sum(), dtype=np.float32)


def to_json(weights: ArrayLike, name: str) -> str:
    """The kernel as a small JSON text that :func:`from_json` reads back exactly.

    >>> to_json([[1, 0, -1]], "Difference")
    '{"name": "Difference", "weights": [[1.0, 0.0, -1.0]]}'
    """
    rows = [[float(str(weight)) for weight in row] for row in _matrix(weights).astype(np.float32)]
    return json.dumps({"name": name, "weights": rows})


def from_json(data: bytes) -> Weights:
    """The weights in a JSON file: ``{"weights": [[…], …]}`` or the bare list of rows.

    Returns:
        float32 (kh, kw).

    Raises:
        KernelError: not such a file, or larger than the limits.

    >>> from_json(b"[[1, 2], [3, 4]]").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    limit = settings.current().max_kernel_bytes
    if len(data) > limit:
        raise KernelError(f"The kernel file is {len(data):,} bytes long; the limit is {limit:,}.")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KernelError("This file is not JSON. A kernel file has rows of numbers: [[1, 0], [0, 1]].") from error
    rows = content.get("weights") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise KernelError("The kernel file has no rows of numbers, such as [[1, 0], [0, 1]].")
    if len({len(row) for row in rows}) > 1:
        raise KernelError("The rows of the kernel do not all have the same length.")
    if not all(type(weight) in (int, float) for row in rows for weight in row):
        raise KernelError("The kernel has a weight that is not a number.")
    return _matrix([[_bounded(weight) for weight in row] for row in rows]).astype(np.float32)


def _bounded(weight: float) -> float:
    """A number float can hold: a whole number in JSON has no limit."""
    return float(weight) if abs(weight) <= 1e300 else float("inf")


def _matrix(weights: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(weights, dtype=np.float64)
    limit = settings.MAX_KERNEL_SIZE
    if matrix.ndim != 2 or not 1 <= min(matrix.shape) <= max(matrix.shape) <= limit:
        sides = " × ".join(map(str, matrix.shape))
        raise KernelError(f"The kernel's shape is {sides}; it can be from 1 × 1 to {limit} × {limit}.")
    if not (np.abs(matrix) <= np.finfo(np.float32).max).all():
        raise KernelError("The kernel has a weight that is not a finite number; every weight has to be one.")
    return matrix
