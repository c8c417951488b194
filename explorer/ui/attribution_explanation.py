"""What the Grad-CAM page says under its pictures: the receipt, the formula, experiments, code and files."""

import io

import numpy as np
import streamlit as st

from explorer import images
from explorer.attribution import METHODS, Receipt, receipt
from explorer.maps import COLOURS, Heat
from explorer.report import attribution_report
from explorer.snippets import attribution_program
from explorer.ui import attribution_options as options
from explorer.ui import attribution_trust, links, networks
from explorer.ui.attribution_components import ledger
from explorer.ui.attribution_stage import Explained
from explorer.ui.frame import Download, Experiment, Explanation
from explorer.ui.texts import plain

LINES = 5
"""Channels in the receipt."""


def draw_receipt(shown: Explained) -> Receipt | None:
    """How the map was added up; returns the receipt, where the method has one."""
    st.subheader("The receipt: how it was added up", anchor=False)
    if shown.found.terms is None:
        st.markdown(_without_receipt(shown))
        return None
    made = receipt(shown.found, LINES)
    cells = shown.found.terms.weights.ndim == 3
    st.caption(
        ("Each map is multiplied by its weights cell by cell" if cells else "Each map is multiplied by its weight")
        + ", and the products are added. Point at a cell to see its own sum. "
        + _shared(made)
    )
    ledger(made, key="grad_cam.ledger")
    return made


def _shared(made: Receipt) -> str:
    """How many channels it takes."""
    largest = sum(line.share for line in made.lines)
    if not made.others or not largest:
        return ""
    count = len(made.lines) + made.others
    few = f"The {len(made.lines)} largest of {count:,} channels are {largest:.0%} of all that is added up"
    return f"{few}: none decides alone." if largest < 0.5 else f"{few}."


def _without_receipt(shown: Explained) -> str:
    """For a method that adds up no channels: what its numbers add up to, if anything."""
    found, entry = shown.found, shown.asked.entry
    total = float(found.raw.sum(dtype=np.float64))
    if found.method == "integrated-gradients":
        rises = found.score - (found.start or 0.0)
        return (
            f"{entry.title} adds up pixels, not channels. The score goes from {found.start or 0.0:.3f} for the "
            f"baseline to {found.score:.3f} for the picture: **{rises:.3f}**. All {found.raw.size:,} shares together "
            f"are **{total:.3f}**, {abs(total - rises) / max(abs(rises), 1e-9):.1%} off."
        )
    if found.method == "gradient-x-input":
        return (
            f"{entry.title} multiplies each pixel by its gradient. All products together are **{total:.3f}**; of a "
            f"network without biases and bends it would be the score, {found.score:.3f}."
        )
    return f"{entry.title} adds up no channels, so there is no receipt: {plain(entry.sentence)} " + (
        "Choose a class activation map, such as Grad-CAM, to see one." if shown.asked.has_layers else ""
    )


def explanation(shown: Explained, heat: Heat, made: Receipt | None) -> Explanation:
    """Everything in the tabs that every page has."""
    return Explanation(
        text=_text(shown, made),
        experiments=EXPERIMENTS,
        programs={"Keras": attribution_program(shown.found, shown.asked.classifier)},
        downloads=_downloads(shown, heat, made),
    )


def _text(shown: Explained, made: Receipt | None) -> str:
    """The method in a sentence, its formula with this page's numbers, and what to beware of."""
    found, entry = shown.found, shown.asked.entry
    unit = "difference of two class scores" if found.target.versus is not None else "class score"
    parts = [
        f"**{entry.title}.** {entry.sentence}",
        f"$$ {entry.formula} $$",
    ]
    parts.append(
        f"Here the {unit} is $s = {found.score:.3f}$: a *logit*, what the network has before it makes "
        "probabilities of it. Of a probability the gradient would all but vanish where the network is sure."
    )
    if found.terms is not None and made is not None:
        height, width, channels = found.terms.maps.shape
        parts.append(
            rf"The layer **{plain(str(found.layer))}** has {channels:,} maps $A_k$ of ${height} \times {width}$ cells. "
            + _largest(made)
        )
    parts.append(f"**Cost:** {entry.cost}. **Beware:** {entry.weakness}")
    parts.append(f"*{plain(entry.paper)}*")
    return "\n\n".join(parts)


def _largest(made: Receipt) -> str:
    """The channel that counts most, in numbers."""
    first = made.lines[0]
    if not first.share:
        return "None of them counts."
    weight = "" if first.weight is None else rf": $w_{{{first.channel}}} = {first.weight:.4g}$"
    return f"Channel {first.channel} counts most, {first.share:.1%} of all that is added up{weight}."


def _downloads(shown: Explained, heat: Heat, made: Receipt | None) -> tuple[Download, ...]:
    """The overlay, the map, the report; and what the program reads."""
    found, asked = shown.found, shown.asked
    legend = f"Colours: {COLOURS[options.HEAT.current()].note}."

    def array() -> bytes:
        file = io.BytesIO()
        np.save(file, found.raw_values)
        return file.getvalue()

    def signed() -> bytes:
        file = io.BytesIO()
        np.save(file, found.raw)
        return file.getvalue()

    def report() -> str:
        return attribution_report(
            found,
            picture=shown.picture,
            overlay=heat.pixels,
            network=asked.classifier.name,
            class_names=asked.classifier.class_names,
            top=asked.top,
            legend=legend,
            receipt=made,
            trust=attribution_trust.facts(shown),
        )

    return (
        Download("Heatmap over the picture, PNG", "heatmap.png", "image/png", lambda: images.encode_png(heat.pixels)),
        Download("Map, NPY", "map.npy", "application/octet-stream", array),
        Download("Map before the ReLU, NPY", "signed.npy", "application/octet-stream", signed),
        Download("Report, one page of HTML", "report.html", "text/html", report),
        *networks.downloads(asked.classifier, shown.fitted),
    )


def _which_cat() -> None:
    links.reset(options.CONTROLS)
    options.QUESTION.put("versus")
    options.HEAT.put("signed")


def _early() -> None:
    links.reset(options.CONTROLS)
    options.IMAGE.put("coffee")
    options.COMPARE.put("layers")
    options.TABS.put("compare")


def _edges() -> None:
    links.reset(options.CONTROLS)
    options.METHOD.put("guided-backpropagation")
    options.TABS.put("trust")


EXPERIMENTS = (
    Experiment(
        "Why this cat, and not that one?",
        "Egyptian cat or tiger cat? Blue parts decide for the first, red ones for the second.",
        _which_cat,
    ),
    Experiment(
        "From edges to the cup",
        "Grad-CAM on the espresso, layer by layer. Where does it begin to mean the cup? Let the finder tell you.",
        _early,
    ),
    Experiment(
        "A beautiful map, and a blind one",
        f"{METHODS['guided-backpropagation'].title} draws fine lines. Shuffle the weights: does it notice?",
        _edges,
    ),
)
