"""What the sketchpad's script sends is taken only if it is a drawing."""

import base64

import numpy as np
import pytest

from explorer.ui.browser import FOLDER
from explorer.ui.sketch_components import SCRIPTS, SIDE, STYLES, drawn_by


def sent(levels):
    return base64.b64encode(bytes(levels)).decode()


def test_a_drawing_keeps_its_rows_and_columns():
    levels = np.zeros((SIDE, SIDE), np.uint8)
    levels[3, 50] = 200
    levels[55, 0] = 1
    found = drawn_by(sent(levels.tobytes()))
    assert (found.shape, found.dtype) == ((56, 56, 1), np.uint8)
    np.testing.assert_array_equal(found[..., 0], levels)
    found[0, 0] = 7  # it is the caller's own


BRIGHT = sent([9] * SIDE * SIDE)


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "",
        5,
        True,
        b"abc",
        {"drawn": BRIGHT},
        [9] * SIDE * SIDE,
        "<script>",
        BRIGHT[:-4],
        BRIGHT + "AAAA",
        BRIGHT[:-1] + "!",
        "!" + BRIGHT[1:],
        "é" + BRIGHT[1:],
        "=" * len(BRIGHT),
        "A" * len(BRIGHT),
        "\n" * len(BRIGHT),
        sent([9] * (SIDE * SIDE + 1)),
        sent([9] * (SIDE * SIDE - 1)),
    ],
)
def test_nonsense_is_nothing(nonsense):
    assert drawn_by(nonsense) is None


def test_an_empty_sheet_is_nothing():
    assert drawn_by(sent(bytes(SIDE * SIDE))) is None


def test_its_files_are_there():
    assert all((FOLDER / name).is_file() for name in (*SCRIPTS, *STYLES))
