"""The Grad-CAM page: which part of the picture speaks for a class, how that was added up, and how far to trust it."""

import streamlit as st

from explorer.ui import frame, links

with frame.page(
    "Why this class?",
    "The heatmap shows which part of the picture speaks for a class. Below it, the receipt: how it was added up.",
):
    with st.spinner("Waking TensorFlow…"):  # the title is there before the seconds that this takes, once
        from explorer.ui import (
            attribution_batch,
            attribution_change,
            attribution_compare,
            attribution_explanation,
            attribution_options,
            attribution_stage,
            attribution_trust,
        )

    visit = links.restore("grad_cam", attribution_options.CONTROLS)
    frame.notes(visit.notes)
    asked = attribution_options.choose()
    links.share("grad_cam", attribution_options.CONTROLS)
    frame.notes(asked.notes)

    shown, heat = attribution_stage.draw(asked, dark=frame.is_dark())
    receipt = attribution_explanation.draw_receipt(shown)

    frame.explain(
        "grad_cam",
        attribution_options.TABS,
        attribution_explanation.explanation(shown, heat, receipt),
        {
            "compare": lambda: attribution_compare.compare(shown),
            "trust": lambda: attribution_trust.trust(shown),
            "change": lambda: attribution_change.change(shown),
            "batch": lambda: attribution_batch.batch(shown),
        },
    )
