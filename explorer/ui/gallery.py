"""Small pictures side by side, each with its words."""

from collections.abc import Sequence

import streamlit as st


def gallery(pictures: Sequence[tuple[bytes, str]], columns: int = 4) -> None:
    """Draw pictures in rows.

    Args:
        pictures: PNG and caption (Markdown) of each; the caption is the alternative text too.
        columns: pictures in a row.
    """
    for first in range(0, len(pictures), columns):
        for column, (png, caption) in zip(st.columns(columns), pictures[first : first + columns], strict=False):
            with column:
                st.image(png, width="stretch", output_format="PNG", alt=caption.replace("*", "").replace("\\", ""))
                st.caption(caption)
