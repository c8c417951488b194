"""The program of the Kernels page: one kernel slid over a picture, in NumPy or Keras."""

from collections.abc import Mapping
from types import MappingProxyType

from explorer import figures
from explorer.filtering import Filtering

LIBRARIES: Mapping[str, str] = MappingProxyType({"numpy": "NumPy + OpenCV", "keras": "Keras"})

_CHANNELS = {
    "grey": "x = (photo @ np.float32([0.299, 0.587, 0.114]))[..., None]  # luminance",
    "red": "x = photo[..., 0:1]  # the red channel",
    "green": "x = photo[..., 1:2]  # the green channel",
    "blue": "x = photo[..., 2:3]  # the blue channel",
    "rgb": "x = photo  # each colour channel for itself",
}
_PAD_MODE = {"same": "constant", "valid": "constant", "reflect": "reflect", "edge": "edge"}


def kernel_program(filtering: Filtering, display: str, *, library: str = "numpy", dark: bool = False) -> str:
    """The program for the Kernels page.

    Args:
        filtering: the choices.
        display: one of ``figures.DISPLAYS``.
        library: one of :data:`LIBRARIES`.
        dark: the signed colours of the dark theme.

    Returns:
        Python source. Its ``result.png`` is the picture the page shows, at full size.

    >>> "x = photo[..., 0:1]" in kernel_program(Filtering(weights=((1.0,),), channels="red"), "clipped")
    True
    """
    stages = {"numpy": _numpy_stages, "keras": _keras_stages}[library](filtering)
    keras = ["import keras"] if library == "keras" else []
    imports = ["import sys", "", "import cv2", *keras, "import numpy as np"]
    return "\n".join(
        [
            *imports,
            "",
            'name = sys.argv[1] if len(sys.argv) > 1 else "picture.png"',
            "photo = cv2.cvtColor(cv2.imread(name), cv2.COLOR_BGR2RGB).astype(np.float32)",
            _CHANNELS[filtering.channels],
            "",
            *_kernel_lines(filtering),
            "",
            *stages,
            "",
            'np.save("result.npy", y)  # the numbers themselves, signed',
            'print("shape", y.shape, "minimum", y.min(), "maximum", y.max())',
            "",
            *_display_lines(display, colour=filtering.channels == "rgb", dark=dark),
            'cv2.imwrite("result.png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))',
            "",
        ]
    )


def _kernel_lines(filtering: Filtering) -> list[str]:
    """The kernel as a literal, and its turn by 180° for a true convolution."""
    rows = [f"    [{', '.join(f'{weight:.9g}' for weight in row)}]," for row in filtering.weights]
    lines = ["kernel = np.float32([", *rows, "])"]
    if filtering.flip:
        lines.append("kernel = kernel[::-1, ::-1]  # convolution turns the kernel; networks do not")
    return lines


def _padding_lines(filtering: Filtering) -> list[str]:
    """Padding written out, because its last row and column may get one cell more than its first."""
    lines = [f"stride, dilation = {filtering.stride}, {filtering.dilation}"]
    if filtering.padding == "valid":
        return lines
    return [
        *lines,
        "pads = []",
        "for size, k in zip(x.shape, kernel.shape):",
        "    reach = (k - 1) * dilation + 1",
        "    total = max((-(-size // stride) - 1) * stride + reach - size, 0)",
        "    pads.append((total // 2, total - total // 2))",
        f'x = np.pad(x, [*pads, (0, 0)], mode="{_PAD_MODE[filtering.padding]}")',
    ]


def _numpy_stages(filtering: Filtering) -> list[str]:
    """The sum as a loop over the kernel's cells, each a shifted copy of the picture."""
    lines = [
        *_padding_lines(filtering),
        "height = (x.shape[0] - (kernel.shape[0] - 1) * dilation - 1) // stride + 1",
        "width = (x.shape[1] - (kernel.shape[1] - 1) * dilation - 1) // stride + 1",
        f"y = np.full((height, width, x.shape[2]), {filtering.bias:.9g}, np.float32)  # the bias",
        "for (row, column), weight in np.ndenumerate(kernel):",
        "    top, left = row * dilation, column * dilation",
        "    cells = x[top : top + height * stride : stride, left : left + width * stride : stride]",
        "    y += weight * cells[:height, :width]",
    ]
    if filtering.relu:
        lines.append("y = np.maximum(y, 0)  # ReLU")
    if filtering.pooling != "none":
        size = filtering.pool_size
        reduce = {"max": "max", "average": "mean"}[filtering.pooling]
        lines += [
            f"rows, columns = y.shape[0] // {size}, y.shape[1] // {size}",
            f"blocks = y[: rows * {size}, : columns * {size}].reshape(rows, {size}, columns, {size}, -1)",
            f"y = blocks.{reduce}(axis=(1, 3))  # {filtering.pooling} pooling",
        ]
    return lines


def _keras_stages(filtering: Filtering) -> list[str]:
    """The same with Keras's operations; TensorFlow refuses stride and dilation together, so both are not given."""
    both = filtering.stride > 1 and filtering.dilation > 1
    lines = [
        *_padding_lines(filtering),
        "channels = x.shape[2]  # the same kernel for each",
        "weights = np.repeat(kernel[:, :, None, None], channels, axis=2)",
        "y = keras.ops.depthwise_conv(",
        f'    x[None], weights, strides={1 if both else "stride"}, padding="valid", dilation_rate=dilation',
        f") + {filtering.bias:.9g}",
    ]
    if both:
        lines.append("y = y[:, ::stride, ::stride]  # stride and dilation together")
    if filtering.relu:
        lines.append("y = keras.ops.relu(y)")
    if filtering.pooling != "none":
        lines.append(f"y = keras.ops.{filtering.pooling}_pool(y, {filtering.pool_size})")
    return [*lines, "y = keras.ops.convert_to_numpy(y)[0]"]


def _display_lines(display: str, *, colour: bool, dark: bool) -> list[str]:
    """How the numbers get their colours."""
    if display == "clipped":
        lines = ["shown = y"]
    elif display == "stretched":
        lines = ["shown = (y - y.min()) * (255 / max(np.ptp(y), 1e-30))"]
    else:
        end = 'end = np.percentile(np.abs(y), 99.5, method="higher") or max(np.abs(y).max(), 1e-30)  # of the scale'
        mapped = "np.abs(y) * (255 / end)" if display == "absolute" else "np.clip(y * (127 / end), -127, 127) + 128"
        lines = [end, f"shown = {mapped}"]
    lines.append("shown = np.rint(np.clip(shown, 0, 255)).astype(np.uint8)")
    if colour:
        return [*lines, "picture = shown"]
    if display == "signed":
        anchors = figures.DIVERGING_DARK if dark else figures.DIVERGING_LIGHT
        return [
            *lines,
            f"anchors = np.array({[list(anchor) for anchor in anchors]}, float)",
            "at, ends = (np.arange(256) - 128) / 127, np.linspace(-1, 1, len(anchors))",
            "table = np.stack([np.interp(at, ends, anchors[:, c]) for c in range(3)], axis=1)",
            "picture = np.rint(table).astype(np.uint8)[shown[..., 0]]",
        ]
    if display == "absolute":
        return [
            *lines,
            "picture = cv2.cvtColor(cv2.applyColorMap(shown, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)",
        ]
    return [*lines, "picture = np.repeat(shown, 3, axis=2)"]
