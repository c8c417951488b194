"""The Grad-CAM page's comparisons: methods, classes or layers side by side on one picture."""

from dataclasses import replace
from functools import partial

import streamlit as st

from explorer import charts, images, overview
from explorer.attribution import (
    METHODS,
    Explanation,
    LayerScore,
    Target,
    explain_layers,
    layer_finder,
    most_faithful,
    spatial_layers,
)
from explorer.ui import attribution_options as options
from explorer.ui import cache, frame
from explorer.ui.attribution_stage import Explained, answer, instead_of_slow, quick, size_of
from explorer.ui.gallery import gallery
from explorer.ui.progress import progress
from explorer.ui.texts import plain, titles

COMPARED = "grad_cam.compared"
QUICK = tuple(name for name, method in METHODS.items() if not method.slow)
LAYERS = 8
"""Layers along the depth that are compared."""
FINDER_STEPS = 14
"""Points on each curve of the finder: half of the usual ones, because there are eight layers."""


def compare(shown: Explained) -> None:
    """The open comparison."""
    by = {"methods": methods, "classes": classes, "layers": layers}
    draw = by[options.COMPARE.draw()]
    with st.spinner("Asking the network…"):
        draw(shown)


def methods(shown: Explained) -> None:
    """All chosen methods on one picture; the quick ones at once."""
    names = {name: method.title for name, method in METHODS.items()}
    chosen = st.multiselect(
        "Methods",
        list(METHODS),
        default=list(QUICK),
        format_func=lambda name: names.get(name, str(name)),
        key=COMPARED,
        persist_state="session",
        help="Those that are not chosen yet take seconds each.",
    )
    if not spatial_layers(shown.asked.classifier):
        st.info("This network has no convolution, so the class activation maps are left out.")
        chosen = [name for name in chosen if not METHODS[name].needs_layer]
    gallery([(_png(shown, found), f"**{names[found.method]}**") for found in _each_method(shown, chosen)])
    st.caption("Each map has its own scale, which ends where 99.5% of its values do.")


def _each_method(shown: Explained, chosen: list[str]) -> list[Explanation]:
    """The methods' answers; the chosen layer for those that look at one."""
    asked = shown.asked
    return [
        answer(
            asked, shown.fitted, asked.chosen.sha, method=name, layer=shown.found.layer, on_stop=partial(_drop, name)
        )
        for name in chosen
    ]


def _drop(name: str) -> None:
    """A slow method was stopped: it is no longer compared."""
    st.session_state[COMPARED] = [one for one in st.session_state[COMPARED] if one != name]


def classes(shown: Explained) -> None:
    """One method over the likeliest classes."""
    instead_of_slow(shown.asked)
    pictures = []
    for index, name, share in shown.asked.top:
        asked = replace(quick(shown.asked), target=Target(index))
        found = answer(asked, shown.fitted, asked.chosen.sha)
        pictures.append((_png(shown, found), f"**{plain(name)}** · {share:.1%} · logit {found.score:.2f}"))
    gallery(pictures, columns=5)
    st.caption("If the maps of different classes look alike, the method hardly asks about the class.")


def layers(shown: Explained) -> None:
    """One method over the layers from first to last; the finder marks where the map is most faithful."""
    asked = shown.asked
    if not asked.entry.needs_layer or not shown.found.layer:
        st.info(f"{asked.entry.title} looks at no layer. Choose a class activation map, such as Grad-CAM.")
        return
    spatial = set(spatial_layers(asked.classifier))
    paths = [one.path for one in overview.stages([one for one in asked.layers if one.path in spatial], LAYERS)]
    instead_of_slow(asked)
    asked = quick(asked)
    scores = _scores(shown, asked, paths)
    best = most_faithful(scores).path if scores else None
    by_path = {score.path: score for score in scores}
    pictures = []
    for path, title, found in zip(paths, titles(paths), _each_layer(shown, asked, paths), strict=True):
        words = f"**{plain(title)}** · {found.raw.shape[0]} × {found.raw.shape[1]}"
        if path in by_path:
            words += f" · faithful {by_path[path].result.faithfulness:+.2f}"
        pictures.append((_png(shown, found), words + (" · :green[**most faithful**]" if path == best else "")))
    gallery(pictures, columns=4)
    if scores:
        frame.chart(
            charts.depth_profile(
                titles(paths),
                {
                    "insertion": [score.result.insertion.area for score in scores],
                    "deletion": [score.result.deletion.area for score in scores],
                },
                dark=shown.dark,
            ),
            key="grad_cam.layers_curve",
            alt="Insertion and deletion area by layer",
        )
        st.caption("Faithful: the area under the insertion curve minus that under the deletion curve.")


def _each_layer(shown: Explained, asked: options.Asked, paths: list[str]) -> list[Explanation]:
    """The maps of all the layers, from one pass."""
    return cache.shelf().get_or_make(
        ("layers", *shown.key, asked.method, asked.target, tuple(paths)),
        lambda: [
            replace(found, terms=None)
            for found in explain_layers(asked.classifier, shown.fitted, paths, method=asked.method, target=asked.target)
        ],
        lambda made: sum(map(size_of, made)),
    )


def _scores(shown: Explained, asked: options.Asked, paths: list[str]) -> list[LayerScore]:
    """The finder's measurements, once the person has asked for them."""
    key = ("finder", *shown.key, asked.method, asked.target, tuple(paths))
    found: list[LayerScore] | None = cache.shelf().get(key)
    place = st.empty()
    if found is None and place.button(
        "Find the most faithful layer", key="grad_cam.find", icon=":material/travel_explore:"
    ):
        place.empty()
        with progress("grad_cam.find_stop", "Hiding and showing the picture bit by bit…") as report:
            found = cache.shelf().get_or_make(
                key,
                lambda: layer_finder(
                    asked.classifier,
                    shown.fitted,
                    paths,
                    method=asked.method,
                    target=asked.target,
                    steps=FINDER_STEPS,
                    on_progress=report,
                ),
                lambda made: sum(size_of(score.explanation) for score in made),
            )
    return found or []


def _png(shown: Explained, found: Explanation) -> bytes:
    return images.encode_png(images.reduce_to(shown.drawn_over(found).pixels, 360))
