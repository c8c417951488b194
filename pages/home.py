"""The home page: what there is, a card for each page."""

import streamlit as st

from explorer.ui import frame, site, state

with frame.page(
    "ConvNet Explorer",
    "See how convolutional networks work: every picture is computed as you watch, every number can be checked.",
):
    state.enter("home")
    cards = site.cards()
    columns = st.columns(3)
    for index, (entry, thumbnail) in enumerate(cards):
        with columns[index % len(columns)], st.container(border=True):
            st.image(thumbnail.picture, alt=thumbnail.alt, width="stretch")
            st.subheader(entry.title, anchor=False)
            st.markdown(entry.sentence)
            if state.get(state.SHELL):  # a page file that was started by itself has no way to the others
                st.page_link(entry.script, label=f"Open {entry.title}", icon=entry.icon)
