"""The Augmentation page's closer looks: one version, one change from end to end, the fill modes."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images
from explorer.augmentation import FILL_MODES, TRANSFORMS, Augmentation, describe, sweep, swept
from explorer.augmentation.registry import SUPPLEMENTS
from explorer.ui import augmentation_options as options
from explorer.ui.augmentation_stage import Seen
from explorer.ui.texts import plain
from explorer.ui.version_components import Version, versions

LARGE_SIDE = 420
GAPS = Augmentation(rotation_range=30, width_shift_range=0.25)
"""What leaves gaps, where the policy leaves none."""


def one(seen: Seen) -> None:
    """Original and version laid over each other, and every value beside its range."""
    left, middle, right = st.columns([0.8, 0.8, 1.2], gap="medium")
    with left:
        share = options.OVERLAY.draw()
        blended = np.rint((1 - share) * seen.original + share * seen.version.astype(np.float32)).astype(np.uint8)
        _show(blended, f"The original and version {seen.place + 1} laid over each other")
        st.caption(f"{1 - share:.0%} original, {share:.0%} version {seen.place + 1}. Click another version above.")
    with middle:
        difference = np.abs(seen.version.astype(np.int16) - seen.original).astype(np.uint8)
        st.markdown("**What changed**")
        _show(difference, "The difference of the two, brighter where it is larger")
        st.caption(
            f"Difference of each level, black where nothing changed: {difference.mean():.1f} of 255 on average, "
            f"{difference.max()} at most."
        )
    with right:
        st.markdown(f"**Version {seen.place + 1}**")
        _table(seen)


def _show(pixels: NDArray[np.uint8], alt: str) -> None:
    st.image(
        images.encode_png(figures.enlarge(images.to_rgb(pixels), LARGE_SIDE)),
        width="stretch",
        output_format="PNG",
        alt=alt,
    )


def _table(seen: Seen) -> None:
    """Each parameter of the policy, its range, and what was drawn."""
    rows = []
    for name in seen.policy.active:
        if name in SUPPLEMENTS or name == "fill_mode":
            continue
        alone = Augmentation(**{name: getattr(seen.policy, name)})
        said = " · ".join(describe(alone, seen.drawn[seen.place], seen.version.shape[2])) or "no"
        if TRANSFORMS[name].family == "batch":
            kind = seen.mixed.kind if seen.mixed is not None else ""
            said = "see the words under it" if kind == name else "not this time" if kind else "only of a dataset"
        rows.append(f"| `{name}` | {_range(name, getattr(seen.policy, name))} | {plain(said)} |")
    if not rows:
        st.info("The policy changes nothing.")
        return
    st.markdown("\n".join(["| Parameter | Range | Drawn |", "|---|---|---|", *rows]))


def _range(name: str, value: Any) -> str:
    """A range as it is written in a table, from end to end where it goes both ways."""
    if value is True:
        return "every second"
    if name == "zoom_range" and not isinstance(value, tuple):
        value = (1 - value, 1 + value)
    if isinstance(value, tuple):
        return " to ".join(f"×{end:g}" for end in value)
    if name in AROUND_ONE:
        return f"×{1 - value:g} to ×{1 + value:g}"
    if name in BOTH_WAYS:
        return f"−{value:g} to {value:g}{'°' if name in IN_DEGREES else ''}"
    return f"{value:g}"


IN_DEGREES = ("rotation_range", "shear_range", "hue_range")
BOTH_WAYS = (*IN_DEGREES, "width_shift_range", "height_shift_range", "channel_shift_range")
AROUND_ONE = ("contrast_range", "saturation_range")


def one_sweep(seen: Seen) -> None:
    """One change alone, from one end of its range to the other."""
    name = options.SWEEP.draw(width=300)
    drawn = sweep(seen.policy, name, seen.original.shape)
    policy = swept(seen.policy, name)
    made = seen.policy.replay(seen.original, drawn)
    versions(
        [
            Version(pixels, str(place + 1), describe(policy, values, pixels.shape[2]) or ["as it is"])
            for place, (pixels, values) in enumerate(zip(made, drawn, strict=True))
        ],
        key="augmentation.swept",
        alt=f"{TRANSFORMS[name].option.label}, from end to end",
        columns=7 if len(drawn) > 9 else 5,
        narrow=3,
    )
    value = getattr(policy, name)
    said = f"From one end of {plain(_range(name, value))} to the other. " if name in (*BOTH_WAYS, *AROUND_ONE) else ""
    said += plain(TRANSFORMS[name].option.help)
    if name not in seen.policy.active:
        said += " The policy does not use it: this is all that its slider offers."
    st.caption(said)


def fill_modes(seen: Seen) -> None:
    """The same version with each way to fill gaps."""
    gaps = "fill_mode" in seen.policy.active
    policy = seen.policy if gaps else GAPS
    drawn = seen.drawn[seen.place] if gaps else policy.sample(seen.original, 1, seen.asked.seed)[1][0]
    shown = []
    for mode, note in FILL_MODES.items():
        made = replace(policy, fill_mode=mode).replay(seen.original, drawn)
        current = mode == seen.policy.fill_mode
        shown.append(Version(made, f"{mode} · chosen" if current else mode, [note]))
    versions(shown, key="augmentation.fills", alt="The four ways to fill gaps", columns=4)
    if gaps:
        st.caption(
            f"Version {seen.place + 1} four times, what was drawn for it unchanged: only the gaps differ. A network "
            "sees them too: streaks, mirrored halves and black corners are things that it can learn."
        )
    else:
        st.caption(
            "The policy leaves no gaps, so this is a rotation of up to 30° and a shift of up to a quarter: "
            f"{plain(', '.join(describe(policy, drawn)))}."
        )
