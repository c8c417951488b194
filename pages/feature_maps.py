"""The Feature maps page: a picture travels through a network, and every layer's maps can be looked at."""

import streamlit as st

from explorer.ui import (
    cache,
    feature_depth,
    feature_explanation,
    feature_lab,
    feature_options,
    feature_strip,
    frame,
    links,
    map_components,
)
from explorer.ui.texts import plain

with frame.page(
    "Feature maps",
    "A picture travels through a network, from pixels to classes. Each column is a stage and each square a map: bright "
    "where its filter found what it looks for.",
):
    visit = links.restore("feature_maps", feature_options.CONTROLS)
    choice = feature_options.choose()
    links.share("feature_maps", feature_options.CONTROLS)
    frame.notes([*visit.notes, *choice.notes])
    looked, notes = feature_lab.look(choice, dark=frame.is_dark())
    classes = feature_lab.classes(looked)

    columns = cache.drawing(
        "strip",
        (*looked.key, looked.dark),
        lambda: feature_strip.columns(choice.layers, looked.outputs, looked.picture, dark=looked.dark),
    )
    map_components.strip(
        stages=[*columns, feature_strip.classes_column(classes)],
        selected=(looked.layer.path, looked.channel),
        key="feature_maps.strip",
        on_pick=feature_options.open_place,
    )
    st.caption(plain(" ".join(notes)))

    st.subheader(feature_lab.heading(looked.layer), anchor=False)
    feature_lab.draw(looked)

    more = st.tabs(
        ["Along the depth", "Two pictures", "What excites it", "Its weights"],
        key="feature_maps.more",
        on_change="rerun",
    )
    with more[0]:
        if more[0].open:
            feature_depth.distillation(looked, choice.layers)
    with more[1]:
        if more[1].open:
            feature_depth.two_pictures(looked, choice.layers)
    with more[2]:
        if more[2].open:
            feature_lab.exciting(looked)
    with more[3]:
        if more[3].open:
            feature_lab.weights(looked)

    frame.explain("feature_maps", feature_explanation.explanation(looked))
