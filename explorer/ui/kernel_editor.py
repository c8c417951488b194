"""The kernel as the person edits it: preset, size, a grid of numbers, and the buttons that turn it about.

The grid has two layers: the *base*, which presets, buttons, links and files set, and the cells typed over it,
which Streamlit keeps under ``kernels.weights``. A new base starts with nothing typed over it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import kernels
from explorer.errors import KernelError
from explorer.filtering import Rows, rows
from explorer.kernels import KERNELS
from explorer.settings import MAX_KERNEL_SIZE
from explorer.ui import state
from explorer.ui.controls import Control, Select, Whole
from explorer.ui.texts import plain

BASE = "_kernels_base"
"""The numbers in the grid before anything is typed over them: Rows, or None for the preset's own."""
MADE_FOR = "_kernels_made_for"
"""The (preset, size) that the base was made for: another choice makes another base."""
REVISION = "_kernels_revision"
"""Counts the bases, so that the grid starts afresh with each."""
EDITED = "_kernels_edited"
"""The grid as last drawn, typed cells included, for when the page is left and entered again."""

FILE_WIDGET = "kernels.kernel_file"
FILE_TAKEN = "_kernels_file_taken"
"""The last kernel file dealt with, and the sentence that says what was wrong with it, or None."""

MAX_WEIGHT = 1e6

PRESET = Select(
    key="kernels.preset",
    label="Kernel",
    default="sobel-x",
    options={slug: f"{kernel.family} · {kernel.name}" for slug, kernel in KERNELS.items()},
)


class Size(Whole):
    """The side of the kernel; a fresh preset has its own."""

    def initial(self) -> int:
        """The preset's own size."""
        return natural_size(PRESET.current())


def natural_size(preset: str) -> int:
    """The size a preset comes in, in cells."""
    return len(KERNELS[preset].weights)


SIZE = Size(
    key="kernels.size",
    label="Size",
    low=1,
    high=MAX_KERNEL_SIZE,
    help="Height and width in cells. Kernels with a formula are made anew, the others get a border of zeros.",
)


class Weights(Control):
    """The grid's numbers, when they are not simply the preset's; in a link, rows apart by ``;``, cells by ``,``."""

    def allows(self, value: Any) -> bool:
        """Rows of one length, 1×1 to 15×15, of finite numbers."""
        if value is None:
            return True
        lengths = {len(row) for row in value}
        sizes_fit = 1 <= len(value) <= MAX_KERNEL_SIZE and len(lengths) == 1 and 1 <= max(lengths) <= MAX_KERNEL_SIZE
        return sizes_fit and all(math.isfinite(w) and abs(w) <= MAX_WEIGHT for row in value for w in row)

    def allowed(self) -> str:
        """The format."""
        return f"it is rows of numbers such as 1,0,-1;2,0,-2, at most {MAX_KERNEL_SIZE} by {MAX_KERNEL_SIZE}"

    def read(self, text: str) -> Rows:
        """Rows apart by ``;``, cells by ``,``."""
        if len(text) > 20 * MAX_KERNEL_SIZE**2:
            raise ValueError
        return tuple(tuple(float(cell) for cell in row.split(",")) for row in text.split(";"))

    def text(self, value: Any) -> str:
        """Rows apart by ``;``, cells by ``,``, each in the shortest text that reads back as the same float32."""
        return ";".join(",".join(_shortest(weight) for weight in row) for row in value)

    def current(self) -> Rows | None:
        """The edited grid; None when it is the preset's own."""
        made_for = (PRESET.current(), SIZE.current())
        if state.get(MADE_FOR) != made_for:
            return None
        edited = typed_over(_base_rows(), st.session_state.get(self.key))
        return None if edited == _own_rows(*made_for) else edited

    def put(self, value: Any) -> None:
        """Take over a link's rows; the preset and the size were put before."""
        _set_base(value, (PRESET.current(), SIZE.current()))


def _shortest(weight: float) -> str:
    """The fewest digits that read back as the same float32.

    >>> _shortest(0.1), _shortest(1e6)
    ('0.1', '1e06')
    """
    return str(np.float32(weight)).removesuffix(".0").replace("e+", "e")


WEIGHTS = Weights(key="kernels.weights", label="Weights")


def _own_rows(preset: str, size: int) -> Rows:
    """The preset's weights at this size; where it has no such size, with a border of zeros or its middle."""
    kernel = KERNELS[preset]
    if size == len(kernel.weights):
        return rows(kernel.weights)
    try:
        return rows(kernel.at_size(size).weights)
    except KernelError:
        return rows(resized(kernel.weights, size))


def resized(weights: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The kernel in the middle of ``size`` × ``size`` cells: zeros around it, or only its middle.

    >>> resized(np.ones((1, 1), np.float32), 3).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    result = np.zeros((size, size), np.float32)
    taken, placed = [], []
    for length in weights.shape:
        common = min(length, size)
        taken.append(slice((length - common) // 2, (length - common) // 2 + common))
        placed.append(slice((size - common) // 2, (size - common) // 2 + common))
    result[tuple(placed)] = weights[tuple(taken)]
    return result


def _base_rows() -> Rows:
    base: Rows | None = state.get(BASE)
    return base if base is not None else _own_rows(PRESET.current(), SIZE.current())


def _set_base(value: Rows | None, made_for: tuple[str, int]) -> None:
    """Put new numbers in the grid and forget what was typed over the old ones."""
    state.put(BASE, value)
    state.put(MADE_FOR, made_for)
    state.put(REVISION, state.get(REVISION, 0) + 1)
    state.put(EDITED, None)
    if WEIGHTS.key in st.session_state:
        del st.session_state[WEIGHTS.key]


def typed_over(base: Rows, edits: Any) -> Rows:
    """The base with the typed cells in it. Cells that are not there, or not finite numbers, are passed over.

    Args:
        base: the rows underneath.
        edits: what ``st.data_editor`` keeps: ``{"edited_rows": {row: {column: value}}}``; None for nothing typed.

    >>> typed_over(((1.0, 2.0),), {"edited_rows": {0: {"1": 5}}})
    ((1.0, 5.0),)
    """
    grid = [list(row) for row in base]
    changed = edits.get("edited_rows", {}) if isinstance(edits, Mapping) else {}
    for row, cells in changed.items():
        for column, value in cells.items():
            if not (str(row).isdecimal() and str(column).isdecimal()):
                continue
            i, j = int(row), int(column)
            if i < len(grid) and j < len(grid[0]) and isinstance(value, int | float | None):
                number = float(value or 0.0)
                if math.isfinite(number):
                    grid[i][j] = max(-MAX_WEIGHT, min(MAX_WEIGHT, number))
    return tuple(tuple(row) for row in grid)


TRANSFORMS: Mapping[str, tuple[str, str, Callable[[NDArray[np.float32]], NDArray[np.float32]]]] = {
    "normalise": (":material/percent:", "Divide by the sum, so that brightness stays", kernels.normalized),
    "rotate": (":material/rotate_right:", "Turn by 90°", lambda weights: np.rot90(weights, -1)),
    "mirror": (":material/flip:", "Mirror left and right", np.fliplr),
    "upend": (":material/swap_vert:", "Mirror top and bottom", np.flipud),
    "transpose": (":material/south_east:", "Transpose: rows become columns", np.transpose),
    "invert": (":material/exposure:", "Invert: every sign the other way", np.negative),
}


def _transform(name: str) -> None:
    """A button was pressed: the grid, as it stands, becomes a new base."""
    made_for = (PRESET.current(), SIZE.current())
    weights = np.asarray(typed_over(_base_rows(), st.session_state.get(WEIGHTS.key)), np.float32)
    try:
        changed = rows(TRANSFORMS[name][2](weights))
    except KernelError as error:
        st.toast(str(error), icon=":material/error:")
        return
    _set_base(tuple(tuple(weight + 0.0 for weight in row) for row in changed), made_for)  # + 0.0: no minus zero


def _reset() -> None:
    """Back to the preset as it comes."""
    preset = PRESET.current()
    SIZE.put(natural_size(preset))
    _set_base(None, (preset, natural_size(preset)))


def set_kernel(preset: str, weights: Rows | None = None) -> None:
    """Choose a preset, or with ``custom`` any rows, from a button or a file. Only before the widgets are drawn."""
    size = natural_size(preset) if weights is None else min(MAX_KERNEL_SIZE, max(len(weights), len(weights[0])))
    PRESET.put(preset)
    SIZE.put(size)
    _set_base(weights, (preset, size))


def current_rows(*, arrived: bool) -> Rows:
    """The rows of the kernel, typed cells included, after a preset, size or file chosen just now was followed."""
    if arrived and state.get(EDITED) is not None and state.get(MADE_FOR) == (PRESET.current(), SIZE.current()):
        _set_base(state.get(EDITED), state.get(MADE_FOR))
    _accept_file()
    _follow_preset()
    edited = typed_over(_base_rows(), st.session_state.get(WEIGHTS.key))
    state.put(EDITED, edited)
    return edited


def draw(edited: Rows) -> None:
    """Draw preset, grid, buttons and size; ``edited`` are the rows that the grid shows."""
    preset = PRESET.draw()
    st.caption(KERNELS[preset].note)
    _draw_grid(_base_rows())
    with st.container(horizontal=True, gap="xxsmall", key="kernels-transforms"):
        for name, (icon, sentence, _) in TRANSFORMS.items():
            st.button(sentence, icon=icon, key=f"kernels.{name}", help=sentence, on_click=_transform, args=(name,))
        st.button(
            "Reset to the preset",
            icon=":material/restart_alt:",
            key="kernels.reset",
            help="Reset to the preset",
            on_click=_reset,
            disabled=edited == _own_rows(preset, natural_size(preset)),
        )
    left, right = st.columns([1, 1.5], vertical_alignment="bottom")
    with left:
        SIZE.draw()
    with right:
        _draw_file_picker()


def _draw_file_picker() -> None:
    """Take a kernel from a JSON file, such as this page's own download."""
    with st.popover("From a file", icon=":material/upload_file:", width="stretch"):
        st.file_uploader("A kernel in JSON", type=["json"], key=FILE_WIDGET, max_upload_size=1)
        st.caption('Rows of numbers: `{"weights": [[1, 0, -1], [2, 0, -2], [1, 0, -1]]}`')
        _draw_file_problem()


def _draw_file_problem() -> None:
    """What was wrong with the kernel file that is chosen."""
    problem = state.get(FILE_TAKEN, ("", None))[1]
    if problem and st.session_state.get(FILE_WIDGET) is not None:
        st.error(plain(problem), icon=":material/error:")


def _accept_file() -> None:
    """A newly uploaded kernel becomes the grid; one that cannot be used leaves the grid as it is."""
    upload = st.session_state.get(FILE_WIDGET)
    if upload is None or state.get(FILE_TAKEN, ("", None))[0] == upload.file_id:
        return
    problem = None
    try:
        weights = rows(kernels.from_json(upload.getvalue()))
    except KernelError as error:
        problem = str(error)
    else:
        if WEIGHTS.allows(weights):
            set_kernel("custom", weights)
        else:
            problem = f"A weight is larger than {MAX_WEIGHT:,.0f}, which is the most the page takes."
    state.put(FILE_TAKEN, (upload.file_id, problem))


def _follow_preset() -> None:
    """Make a new base when the preset or the size is another than the base was made for."""
    preset, size = PRESET.current(), SIZE.current()
    made_for = state.get(MADE_FOR)
    if made_for == (preset, size):
        return
    if made_for is None:
        state.put(MADE_FOR, (preset, size))  # a fresh page; cells that are typed already are kept
    elif preset == "custom" and made_for[0] != preset:
        SIZE.put(made_for[1])
        _set_base(state.get(EDITED), (preset, made_for[1]))  # the kernel of one's own begins as the one there was
    elif made_for[0] != preset:
        SIZE.put(natural_size(preset))
        _set_base(None, (preset, natural_size(preset)))
    else:
        edited = state.get(EDITED)
        untouched = edited is None or edited == _own_rows(*made_for)
        base = None if untouched else rows(resized(np.asarray(edited, np.float32), size))
        _set_base(base, (preset, size))


def _draw_grid(base: Rows) -> None:
    """The editable numbers. The index carries the revision: with a new base the grid is a new one."""
    import pandas as pd  # noqa: PLC0415 - only the grid needs it

    offset = state.get(REVISION, 0) * MAX_KERNEL_SIZE
    frame = pd.DataFrame(
        [list(row) for row in base],
        columns=[str(column) for column in range(len(base[0]))],
        index=range(offset, offset + len(base)),
    )
    column = st.column_config.NumberColumn(label="", format="%.3g", min_value=-MAX_WEIGHT, max_value=MAX_WEIGHT)
    st.data_editor(
        frame,
        key=WEIGHTS.key,
        hide_index=True,
        column_config=dict.fromkeys(frame.columns, column),
        height=min(len(base), 9) * 35 + 38,
        alt="The kernel's weights, editable",
    )
