"""The parts of the Kernels page below its first screen: the numbers, the inspector, comparison and theory."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts, images, kernels
from explorer.errors import KernelError
from explorer.filtering import Filtering
from explorer.kernels import KERNELS
from explorer.settings import MAX_INSPECTOR_SIZE
from explorer.ui import cache, components, frame, kernel_editor
from explorer.ui.components import Pin
from explorer.ui.controls import Select, Whole

INSPECTOR_KEY = "kernels.inspector"

VIEW = Select(
    key="kernels.view",
    label="Pixels of",
    default="whole",
    options={"whole": "the whole picture, made small", "part": "a part, as it is"},
    look="segments",
)
SIDE = Whole(key="kernels.side", label="Longer side, in pixels", default=28, low=4, high=MAX_INSPECTOR_SIZE)
DOWN = Whole(key="kernels.down", label="From the top, %", default=40, low=0, high=100)
ACROSS = Whole(key="kernels.across", label="From the left, %", default=50, low=0, high=100)
FAMILY = Select(
    key="kernels.family",
    label="Family",
    default="Edges",
    options={family: family for family in dict.fromkeys(kernel.family for kernel in KERNELS.values())},
)
CONTROLS = (VIEW, SIDE, DOWN, ACROSS, FAMILY)


@dataclass(frozen=True)
class Tile:
    """The few pixels that are looked at one by one.

    Attributes:
        pixels: uint8 (H, W, 3), at most 48×48.
        sentence: where in the picture they come from.
    """

    pixels: NDArray[np.uint8]
    sentence: str


def pick_tile(pixels: NDArray[np.uint8]) -> Tile:
    """Let the person choose which pixels: the whole picture reduced, or a part of it."""
    height, width = pixels.shape[:2]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view, side = VIEW.draw(), SIDE.draw(width=190)
        if view == "part":
            down, across = DOWN.draw(width=150), ACROSS.draw(width=150)
    if view == "whole":
        small = images.reduce_to(pixels, side)
        if small.shape == pixels.shape:
            return Tile(small, f"All {height} × {width} pixels of the picture.")
        return Tile(small, f"The whole picture, averaged down to {small.shape[0]} × {small.shape[1]} pixels.")
    rows, columns = min(side, height), min(side, width)
    top, left = (height - rows) * down // 100, (width - columns) * across // 100
    part = images.crop(pixels, top, left, rows, columns)
    return Tile(
        part,
        f"Rows {top}–{top + rows - 1} and columns {left}–{left + columns - 1} of the picture, treated as a picture "
        "of its own: beyond its border is padding.",
    )


def _channels(filtering: Filtering, pixels: NDArray[np.uint8]) -> list[tuple[str, NDArray[np.float32]]]:
    """The source's channels with the names the components know."""
    source = filtering.source(pixels)
    names = {"grey": ["grey"], "red": ["R"], "green": ["G"], "blue": ["B"], "rgb": ["R", "G", "B"]}
    return [(name, source[..., index]) for index, name in enumerate(names[filtering.channels])]


def numbers(filtering: Filtering, tile: Tile) -> None:
    """The picture, and beside it the matrix it is."""
    components.numbers(channels=_channels(filtering, tile.pixels), key="kernels.numbers")


@st.fragment
def inspect(filtering: Filtering, tile: Tile) -> None:
    """The inspector. A pin reruns this fragment alone, and asks Keras for the same number."""
    pin = components.pinned(INSPECTOR_KEY)
    says = None
    if pin is not None:
        with st.spinner("Asking Keras… (the first time it has to wake up)"):
            says = keras_says(filtering, tile.pixels, pin)
    components.inspector(
        channels=_channels(filtering, tile.pixels),
        kernel=filtering.kernel,
        stride=filtering.stride,
        dilation=filtering.dilation,
        padding=filtering.padding,
        bias=filtering.bias,
        relu=filtering.relu,
        pooling=None if filtering.pooling == "none" else (filtering.pooling, filtering.pool_size, filtering.pool_size),
        keras_says=None if pin is None or says is None else (pin, says),
        key=INSPECTOR_KEY,
    )


def keras_says(filtering: Filtering, pixels: NDArray[np.uint8], pin: Pin) -> float | None:
    """The pinned cell's value as Keras computes it; None where the pin lies outside the output."""
    try:
        value = filtering.respond(filtering.source(pixels), engine="keras")
    except KernelError:  # the pin is older than the kernel, which is now larger than the pixels
        return None
    if pin.stage == "pooling" or filtering.pooling == "none":
        value = filtering.after(value, engine="keras")
    elif filtering.relu:
        value = np.maximum(value, 0)
    inside = pin.row < value.shape[0] and pin.col < value.shape[1] and pin.channel < value.shape[2]
    return float(value[pin.row, pin.col, pin.channel]) if inside else None


def compare(filtering: Filtering, sha: str, pixels: NDArray[np.uint8], display: str, *, dark: bool) -> None:
    """This picture under every kernel of a family; a click takes the kernel."""
    family = FAMILY.draw(width=260)
    members = {slug: kernel for slug, kernel in KERNELS.items() if kernel.family == family}
    small = images.reduce_to(pixels, 200)
    with st.container(key="family"):
        for index, (slug, kernel) in enumerate(members.items()):
            if index % 4 == 0:
                columns = st.columns(4)
            with columns[index % 4]:
                try:
                    png = cache.preview(f"{sha} 200", filtering.with_weights(kernel.weights), display, dark, small)
                    st.image(png, width="stretch", output_format="PNG", alt=f"The picture under {kernel.name}")
                except KernelError:
                    st.caption("Its window is larger than the picture.")
                st.button(
                    kernel.name,
                    key=f"kernels.use_{slug}",
                    on_click=kernel_editor.set_kernel,
                    args=(slug,),
                    help=kernel.note,
                    type="tertiary",
                    width="stretch",
                )


def theory(filtering: Filtering, *, dark: bool) -> None:
    """Sum, rank, separability and frequency response of the kernel."""
    kernel = filtering.kernel
    total, rank, parts = float(kernel.sum()), kernels.rank(kernel), kernels.separate(kernel)
    left, middle, right = st.columns([1, 1, 1.2])
    with left:
        st.markdown("**The kernel**, as it is laid on the picture")
        figure = charts.heatmap(kernel, signed_values=True, dark=dark, height=250, text=max(kernel.shape) <= 7)
        frame.chart(figure, key="kernels.heatmap", alt="The kernel's weights in colours")
    with middle:
        st.markdown("**Frequency response**: what it lets through")
        response = charts.heatmap(kernels.frequency_response(kernel), signed_values=False, dark=dark, height=250)
        frame.chart(response, key="kernels.response", alt="How strongly the kernel answers to each frequency")
        st.caption("The middle is a flat picture, the rim the finest detail. Bright passes, dark is stopped.")
    with right:
        st.markdown(_facts(kernel, total, rank))
        if parts is not None and rank == 1:
            st.latex(_outer_product(*parts))


def _facts(kernel: NDArray[np.float32], total: float, rank: int) -> str:
    """What sum and rank mean for a picture."""
    height, width = kernel.shape
    if abs(total) < 1e-6 * max(1.0, float(np.abs(kernel).sum())):
        on_flat = "A flat area gives **0**: only change is seen."
    else:
        on_flat = f"A flat area of grey 100 gives **{100 * total:.4g}**."
    if rank == 0:
        separable = "**All weights are zero**, and so is every result."
    elif rank > 1:
        separable = f"**Rank {rank}: not separable.** It takes {rank} column × row products to build it."
    elif height + width < height * width:
        separable = f"**Rank 1: separable.** A column, then a row: {height + width} products, not {height * width}."
    else:
        separable = "**Rank 1: separable**, though in a kernel so small that saves nothing."
    return f"**Sum of the weights: {total:.4g}.** {on_flat}\n\n{separable}"


def _outer_product(column: NDArray[np.float32], row: NDArray[np.float32]) -> str:
    """LaTeX: column times row."""
    down = r" \\ ".join(f"{value:.3g}" for value in column + 0.0)
    across = " & ".join(f"{value:.3g}" for value in row + 0.0)
    return rf"\begin{{bmatrix}} {down} \end{{bmatrix}} \begin{{bmatrix}} {across} \end{{bmatrix}}"
