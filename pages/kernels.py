"""The Kernels page: one kernel over one picture, every sum laid open."""

import streamlit as st

from explorer.ui import cache, frame, kernel_explanation, kernel_lab, kernel_options, kernel_stage, links

with frame.page(
    "Kernels",
    "A small grid of numbers slides over a picture. At each place it is multiplied with what lies beneath and summed: "
    "that sum is one pixel of the result.",
):
    visit = links.restore("kernels", kernel_options.CONTROLS)
    frame.notes(visit.notes)
    chosen, filtering, display = kernel_options.choose(arrived=visit.arrived)
    try:
        view = cache.view(chosen.sha, filtering, display, frame.is_dark(), chosen.picture.pixels)
        kernel_stage.draw(chosen, filtering, view, dark=frame.is_dark())
    finally:  # whatever is wrong can be put right
        kernel_options.draw(filtering)
        links.share("kernels", kernel_options.CONTROLS)
    picture, dark = chosen.picture, frame.is_dark()

    st.subheader("A picture is numbers", anchor=False)
    tile = kernel_lab.pick_tile(picture.pixels)
    st.caption(tile.sentence)
    kernel_lab.numbers(filtering, tile)
    st.subheader("Every sum, laid open", anchor=False)
    kernel_lab.inspect(filtering, tile)

    frame.explain(
        "kernels",
        kernel_options.TABS,
        kernel_explanation.explanation(filtering, view, picture.pixels, dark=dark),
        {
            "compare": lambda: kernel_lab.compare(filtering, chosen.sha, picture.pixels, display, dark=dark),
            "theory": lambda: kernel_lab.theory(filtering, dark=dark),
        },
    )
