"""The Augmentation page: random versions of a picture, exactly as a network would train on them."""

import streamlit as st

from explorer.ui import (
    augmentation_explanation,
    augmentation_help,
    augmentation_labels,
    augmentation_look,
    augmentation_options,
    augmentation_stage,
    frame,
    links,
    visitors,
)

with frame.page(
    "Augmentation",
    "Sixteen versions, drawn by chance from a policy's ranges: what a network would train on.",
):
    visit = links.restore("augmentation", augmentation_options.CONTROLS)
    frame.notes(visit.notes)
    asked = augmentation_options.choose()
    seen = augmentation_stage.look(asked)
    augmentation_stage.draw(seen)
    links.share("augmentation", augmentation_options.CONTROLS)

    tabs = {
        "one": lambda: augmentation_look.one(seen),
        "sweep": lambda: augmentation_look.one_sweep(seen),
        "fill": lambda: augmentation_look.fill_modes(seen),
        "labels": lambda: augmentation_labels.draw(seen),
        "help": lambda: augmentation_help.draw(seen),
    }
    if augmentation_options.TABS.current() == "consequence":  # only this one waits for TensorFlow
        with st.spinner("Waking TensorFlow…"):
            from explorer.ui import augmentation_consequence
        tabs["consequence"] = lambda: augmentation_consequence.draw(seen)

    visitors.remember()
    frame.explain(
        "augmentation",
        augmentation_options.TABS,
        augmentation_explanation.explanation(seen),
        tabs,
    )
