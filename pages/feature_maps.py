"""The Feature maps page: a picture travels through a network, and every layer's maps can be looked at."""

import streamlit as st

from explorer.ui import cache, frame, links, map_components
from explorer.ui.texts import plain

with frame.page(
    "Feature maps",
    "A picture travels through a network, from pixels to classes. Each column is a stage and each square a map: bright "
    "where its filter found what it looks for.",
):
    with st.spinner("Waking TensorFlow…"):  # the title is there before the seconds that this takes, once
        from explorer.ui import feature_depth, feature_explanation, feature_lab, feature_options, feature_strip

    visit = links.restore("feature_maps", feature_options.CONTROLS)
    frame.notes(visit.notes)
    choice = feature_options.choose(linked=visit.linked)
    frame.notes(choice.notes)
    looked, notes = feature_lab.look(choice, dark=frame.is_dark())
    links.share("feature_maps", feature_options.CONTROLS)

    columns = cache.drawing(
        "strip",
        (*looked.key, looked.dark),
        lambda: feature_strip.columns(choice.layers, looked.outputs, looked.picture, dark=looked.dark),
    )
    map_components.strip(
        stages=[*columns, feature_strip.classes_column(feature_lab.classes(looked))],
        selected=(looked.layer.path, looked.channel),
        key="feature_maps.strip",
        on_pick=feature_options.open_place,
    )
    st.caption(plain(" ".join(notes)))

    st.subheader(feature_lab.heading(looked.layer), anchor=False)
    feature_lab.draw(looked)

    frame.explain(
        "feature_maps",
        feature_options.TABS,
        feature_explanation.explanation(looked),
        {
            "depth": lambda: feature_depth.distillation(looked, choice.layers),
            "pictures": lambda: feature_depth.two_pictures(looked, choice.layers),
            "excites": lambda: feature_lab.exciting(looked),
            "weights": lambda: feature_lab.weights(looked),
        },
    )
