"""What the Kernels page says under its picture: the formula with this page's numbers, experiments, code, downloads."""

import io

import numpy as np
from numpy.typing import NDArray

from explorer import figures, images, kernels, snippets, windows
from explorer.filtering import Filtering
from explorer.ui import kernel_editor, kernel_options, links
from explorer.ui.cache import View
from explorer.ui.frame import Download, Experiment, Explanation


def explanation(filtering: Filtering, view: View, pixels: NDArray[np.uint8], *, dark: bool) -> Explanation:
    """Everything under the picture."""
    return Explanation(
        text=_text(filtering, view),
        experiments=EXPERIMENTS,
        programs={
            name: snippets.kernel_program(filtering, view.display, library=library, dark=dark)
            for library, name in snippets.LIBRARIES.items()
        },
        downloads=_downloads(filtering, view.display, pixels, dark=dark),
    )


def _text(filtering: Filtering, view: View) -> str:
    """The sum, the output size, and what padding did, each with this page's numbers."""
    rows, columns = filtering.kernel.shape
    height, width = view.source_shape[:2]
    outputs = filtering.stages(height, width)[1][1]
    stride, dilation = filtering.stride, filtering.dilation
    above, left = (
        windows.padding(size, window, stride, filtering.padding, dilation)[0]
        for size, window in ((height, rows), (width, columns))
    )
    bias = f" {'+' if filtering.bias >= 0 else '-'} {abs(filtering.bias):g}" if filtering.bias else ""
    formula = (
        rf"$$y_{{r,c}} = \sum_{{i=0}}^{{{rows - 1}}} \sum_{{j=0}}^{{{columns - 1}}} w_{{i,j}}\; "
        rf"x_{{{_place('r', 'i', stride, dilation, above)},\; {_place('c', 'j', stride, dilation, left)}}}{bias}$$"
    )
    after = [f"the stride is $s = {stride}$"] if stride > 1 else []
    after += [f"the dilation is $d = {dilation}$"] if dilation > 1 else []
    turned = (
        " The kernel was turned by 180° first: this is convolution in the mathematician's sense."
        if (filtering.flip)
        else " This is cross-correlation, which is what networks call convolution."
    )
    stages = []
    if filtering.relu:
        stages.append(r"ReLU then keeps what is positive: $\max(0, y)$.")
    if filtering.pooling != "none":
        size = filtering.pool_size
        kind = "largest value" if filtering.pooling == "max" else "mean"
        stages.append(f"Pooling keeps the {kind} of each {size} × {size} block.")
    return "\n\n".join(
        [
            f"Each pixel of the result is one sum: the {rows} × {columns} weights, each times the pixel beneath it."
            + (f" Here {' and '.join(after)}." if after else "")
            + turned,
            formula + OUTSIDE[filtering.padding],
            size_formula("height", height, rows, filtering, outputs[0]),
            size_formula("width", width, columns, filtering, outputs[1]),
            *stages,
        ]
    )


OUTSIDE = {
    "same": "\n\nBeyond the picture's border $x$ is zero.",
    "valid": "",
    "reflect": "\n\nBeyond the picture's border $x$ is the picture mirrored.",
    "edge": "\n\nBeyond the picture's border $x$ is its outermost pixel repeated.",
}


def _place(output: str, tap: str, stride: int, dilation: int, before: int) -> str:
    """The input index under one tap, such as ``2r+i-1``.

    >>> _place("r", "i", 2, 1, 1)
    '2r+i-1'
    """
    moved = f"{stride if stride > 1 else ''}{output}+{dilation if dilation > 1 else ''}{tap}"
    return moved + (f"-{before}" if before else "")


def size_formula(side: str, size: int, window: int, filtering: Filtering, out: int) -> str:
    """The output size along one side, in LaTeX, with its numbers put in."""
    stride, reach = filtering.stride, (window - 1) * filtering.dilation + 1
    if filtering.padding == "valid":
        return (
            rf"$$\text{{{side}}} = "
            r"\left\lfloor \frac{\text{size} - \text{span}}{\text{stride}} \right\rfloor + 1 = "
            rf"\left\lfloor \frac{{{size} - {reach}}}{{{stride}}} \right\rfloor + 1 = {out}$$"
        )
    return (
        rf"$$\text{{{side}}} = \left\lceil \frac{{\text{{size}}}}{{\text{{stride}}}} \right\rceil = "
        rf"\left\lceil \frac{{{size}}}{{{stride}}} \right\rceil = {out}$$"
    )


def _downloads(filtering: Filtering, display: str, pixels: NDArray[np.uint8], *, dark: bool) -> tuple[Download, ...]:
    """The result as picture and as numbers, and the kernel; each made when it is asked for."""
    preset = kernel_editor.PRESET.current()  # here: a download is made outside the session

    def picture() -> bytes:
        result = filtering.apply(pixels).result
        return images.encode_png(figures.DISPLAYS[display].draw(result, dark=dark).pixels)

    def array() -> bytes:
        file = io.BytesIO()
        np.save(file, filtering.apply(pixels).result)
        return file.getvalue()

    def kernel() -> str:
        return kernels.to_json(np.asarray(filtering.weights), preset)

    return (
        Download("Picture, PNG", "picture.png", "image/png", lambda: images.encode_png(pixels)),
        Download("Result, PNG", "result.png", "image/png", picture),
        Download("Signed numbers, NPY", "result.npy", "application/octet-stream", array),
        Download("Kernel, JSON", "kernel.json", "application/json", kernel),
    )


def _edges_both_ways() -> None:
    links.reset(kernel_options.CONTROLS)
    kernel_options.IMAGE.put("brick")
    kernel_editor.set_kernel("sobel-y")
    kernel_options.DISPLAY.put("signed")


def _blur_then_shrink() -> None:
    links.reset(kernel_options.CONTROLS)
    kernel_editor.set_kernel("gaussian")
    kernel_options.STRIDE.put(4)
    kernel_options.DISPLAY.put("clipped")


def _what_a_layer_does() -> None:
    links.reset(kernel_options.CONTROLS)
    kernel_editor.set_kernel("sobel-x")
    kernel_options.RELU.put(True)
    kernel_options.POOLING.put("max")


EXPERIMENTS = (
    Experiment(
        "Lying or standing?",
        "Brick under Sobel, top to bottom. Which joints light up? Turn the kernel by 90° and look again.",
        _edges_both_ways,
    ),
    Experiment(
        "Blur, then skip",
        "A Gaussian blur with stride 4: a small picture without jagged edges. Now put in the identity instead.",
        _blur_then_shrink,
    ),
    Experiment(
        "One step of a network",
        "Edges, then ReLU, then max pooling: half the size, and the edges are still there.",
        _what_a_layer_does,
    ),
)
