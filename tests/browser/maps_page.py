"""A small app around the components of the Feature maps page; ?case={json} in its address makes the choices."""

import json

import cv2
import numpy as np
import streamlit as st

from explorer.images import SAMPLES, read_image
from explorer.ui import map_components

CHANNELS = [5, 2, 9, 31, 40, 41, 57, 63]
HOSTILE_NAME = "<img src=x onerror=alert(1)> tabby, tabby cat with a long name"


def colour_of(index):
    """A colour of its own for each square: red tells the square, blue tells a map from the gaps."""
    return (20 + 3 * index, 90, 200)


def mosaic(count, columns, side, gap):
    """uint8 (H, W, 3): squares of known colour, and white gaps that must not be seen."""
    rows = -(-count // columns)
    pixels = np.full((rows * (side + gap) - gap, columns * (side + gap) - gap, 3), 255, np.uint8)
    for index in range(count):
        y, x = (index // columns) * (side + gap), (index % columns) * (side + gap)
        pixels[y : y + side, x : x + side] = colour_of(index)
    return pixels


def png(pixels):
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def photo(side=96):
    return cv2.resize(
        read_image(SAMPLES["chelsea"].read_bytes())[:, 75:375], (side, side), interpolation=cv2.INTER_AREA
    )


def pretty_maps(count, side, seed=0):
    """What a first layer could say of the photo: uint8 (count, side, side, 3), viridis."""
    grey = cv2.cvtColor(photo(max(side, 16)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernels = np.random.default_rng(seed).normal(size=(count, 3, 3))
    maps = [np.maximum(cv2.filter2D(grey, -1, kernel - kernel.mean()), 0) for kernel in kernels]
    maps = [cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in maps]
    scaled = [np.uint8(np.clip(255 * each / np.percentile(each, 99.5), 0, 255)) for each in maps]
    return [cv2.cvtColor(cv2.applyColorMap(each, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB) for each in scaled]


def draw_pretty_grid(count, side, columns):
    maps = pretty_maps(count, side)
    blank = np.zeros((side, side, 3), np.uint8)
    maps += [blank] * (-count % columns)
    pixels = np.vstack([np.hstack(maps[k : k + columns]) for k in range(0, len(maps), columns)])
    labels = [f"channel {k} · mean {k / 100:.2f} · {k % 100} % zeros" for k in range(count)]
    map_components.channel_grid(
        mosaic_png=png(pixels),
        columns=columns,
        count=count,
        side=side,
        gap=0,
        channels=range(count),
        labels=labels,
        selected=9,
        key="page.pretty",
        alt="Maps of a layer",
    )


def stages(count, squares=5):
    """The picture, ``count`` stages of known channels, and the classes."""
    found = [
        map_components.Stage(
            "picture", "Picture", "96 × 96 × 3", "", png(photo()), 96, (0,), ("the picture",), opens=False
        )
    ]
    for k in range(count):
        side = max(96 >> k, 3)
        found.append(
            map_components.Stage(
                path=f"backbone.block{k}",
                title=f"backbone.block{k}_expand_activation" if k else "stem",
                shape_text=f"{side} × {side} × {16 << k}",
                parameters_text=f"{864 << k:,} parameters",
                tiles_png=png(np.vstack(pretty_maps(squares, side, seed=k))),
                side=side,
                channels=[10 * k + j for j in range(squares)],
                low=-1.56 if k == 2 else 0.0,
                high=1.56 if k == 2 else 2.5 * (k + 1),
                signed=k == 2,
            )
        )
    names = ["Egyptian cat", HOSTILE_NAME, "lynx", "tiger cat", "carton"]
    bars = list(zip(names, (0.385, 0.24, 0.1, 0.02, 0.0004), strict=True))
    return [*found, map_components.Stage("classes", "Classes", "1,000", bars=bars, opens=False)]


def main():
    st.set_page_config(layout="wide")
    case = json.loads(st.query_params.get("case", "{}"))
    heard = st.session_state.setdefault("heard", [])
    if case.get("view") == "pretty":
        draw_pretty_grid(case.get("count", 64), case.get("side", 56), case.get("columns", 16))
        return
    if case.get("view") == "strip":
        chosen = st.session_state.get("place")

        def keep(place):
            st.session_state["place"] = place
            heard.append(place)

        answer = map_components.strip(
            stages=stages(case.get("stages", 3)),
            selected=chosen,
            key="page.strip",
            threads=case.get("threads", True),
            on_pick=keep,
        )
    else:
        chosen = st.session_state.setdefault("channel", 9)

        def keep(channel):
            st.session_state["channel"] = channel
            heard.append(channel)

        answer = map_components.channel_grid(
            mosaic_png=png(mosaic(len(CHANNELS), 4, 12, 2)),
            columns=4,
            count=len(CHANNELS),
            side=12,
            gap=2,
            channels=CHANNELS,
            labels=[f"channel {channel} · mean 0.42 · 61 % zeros" for channel in CHANNELS],
            selected=chosen,
            key="page.grid",
            alt="Eight maps of a layer",
            on_pick=keep,
        )
        if st.button("Select 31"):
            st.session_state["channel"] = 31
            st.rerun()
    st.text(f"Python has {answer} and heard {heard}")
    st.button("Run again")


if __name__ == "__main__":
    main()
