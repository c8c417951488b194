"""The Kernels page's first screen: the picture the kernel is given, the result beside it, and what to know of both."""

import streamlit as st

from explorer import figures
from explorer.filtering import Filtering
from explorer.ui.cache import View
from explorer.ui.pickers import Chosen
from explorer.ui.texts import plain


def draw(chosen: Chosen, filtering: Filtering, view: View, *, dark: bool) -> None:
    """Input and output side by side, with shapes, ranges and histogram."""
    with st.container(key="stage"):
        left, right = st.columns(2)
        with left:
            st.image(
                view.source_png,
                width="stretch",
                output_format="PNG",  # or Streamlit makes it a JPEG, whose pixels are others
                alt=f"{chosen.label}, as the kernel is given it",
            )
            smaller = f" · shown at 1/{view.source_reduction:.3g} of its size" if view.source_reduction > 1.01 else ""
            st.caption(f"**In** · {_shape(view.source_shape)} · {plain(chosen.label)}{smaller}")
        with right:
            st.image(view.result_png, width="stretch", output_format="PNG", alt="The result of the kernel")
            st.caption(f"**Out** · {_stages(filtering, view)} · {view.shown.legend}")
    for note in chosen.picture.notes:
        left.caption(f":material/info: {plain(note)}")
    with right:
        _figures(view, dark=dark)


def _shape(shape: tuple[int, ...]) -> str:
    """``300 × 451 × 1``."""
    return " × ".join(str(side) for side in shape)


def _stages(filtering: Filtering, view: View) -> str:
    """The shape after each stage, from the picture on."""
    height, width, channels = view.source_shape
    sizes = [f"{h} × {w}" for _, (h, w) in filtering.stages(height, width)]
    return f"{' → '.join(sizes)} × {channels}"


def _figures(view: View, *, dark: bool) -> None:
    """Minimum, maximum, share clipped; the histogram under them."""
    shown = view.shown
    facts = [
        f"min **{view.low:.4g}**",
        f"max **{view.high:.4g}**",
        f"**{view.negative:.0%}** negative",
        f"scale {shown.low:.4g} … {shown.high:.4g}",
    ]
    if shown.clipped:
        word = "clipped" if view.display == "clipped" else "beyond the scale"
        share = f"{shown.clipped:.1%}" if shown.clipped >= 0.001 else "under 0.1%"
        facts.append(f":orange[**{share}** {word}]")
    if view.low == view.high:
        facts.append(f":orange[every value is {view.low:.4g}: there is nothing to see]")
    if view.reduction > 1.01:
        facts.append(f"shown at 1/{view.reduction:.3g} of its size")
    st.caption(" · ".join(facts))
    svg = figures.histogram(view.counts, view.edges, dark=dark)
    st.image(svg, width="stretch", alt="How often each value of the result occurs")
