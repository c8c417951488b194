"""A small app around the sketchpad; ?case={json} in its address makes the choices."""

import json
import time
from hashlib import sha256

import numpy as np
import streamlit as st

from explorer.training.sketches import as_trained
from explorer.ui.sketch_components import sketchpad

KEY = "page.sketch"


def main():
    st.set_page_config(layout="wide")
    case = json.loads(st.query_params.get("case", "{}"))
    left, right = st.columns(2)
    time.sleep(case.pop("slow", 0))
    hidden = st.checkbox("Hide")
    drawing = None
    if not hidden:
        with left.container(key="moved") if st.checkbox("Move") else left:
            drawing = sketchpad(key=KEY, **case)
    with right:
        if drawing is None:
            st.text("Python has nothing")
        else:
            rows, cols = np.nonzero(drawing[..., 0])
            digest = sha256(drawing.tobytes()).hexdigest()[:8]
            placed = as_trained(drawing, (28, 28, 1))
            st.text(
                f"Python has {list(drawing.shape)} {drawing.dtype} sum {drawing.sum()} brightest {drawing.max()} "
                f"rows {rows.min()}-{rows.max()} columns {cols.min()}-{cols.max()} digest {digest}"
            )
            st.image(np.hstack([np.kron(placed[..., 0], np.ones((8, 8), np.uint8))]), width=224)
    st.button("Run again")
    for line in range(40):
        st.text(f"line {line}")


if __name__ == "__main__":
    main()
