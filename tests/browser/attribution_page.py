"""A small app around the components of the Grad-CAM page; ?case={json} in its address makes the choices."""

import json
import time
from dataclasses import replace

import cv2
import numpy as np
import streamlit as st

from explorer.attribution.receipts import Line, Receipt
from explorer.images import SAMPLES, read_image
from explorer.ui import attribution_components

HEARD = "heard"
PAINTED = "painted"


def receipt(rows=14, cols=14, lines=8, others=1272, *, per_cell=False, seed=0, signed=False):
    """A receipt of smooth random maps, added up by NumPy; per cell, weights are random maps themselves."""
    rng = np.random.default_rng(seed)
    count = lines + min(others, 20)
    smooth = [cv2.GaussianBlur(rng.normal(size=(rows, cols)).astype(np.float32), (0, 0), 1.3) for _ in range(2 * count)]
    maps = np.stack(smooth[:count]) * 6
    maps = maps if signed else np.maximum(maps, 0)
    scale = np.float32(0.7) ** np.arange(count, dtype=np.float32)
    weights = (
        np.stack(smooth[count:]) * 3 if per_cell else rng.normal(0.1, 0.4, count).astype(np.float32)[:, None, None]
    )
    weights = np.broadcast_to(weights * scale[:, None, None], maps.shape).astype(np.float32)
    products = maps * weights
    sizes = np.abs(products).sum((1, 2))
    order = np.argsort(-sizes)
    maps, weights, products, sizes = maps[order], weights[order], products[order], sizes[order]
    rest = products[lines:].sum(0, dtype=np.float64)
    running = np.cumsum([*products[:lines].astype(np.float64), rest], axis=0)
    total = products.sum(0, dtype=np.float64).astype(np.float32)
    drawn = tuple(
        Line(
            channel=7 + 31 * k,
            map=maps[k],
            weight=None if per_cell else float(weights[k, 0, 0]),
            weights=weights[k],
            product=products[k],
            share=float(sizes[k] / sizes.sum()),
        )
        for k in range(lines)
    )
    return Receipt(
        lines=drawn,
        rest=rest.astype(np.float32),
        others=others,
        running=running.astype(np.float32),
        total=total,
        shown=np.maximum(total, 0),
        error=float(np.abs(running[-1] - total).max()),
    )


def broken():
    """A receipt of a diverged network: one product is not a number."""
    whole = receipt(4, 4, 2, 0)
    first = replace(whole.lines[0], product=np.where(np.eye(4), np.nan, whole.lines[0].product).astype(np.float32))
    return replace(whole, lines=(first, whole.lines[1]), running=whole.running * first.product, error=float("nan"))


def png(side=224, sample="chelsea"):
    pixels = cv2.resize(
        read_image(SAMPLES[sample].read_bytes())[:300, 75:375], (side, side), interpolation=cv2.INTER_AREA
    )
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def draw_painter(case):
    heard = st.session_state.setdefault(HEARD, [])
    st.session_state.setdefault(PAINTED, tuple(map(tuple, case.get("painted", ()))))

    def keep(cells):
        heard.append(cells)
        if not case.get("forgetful"):
            st.session_state[PAINTED] = cells

    time.sleep(case.get("slow", 0))
    sample = "coffee" if st.session_state.get("coffee") else "chelsea"
    answer = attribution_components.painter(
        picture_png=png(case.get("side", 224), sample),
        cells=tuple(case.get("cells", (14, 14))),
        painted=st.session_state[PAINTED],
        key="page.painter",
        alt="a cat",
        on_paint=keep,
    )
    if st.button("Reset"):
        st.session_state[PAINTED] = ()
        st.rerun()
    if st.button("Corner"):
        st.session_state[PAINTED] = ((0, 0),)
        st.rerun()
    st.checkbox("Coffee", key="coffee")
    st.text(f"Python has {list(answer)} after {len(heard)}")


def main():
    st.set_page_config(layout="wide")
    case = json.loads(st.query_params.get("case", "{}"))
    if case.pop("view", "ledger") == "painter":
        draw_painter(case)
    else:
        with st.sidebar:
            st.text("Choices")
        seed = st.number_input("Seed", 0, 9, case.pop("seed", 0))
        attribution_components.ledger(
            broken() if case.pop("broken", False) else receipt(**case, seed=seed), key="page.ledger"
        )
        st.text("The end")
    st.button("Run again")


if __name__ == "__main__":
    main()
