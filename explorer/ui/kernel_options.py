"""The Kernels page's choices as a registry, and the sidebar they are drawn in."""

import streamlit as st

from explorer.figures import DISPLAYS
from explorer.filtering import CHANNELS, POOLINGS, Filtering
from explorer.settings import MAX_DILATION, MAX_POOL_SIZE, MAX_STRIDE
from explorer.ui import frame, kernel_editor, kernel_lab, pickers
from explorer.ui.cache import AUTOMATIC
from explorer.ui.controls import Real, Select, Switch, Whole
from explorer.ui.pickers import Chosen

IMAGE = pickers.image_control("kernels")
CHANNEL = Select(
    key="kernels.channels",
    label="Channels",
    default="grey",
    options=CHANNELS,
    look="segments",
    help="What the kernel is given: luminance, one colour channel, or each of the three for itself.",
)
DISPLAY = Select(
    key="kernels.display",
    label="Show the result",
    default=AUTOMATIC,
    options={AUTOMATIC: "Automatic"} | {name: f"{display.name} ({display.note})" for name, display in DISPLAYS.items()},
    help="Automatic: signed colours where a tenth of the values or more are negative; sizes where many are too bright "
    "for a photo; otherwise as a photo.",
)
STRIDE = Whole(
    key="kernels.stride",
    label="Stride",
    default=1,
    low=1,
    high=MAX_STRIDE,
    help="How many pixels the kernel moves between two sums.",
)
DILATION = Whole(
    key="kernels.dilation",
    label="Dilation",
    default=1,
    low=1,
    high=MAX_DILATION,
    help="The distance between the pixels that the kernel touches.",
)
PADDING = Select(
    key="kernels.padding",
    label="Padding",
    default="same",
    options={"same": "same", "valid": "valid", "reflect": "reflect", "edge": "edge"},
    help="What lies beyond the border: zeros (same), nothing (valid), the picture mirrored, or its edge repeated.",
)
BIAS = Real(
    key="kernels.bias",
    label="Bias",
    default=0.0,
    low=-1000.0,
    high=1000.0,
    step=1.0,
    help="A number added to every sum.",
)
FLIP = Switch(
    key="kernels.flip",
    label="Flip the kernel",
    default=False,
    help="True convolution turns the kernel by 180° first. Networks do not: theirs is cross-correlation.",
)
RELU = Switch(key="kernels.relu", label="ReLU", default=False, help="Negative values become zero.")
POOLING = Select(
    key="kernels.pooling",
    label="Pooling",
    default="none",
    options=POOLINGS,
    look="segments",
    help="One value for each block of the result: its largest, or its mean.",
)
POOL_SIZE = Whole(key="kernels.pool_size", label="Block", default=2, low=2, high=MAX_POOL_SIZE)

TABS = frame.tabs("kernels", {"compare": "Compare kernels", "theory": "Theory"})

CONTROLS = (
    IMAGE,
    kernel_editor.PRESET,
    kernel_editor.SIZE,
    kernel_editor.WEIGHTS,
    CHANNEL,
    DISPLAY,
    STRIDE,
    PADDING,
    DILATION,
    BIAS,
    FLIP,
    RELU,
    POOLING,
    POOL_SIZE,
    *kernel_lab.CONTROLS,
    TABS,
)


def choose(*, arrived: bool) -> tuple[Chosen, Filtering, str]:
    """The picture, the kernel with its options, and how to show the result, as the session has them.

    The sidebar is drawn after the pictures (:func:`draw`), so that these do not wait for the widgets to load.
    """
    chosen = pickers.take_image("kernels", IMAGE)
    filtering = Filtering(
        weights=kernel_editor.current_rows(arrived=arrived),
        stride=STRIDE.current(),
        padding=PADDING.current(),
        dilation=DILATION.current(),
        bias=BIAS.current(),
        channels=CHANNEL.current(),
        flip=FLIP.current(),
        relu=RELU.current(),
        pooling=POOLING.current(),
        pool_size=POOL_SIZE.current(),
    )
    return chosen, filtering, DISPLAY.current()


def draw(filtering: Filtering) -> None:
    """Draw the sidebar."""
    with st.sidebar:
        pickers.pick_image("kernels", IMAGE)
        kernel_editor.draw(filtering.weights)
        CHANNEL.draw()
        sliding = (STRIDE, PADDING, DILATION, BIAS, FLIP)
        changed = any(control.current() != control.default for control in sliding)
        with st.expander("How it slides", icon=":material/open_with:", expanded=changed):
            left, right = st.columns(2)
            with left:
                STRIDE.draw()
                BIAS.draw()
            with right:
                PADDING.draw()
                DILATION.draw()
            FLIP.draw()
        st.markdown("**Then**")
        RELU.draw()
        if POOLING.draw() != "none":
            POOL_SIZE.draw()
        DISPLAY.draw()
