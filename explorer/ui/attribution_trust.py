"""The Grad-CAM page's question "Can I trust it?": deletion and insertion, and the weights shuffled."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from explorer import charts, images
from explorer.attribution import (
    BASELINES,
    DeletionInsertion,
    DropIncrease,
    Explanation,
    RandomizationCheck,
    RandomizationPoint,
    average_drop,
    compare,
    randomization_check,
)
from explorer.ui import cache, frame
from explorer.ui.attribution_stage import Explained, raw_map, size_of
from explorer.ui.gallery import gallery
from explorer.ui.progress import progress
from explorer.ui.texts import plain
from explorer.ui.texts import titles as titles_of

STEPS = 28
"""Points on a curve."""
STAGES = 7
"""Steps of the cascade of shuffled weights."""


def trust(shown: Explained) -> None:
    """Both tests, each once the person has asked for it."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(
            f"**Hide it, show it.** If the map is right, hiding its brightest pixels first should make "
            f"{_measured(shown)} fall quickly, and showing only them should bring it back quickly."
        )
        _curves(shown)
    with right:
        st.markdown(
            "**Shuffle the weights.** A map that explains the network must change when the network forgets. Layer by "
            "layer, from the answer down, the weights change places, and the map is drawn anew."
        )
        _randomization(shown)


def _measured(shown: Explained) -> str:
    """What the curves show: for what speaks against a class, the probability of all others."""
    return "the probability of all other classes" if shown.asked.target.against else "the class's probability"


def measured(shown: Explained) -> dict[str, DeletionInsertion] | None:
    """The curves of the shown map and of the maps that know nothing, where they were measured."""
    return cache.shelf().get(_key(shown, "curves"))  # type: ignore[no-any-return]


def shuffled(shown: Explained) -> RandomizationCheck | None:
    """The randomization check of the shown method, where it was made."""
    return cache.shelf().get(_shuffle_key(shown))  # type: ignore[no-any-return]


def _lighter(shown: Explained) -> dict[str, Any]:
    """The method's options, those that make it slow replaced by lighter ones."""
    return {**shown.asked.options, **shown.asked.entry.light}


def _shuffle_key(shown: Explained) -> tuple[Any, ...]:
    asked = shown.asked
    lighter = tuple(sorted(_lighter(shown).items()))
    return ("randomization", *shown.key, asked.method, shown.found.layer, asked.target, lighter)


def facts(shown: Explained) -> dict[str, float | str]:
    """What was measured of the shown map, for a report; nothing where nothing was."""
    told: dict[str, float | str] = {}
    if curves := measured(shown):
        told |= {"Insertion area": curves["shown"].insertion.area, "Deletion area": curves["shown"].deletion.area}
        told["Against maps that know nothing"] = _verdict(curves).replace("*", "")
    if check := shuffled(shown):
        told["With shuffled weights"] = check.sentence
    return told


def _key(shown: Explained, what: str) -> tuple[Any, ...]:
    asked = shown.asked
    return (what, *shown.key, asked.method, shown.found.layer, asked.target, tuple(sorted(asked.options.items())))


def titles() -> dict[str, str]:
    """What the lines of the curves are called."""
    return {"shown": "this map", **{name: title.lower() for name, (title, _) in BASELINES.items()}}


def _curves(shown: Explained) -> None:
    """Deletion and insertion curves, areas, and what is left of the probability."""
    found = measured(shown)
    place = st.empty()
    if found is None and place.button("Hide and show", key="grad_cam.curves", icon=":material/flip_camera_android:"):
        place.empty()
        with progress("grad_cam.curves_stop", "Hiding and showing the picture bit by bit…") as report:
            found = cache.shelf().get_or_make(_key(shown, "curves"), lambda: _measure(shown, report), lambda _: 10_000)
    if not found:
        return
    for name, words in (("insertion", "Showing the brightest first"), ("deletion", "Hiding the brightest first")):
        curves = {titles()[key]: getattr(result, name).probabilities.tolist() for key, result in found.items()}
        st.caption(f"{words}: {_measured(shown)}, by the share of the picture")
        shares = getattr(found["shown"], name).shares.tolist()
        frame.chart(
            charts.share_curves(shares, curves, dark=shown.dark), key=f"grad_cam.{name}", alt=f"The {name} curves"
        )
    st.dataframe(
        [
            {
                "map": titles()[key],
                "insertion ↑": round(result.insertion.area, 3),
                "deletion ↓": round(result.deletion.area, 3),
                "faithful ↑": round(result.faithfulness, 3),
            }
            for key, result in found.items()
        ],
        hide_index=True,
    )
    st.caption(_verdict(found))
    drop = dropped(shown)
    st.caption(
        "With only what the map shows, dimmed by the map, the probability "
        + (
            "rises."
            if drop.increase
            else f"falls by {drop.drop:.0%} of itself (the *average drop*, here of one picture)."
        )
    )


def _measure(shown: Explained, report: Any) -> dict[str, DeletionInsertion]:
    maps: dict[str, Any] = {"shown": shown.found}
    maps |= {name: make(shown.found.pixels, 0) for name, (_, make) in BASELINES.items()}
    target = shown.asked.target
    return compare(shown.asked.classifier, shown.fitted, maps, target=target, steps=STEPS, on_progress=report)


def dropped(shown: Explained) -> DropIncrease:
    """What is left of the probability when the picture is dimmed by its map."""
    return cache.shelf().get_or_make(
        _key(shown, "drop"),
        lambda: average_drop(shown.asked.classifier, [shown.fitted], [shown.found]),
        lambda _: 1000,
    )


def _verdict(found: Mapping[str, DeletionInsertion]) -> str:
    """Whether the map beats those that know nothing."""
    own = found["shown"].faithfulness
    if all(result.faithfulness == own for result in found.values()):
        return "The probability never changes, whatever is hidden: nothing can be measured here."
    better = [titles()[name] for name, result in found.items() if name != "shown" and result.faithfulness >= own]
    if not better:
        return "It does better than all three maps that know nothing of the network."
    return f"**Careful:** {' and '.join(better)} did as well or better, and knew nothing of the network."


def _randomization(shown: Explained) -> None:
    """The map while the network forgets, and what that means."""
    asked = shown.asked
    check = shuffled(shown)
    lighter = _lighter(shown)
    if lighter != asked.options:
        told = ", ".join(f"{asked.entry.options[name].label.lower()} {lighter[name]}" for name in asked.entry.light)
        st.caption(f"{asked.entry.title} is slow and is asked eight times, so here with less: {told}.")
    place = st.empty()
    if check is None and place.button("Shuffle the weights", key="grad_cam.shuffle", icon=":material/shuffle:"):
        place.empty()
        with progress("grad_cam.shuffle_stop", "The network forgets, layer by layer…") as report:
            check = cache.shelf().get_or_make(
                _shuffle_key(shown),
                lambda: randomization_check(
                    asked.classifier,
                    shown.fitted,
                    method=asked.method,
                    layer=shown.found.layer,
                    target=asked.target,
                    stages=STAGES,
                    on_progress=report,
                    **lighter,
                ),
                lambda made: sum(size_of(point.explanation) for point in made.points),
            )
    if check is None:
        return
    show = {True: st.success, False: st.error, None: st.info}[check.changes]
    show(plain(check.sentence))
    names = titles_of([point.path for point in check.points])
    gallery(
        [
            (_small(point.explanation, dark=shown.dark), _step(name, point))
            for name, point in zip(names, check.points, strict=True)
        ]
    )
    st.caption("Shuffled from the answer down to that layer; the number is the rank correlation with the first map.")


def _step(name: str, point: RandomizationPoint) -> str:
    """How far down the weights are shuffled, and how alike the map is still."""
    where = f"to {plain(name)}" if point.path else "before"
    return f"{where} · **{point.correlation:+.2f}**"


def _small(found: Explanation, *, dark: bool) -> bytes:
    return images.encode_png(images.reduce_to(raw_map(found, dark=dark, side=224), 224))
