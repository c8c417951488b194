"""The home page: what there is, a card for each page."""

import streamlit as st

from explorer.ui import frame, site, state

IN_A_ROW = 4

with frame.page(
    "ConvNet Explorer",
    "See how convolutional networks work: every picture is computed as you watch, every number can be checked.",
):
    state.enter("home")
    cards = site.cards()
    for first in range(0, len(cards), IN_A_ROW):
        row = cards[first : first + IN_A_ROW]
        for column, (entry, thumbnail) in zip(st.columns(IN_A_ROW), row, strict=False):
            with column, st.container(border=True):
                st.image(thumbnail.picture, alt=thumbnail.alt, width="stretch")
                st.subheader(entry.title, anchor=False)
                st.markdown(entry.sentence)
                if state.get(state.SHELL):  # a page file that was started by itself has no way to the others
                    st.page_link(entry.script, label=f"Open {entry.title}", icon=entry.icon)
