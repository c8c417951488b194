"""The Feature maps page: a picture travels through a network, and every layer's maps can be looked at."""

import streamlit as st

from explorer.ui import frame, links
from explorer.ui.texts import plain

with frame.page(
    "Feature maps",
    "A picture travels through a network, from pixels to classes. Each square is what one channel makes of it.",
):
    with st.spinner("Waking TensorFlow…"):  # the title is there before the seconds that this takes, once
        from explorer.ui import feature_depth, feature_explanation, feature_lab, feature_options, glance_stage

    visit = links.restore("feature_maps", feature_options.CONTROLS)
    frame.notes(visit.notes)
    choice = feature_options.choose(linked=visit.linked)
    frame.notes(choice.notes)
    looked, notes = feature_lab.look(choice, dark=frame.is_dark())
    feature_lab.turn(looked)
    links.share("feature_maps", feature_options.CONTROLS)

    glance_stage.draw(choice, looked)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(plain(" ".join(notes)), width="content")
        glance_stage.choices()

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
    glance_stage.prepare(looked)
