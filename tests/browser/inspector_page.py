"""A small app around the components; ?case={json} in its address, or its text box, makes the choices."""

import json

import numpy as np
import streamlit as st

from explorer.ui import components


def picture(rows=12, cols=10):
    """A picture of known pixels (rows, cols, 3): smooth and noisy at once, so that no two windows agree."""
    r, c = np.mgrid[:rows, :cols]
    waves = np.stack([r * 17 + c * 5, (r - 5) ** 2 * 7 + c * 3, 255 - r * c * 2], axis=-1)
    noise = np.random.default_rng(7).integers(0, 40, (rows, cols, 3))
    return ((waves + noise) % 256).astype(np.uint8)


def main():
    st.set_page_config(layout="wide")
    written = st.text_input("Case", st.query_params.get("case", "{}"))
    case = json.loads(written)
    colours = case.pop("colours", False)
    pixels = picture(*case.pop("size", (12, 10)))
    names = ("R", "G", "B") if colours else ("Grey",)
    channels = [(name, pixels[:, :, k]) for k, name in enumerate(names)]
    if case.pop("view", None) == "numbers":
        components.numbers(channels=channels, key="page.numbers")
        return
    case.setdefault("kernel", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    if case.get("pooling"):
        case["pooling"] = tuple(case["pooling"])
    pin = components.pinned("page.inspector")
    value = case.pop("keras", None)
    keras = (pin, value) if pin and value is not None else None
    relu = st.toggle("ReLU", value=case.pop("relu", False))
    case |= {"channels": channels, "relu": relu, "keras_says": keras}
    answer = components.inspector(**case, key="page.inspector")
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"Drawn for {written}")
    st.text(f"Python has {answer} after run {st.session_state['runs']}")


if __name__ == "__main__":
    main()
