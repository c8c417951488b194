"""What the ledger is given and what the painter takes, against sums made by hand and plain loops."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from explorer.attribution.receipts import Line, Receipt
from explorer.ui import attribution_components as components
from explorer.ui.attribution_components import account, block_means, cells_after, check

GRID = (3, 4)
PAINTED = ((1, 1),)
PNG = cv2.imencode(".png", np.zeros((6, 8, 3), np.uint8))[1].tobytes()


def line(channel, values, weights, *, weight=None, share=0.5):
    values, weights = np.float32(values), np.float32(weights)
    return Line(channel, values, weight, np.broadcast_to(weights, values.shape), values * weights, share)


def made(lines, rest, others=2, error=0.0):
    """A receipt of these lines, added up in the plainest way."""
    rest = np.float32(rest)
    running = [sum(each.product for each in lines[: k + 1]) for k in range(len(lines))]
    running.append(running[-1] + rest)
    total = np.float32(running[-1])
    return Receipt(tuple(lines), rest, others, np.float32(running), total, np.maximum(total, 0), error)


def by_one_weight():
    lines = [line(4, [[1, 2], [3, 4]], 0.5, weight=0.5, share=0.75), line(0, [[2, 0], [1, 0]], -3, weight=-3.0)]
    return made(lines, [[0.25, 0], [0, -8]])


def by_cells(rows=2, cols=2):
    values = np.arange(rows * cols).reshape(rows, cols)
    return made([line(9, values, values[::-1] - 1.5)], np.ones((rows, cols)))


def numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_ledger_is_given_the_receipts_own_numbers():
    sent = account(by_one_weight())
    assert (sent["rows"], sent["cols"], sent["channels"], sent["others"]) == (2, 2, [4, 0], 2)
    assert sent["shares"] == [75.0, 50.0]
    assert numbers(sent["maps"]).tolist() == [1, 2, 3, 4, 2, 0, 1, 0]
    assert sent["weighting"] == "one"
    assert numbers(sent["weights"]).tolist() == [0.5, -3]
    assert numbers(sent["products"]).tolist() == [0.5, 1, 1.5, 2, -6, 0, -3, 0, 0.25, 0, 0, -8]
    assert numbers(sent["running"]).tolist() == [0.5, 1, 1.5, 2, -5.5, 1, -1.5, 2, -5.25, 1, -1.5, -6]
    assert numbers(sent["shown"]).tolist() == [0, 1, 0, 0]
    assert not sent["averaged"]
    assert not sent["caption"]


def test_weights_of_each_cell_are_sent_as_maps():
    sent = account(by_cells())
    assert sent["weighting"] == "cells"
    assert numbers(sent["weights"]).tolist() == [0.5, 1.5, -1.5, -0.5]


def test_the_colours_are_those_of_the_figures():
    tables = account(by_cells())["tables"]
    light, dark, viridis = (np.frombuffer(base64.b64decode(tables[k]), np.uint8) for k in ("light", "dark", "viridis"))
    assert light.reshape(256, 3)[[1, 128, 255]].tolist() == [[150, 20, 38], [248, 247, 245], [20, 73, 140]]
    assert dark.reshape(256, 3)[128].tolist() == [30, 32, 38]
    assert viridis.reshape(256, 3)[0].tolist() == [68, 1, 84]


@pytest.mark.parametrize("block", [1, 2, 3, 7])
def test_blocks_are_averaged_as_a_loop_does_it(block):
    maps = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(np.float32)
    found = block_means(maps, block)
    rows, cols = -(-5 // block), -(-7 // block)
    assert found.shape == (2, rows, cols)
    assert found.dtype == np.float32
    for k in range(2):
        for row in range(rows):
            for col in range(cols):
                cells = maps[k, row * block : (row + 1) * block, col * block : (col + 1) * block]
                assert found[k, row, col] == pytest.approx(cells.astype(float).mean(), rel=1e-6)


def test_large_maps_are_averages_of_true_products_and_still_add_up():
    receipt = by_cells(112, 60)
    sent = account(receipt)
    assert (sent["rows"], sent["cols"], sent["averaged"], sent["weighting"]) == (56, 30, True, "hidden")
    assert numbers(sent["weights"]).size == 0
    product, rest = numbers(sent["products"]).reshape(2, 56, 30)
    running = numbers(sent["running"]).reshape(2, 56, 30)
    assert product[3, 5] == pytest.approx(receipt.lines[0].product[6:8, 10:12].mean(), rel=1e-6)
    assert product + rest == pytest.approx(running[-1], rel=1e-6)
    assert numbers(sent["shown"]).reshape(56, 30)[3, 5] == pytest.approx(receipt.shown[6:8, 10:12].mean(), rel=1e-6)
    assert sent["caption"].startswith("The layer's maps are 112 × 60. Each cell here is the average of 2 × 2 of theirs")
    assert "w × map and the ReLU were computed before averaging" in sent["caption"]


def test_one_weight_stays_true_for_averages():
    receipt = made([line(0, np.arange(57 * 57).reshape(57, 57), 0.5, weight=0.5)], np.zeros((57, 57)))
    sent = account(receipt)
    assert (sent["rows"], sent["weighting"], numbers(sent["weights"]).tolist()) == (29, "one", [0.5])
    assert numbers(sent["products"])[: 29 * 29] == pytest.approx(0.5 * numbers(sent["maps"]))


def test_the_check_says_whether_the_products_are_the_heatmap():
    receipt = by_one_weight()
    assert check(replace(receipt, error=1e-8, others=1272)) == (
        "Sum of all 1,274 products, after the ReLU = the heatmap above ✓ (largest difference 1e-8)"
    )
    assert check(receipt).endswith("✓ (largest difference 0)")
    assert check(replace(receipt, error=0.02)).endswith("≠ the heatmap above (largest difference 2e-2).")
    assert check(made([line(0, [[1.0]], 2, weight=2.0)], [[0]], others=0)).startswith(
        "The one product, after the ReLU ="
    )
    assert check(made([line(0, [[0.0]], 2, weight=2.0)], [[0]])).endswith("✓ (largest difference 0)")


def test_numbers_that_are_none_are_called_so():
    receipt = made([line(0, [[np.nan, 1]], 2, weight=2.0, share=np.nan)], [[0, 0]], error=np.nan)
    sent = account(receipt)
    assert sent["shares"] == [None]
    assert "✓" not in sent["check"]
    assert "not numbers" in sent["check"]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "cells",
        7,
        [[0, 0]],
        {},
        {"cells": None},
        {"cells": "0,0"},
        {"cells": {"0": [0, 0]}},
        {"cells": [0, 0]},
        {"cells": [[0]]},
        {"cells": [[0, 0, 0]]},
        {"cells": ["00"]},
        {"cells": [["0", "0"]]},
        {"cells": [[0.0, 0]]},
        {"cells": [[0, float("nan")]]},
        {"cells": [[True, 0]]},
        {"cells": [[0, None]]},
        {"cells": [[-1, 0]]},
        {"cells": [[0, -1]]},
        {"cells": [[3, 0]]},
        {"cells": [[0, 4]]},
        {"cells": [[0, 10**30]]},
        {"cells": [[0, 0], [0, 0]]},
        {"cells": [[0, 0], [[0], [1]]]},
        {"cells": [[0, 0], [2, 3], {"row": 0}]},
        {"cells": [[0, 0]] * 1_000_000},
    ],
)
def test_nonsense_paints_nothing(sent):
    assert cells_after(sent, GRID, PAINTED) == PAINTED


class Unread(list):
    """A list that must not be looked through."""

    def __iter__(self):
        raise AssertionError


def test_more_cells_than_there_are_need_no_reading():
    assert cells_after({"cells": Unread([[0, 0]] * 13)}, GRID, PAINTED) == PAINTED


def test_cells_come_back_sorted():
    assert cells_after({"cells": [[2, 3], [0, 3], (0, 1)]}, GRID, PAINTED) == ((0, 1), (0, 3), (2, 3))
    assert cells_after({"cells": []}, GRID, PAINTED) == ()
    every = [[row, col] for row in range(3) for col in range(4)]
    assert len(cells_after({"cells": every}, GRID, PAINTED)) == 12
    assert cells_after(None, GRID, frozenset({(2, 0), (0, 3)})) == ((0, 3), (2, 0))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"picture_png": b"GIF89a" + bytes(40)}, "as a PNG"),
        ({"picture_png": PNG[:12]}, "as a PNG"),
        ({"cells": (0, 4)}, "0 × 4 cells"),
        ({"cells": (65, 4)}, "1 × 1 to 64 × 64"),
        ({"painted": [(1, 1), (3, 0)]}, r"\(3, 0\) is not in the grid of 3 × 4"),
    ],
)
def test_a_painter_that_does_not_fit_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        components.painter(**({"picture_png": PNG, "cells": GRID, "key": "k", "alt": "a picture"} | given))
