"""The Filters page: the picture that a filter, a class or a whole layer looks for grows out of noise."""

import streamlit as st

from explorer.ui import frame, links

with frame.page(
    "What is this filter looking for?",
    "Nobody drew these patterns. A picture of noise is changed, step by step, until one filter answers as strongly as "
    "it can: what appears is what it looks for.",
):
    with st.spinner("Waking TensorFlow…"):  # the title is there before the seconds that this takes, once
        from explorer.ui import (
            filter_check,
            filter_compare,
            filter_explanation,
            filter_options,
            filter_stage,
        )

    visit = links.restore("filters", filter_options.CONTROLS)
    frame.notes(visit.notes)
    grow = filter_stage.draw_mode()
    asked = filter_options.choose()
    links.share("filters", filter_options.CONTROLS)
    frame.notes(asked.notes)

    seen = filter_stage.draw(asked, grow=grow, dark=frame.is_dark())

    frame.explain(
        "filters",
        filter_options.TABS,
        filter_explanation.explanation(seen),
        {
            "check": lambda: filter_check.draw(seen),
            "weights": lambda: filter_check.weights(seen),
            "compare": lambda: filter_compare.draw(seen),
            "atlas": lambda: filter_stage.atlas_tab(seen),
        },
    )
