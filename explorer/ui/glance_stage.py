"""The first screen of the Feature maps page: the whole network, living."""

import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import streamlit as st

from explorer import overview, training
from explorer.errors import ModelError
from explorer.models import Classifier
from explorer.overview import Glance, Plan
from explorer.settings import MAX_UNFOLDED_BYTES
from explorer.trace import Unfolded, unfold
from explorer.ui import (
    attribution_options,
    cache,
    feature_lab,
    feature_options,
    filter_options,
    frame,
    glance_columns,
    glance_components,
    glance_unit,
    site,
    state,
    trained,
)
from explorer.ui.feature_lab import Looked, set_filters
from explorer.ui.feature_options import Choice
from explorer.ui.glance_columns import Look
from explorer.ui.texts import plain

KEY = "feature_maps.glance"
EVERY = 2.0
"""Seconds between two looks at whether a run that goes on has a new epoch."""
HEAD_START = 0.08
"""Seconds that the picture has for itself after a click; what is not sent by then, the run of the page replaces."""
SCORES = 8
"""Classes whose scores are shown beside an unfolded one."""


def draw(choice: Choice, looked: Looked) -> None:
    """The network for the picture that is looked at.

    A click in it draws it alone, at once, and only then the rest of the page.
    """
    clicked, in_app = False, bool(state.get(state.SHELL))  # a fragment runs without the shell

    @st.fragment
    def living() -> None:
        nonlocal clicked
        if clicked and state.get(feature_options.GOING):
            st.rerun()
        with frame.guarded():
            now = feature_lab.look(feature_options.again(choice), dark=frame.is_dark())[0] if clicked else looked
            _draw(now, choice.plan, in_app=in_app)
        if clicked:
            if feature_options.UNFOLDED.current():
                time.sleep(HEAD_START)
            st.rerun()
        clicked = True

    living()
    _go_on(looked, choice.plan)
    _follow()


def _draw(looked: Looked, plan: Plan, *, in_app: bool) -> None:
    look = Look(
        dark=looked.dark,
        scale=feature_options.COLUMN_SCALE.current(),
        class_names=looked.classifier.class_names,
        colours=cache.drawing(
            "colours", (looked.classifier.key,), lambda: glance_columns.colours_of(plan, looked.classifier.model)
        ),
    )
    data = _columns(looked, plan, look)
    paths = [column["path"] for column in data["columns"]]
    data["notes"] = feature_options.NOTES.current()
    data["selected"] = {"path": looked.layer.path, "channel": looked.channel} if looked.layer.path in paths else None
    data["missing"] = "" if data["selected"] else _inside(looked.layer.path, plan)
    unfolded = feature_options.UNFOLDED.current() and data["selected"] is not None
    goes = _goes(looked, plan, in_app=in_app)
    data["unit"] = {**_unit(looked, plan, look), "goes": goes} if unfolded else None
    glance_components.glance(data, key=KEY, on_ask=feature_options.act)


def _inside(path: str, plan: Plan) -> str:
    """Where a layer is that has no column of its own."""
    for column in plan.columns(feature_options.OPENED.current()):
        group = column.group
        if any(call.path == path for unit in group.units for call in unit.calls):
            way = "open it with its +" if group.parts else "it is one of its steps"
            return f"{path} is inside {group.name}: {way}."
    return ""


def prepare(looked: Looked) -> None:
    """Compute what the first unfolded channel will need, after everything else is there."""
    if _running() is None:
        with suppress(ModelError):  # all the maps are too many: nothing is unfolded then
            cache.wiring(*looked.key, looked.classifier, looked.picture)


def choices() -> None:
    """What the columns show, behind one button."""
    with st.popover("What is shown", icon=":material/tune:"):
        feature_options.RULE.draw()
        feature_options.COUNT.draw()
        if problem := feature_options.COUNT.problem():
            st.caption(plain(problem))
        feature_options.COLUMN_SCALE.draw()
        pinned = feature_options.PINNED.current()
        if pinned:
            st.caption(plain(f"Pinned by hand: {', '.join(' '.join(each.rsplit(':', 1)) for each in pinned)}"))
            times = Counter(each.rpartition(":")[0] for each in pinned)
            if full := [path for path, many in times.items() if many > feature_options.COUNT.current()]:
                st.caption(
                    plain(f"More are pinned of {', '.join(full)} than a column holds: the first ones are shown.")
                )
            st.button("Unpin all", key="feature_maps.unpin", on_click=feature_options.PINNED.put, args=((),))


def _key(looked: Looked, plan: Plan) -> tuple[Any, ...]:
    """Everything that the columns depend on, but for a channel that is not among those shown anyway."""
    return (
        *looked.key,
        feature_options.RULE.current(),
        feature_options.COUNT.current(),
        feature_options.OPENED.current(),
        feature_options.PINNED.current(),
        _target(looked, plan) if feature_options.RULE.current() == "class" else None,
    )


def _target(looked: Looked, plan: Plan) -> int:
    """The class that channels speak for: the one that is looked at, else the likeliest."""
    if looked.layer.path == plan.classes.told.path:
        return looked.channel
    return int(cache.measured(*looked.key, looked.classifier, looked.picture).probabilities.argmax())


def _glance(looked: Looked, plan: Plan, chosen: int | None) -> Glance:
    """The overview; ``chosen`` is a channel of the layer looked at that is shown in any case."""
    measured = cache.measured(*looked.key, looked.classifier, looked.picture)
    pinned: dict[str, list[int]] = {looked.layer.path: [chosen]} if chosen is not None else {}
    for path, _, channel in (each.rpartition(":") for each in feature_options.PINNED.current()):
        pinned.setdefault(path, []).append(int(channel))
    rule = feature_options.RULE.current()
    importance = None
    if rule == "class":
        pixels = looked.classifier.fit(looked.picture)[0][0]
        opened = feature_options.OPENED.current()
        target = _target(looked, plan)
        importance = overview.class_importance(looked.classifier, plan, pixels, target, opened=opened)
    return overview.glance(
        plan,
        measured,
        lambda path: looked.outputs[path],
        opened=feature_options.OPENED.current(),
        rule=rule,
        count=feature_options.COUNT.current(),
        pinned=pinned,
        importance=importance,
    )


def _columns(looked: Looked, plan: Plan, look: Look) -> dict[str, Any]:
    """Columns, edges and words, drawn once for each choice; a click on a channel that is there draws nothing anew."""

    def draw(chosen: int | None) -> dict[str, Any]:
        found = _glance(looked, plan, chosen)
        return {
            "columns": glance_columns.columns(plan, found, look),
            "edges": glance_columns.edges(found.edges),
            "hidden": glance_columns.hidden(found),
            "groups": glance_columns.groups(plan, feature_options.OPENED.current()),
            "alt": glance_columns.sentence(found, looked.classifier, look),
            "name": f"{looked.classifier.name}-{looked.key[1][:8]}",
        }

    key = (*_key(looked, plan), look.dark, look.scale)
    drawn = cache.glance(key, lambda: draw(None))
    path, chosen = looked.layer.path, looked.channel
    column = next((each for each in drawn["columns"] if each["path"] == path), None)
    if column is not None and chosen not in column["channels"]:
        drawn = cache.glance((*key, path, chosen), lambda: draw(chosen))
    return dict(drawn)


def _unit(looked: Looked, plan: Plan, look: Look) -> dict[str, Any]:
    """The selected channel unfolded, as the component reads it."""
    key = ("unit", *looked.key, looked.layer.path, looked.channel)
    return cache.glance(key, lambda: _unfold(looked, plan, look))


def _unfold(looked: Looked, plan: Plan, look: Look) -> dict[str, Any]:
    wiring = cache.wiring(*looked.key, looked.classifier, looked.picture)
    path, channel = looked.layer.path, looked.channel
    names = {(given, at): name for at, (name, _) in enumerate(look.colours) for given in ("", plan.picture.told.path)}
    is_class = path == plan.classes.told.path
    output = _output(looked.classifier, channel) if is_class else channel
    unit = unfold(wiring, path, output, most_bytes=MAX_UNFOLDED_BYTES)
    softmax = None
    if is_class:
        names |= {(path, at): name for at, name in enumerate(look.class_names)}
        unit = _of_class(unit, looked.classifier, channel)
        softmax = _softmax(looked, look, channel)
    return glance_unit.sent(unit, names, softmax)


def _output(classifier: Classifier, index: int) -> int:
    """The unit that decides about a class: with a single unit for two classes always that."""
    return index if classifier.model.outputs[0].shape[-1] > 1 else 0


def _of_class(unit: Unfolded, classifier: Classifier, index: int) -> Unfolded:
    """The class's own score: the first of two classes with one unit has the opposite one."""
    return replace(glance_unit.opposite(unit) if _is_turned(classifier, index) else unit, channel=index)


def _is_turned(classifier: Classifier, index: int) -> bool:
    """Whether a class's score is that of the only unit with its sign turned round."""
    return classifier.model.outputs[0].shape[-1] == 1 and index == 0


def _softmax(looked: Looked, look: Look, channel: int) -> dict[str, Any]:
    """The scores and probabilities of the likeliest classes, and of this one."""
    measured = cache.measured(*looked.key, looked.classifier, looked.picture)
    scores, probabilities = measured.scores, measured.probabilities
    alone = looked.classifier.independent or looked.classifier.model.outputs[0].shape[-1] == 1
    order = measured.likeliest()[:SCORES].tolist()
    shown = order if channel in order else [*order[: SCORES - 1], channel]
    others = len(scores) - len(shown)
    return {
        "kind": "sigmoid" if alone else "softmax",
        "added": looked.classifier.ends_with_logits,
        "turned": _is_turned(looked.classifier, channel),
        "classes": [
            [look.class_names[index], float(scores[index]), float(probabilities[index]), index == channel]
            for index in shown
        ],
        "others": others,
        "share": max(0.0, 1.0 - float(probabilities[shown].sum())) if others and not alone else 0.0,
    }


def _goes(looked: Looked, plan: Plan, *, in_app: bool) -> list[str]:
    """The pages that can be gone on to from here; the picture itself is nothing that they could show."""
    if not in_app or looked.layer.path == plan.picture.told.path:
        return []
    return ["filters", "grad_cam"] if looked.layer.spatial else ["filters"]


def _go_on(looked: Looked, plan: Plan) -> None:
    """To the page that was asked for."""
    to = state.get(feature_options.GOING)
    state.put(feature_options.GOING, None)
    if to not in _goes(looked, plan, in_app=bool(state.get(state.SHELL))):
        return
    if to == "filters":
        set_filters(looked.layer.path, looked.unit)
        site.go(to, filter_options.CONTROLS)
    else:
        attribution_options.open_at(looked.layer.path)
        site.go(to, attribution_options.CONTROLS)


def _follow() -> None:
    """Draw the network anew at each epoch while it is still being trained."""
    run = _running()
    if run is None:
        return
    drawn = run.story().weights_version

    @st.fragment(run_every=EVERY)
    def wait() -> None:
        if run.story().weights_version != drawn or trained.status(run) in training.ENDED:
            st.rerun()

    wait()


def _running() -> training.Run | None:
    """The run whose network is looked at, while it is still being trained."""
    name = state.get(state.NETWORK, "")
    if not isinstance(name, str) or not name.startswith(trained.PREFIX):
        return None
    run = trained.opened(name.removeprefix(trained.PREFIX))
    return None if trained.status(run) in training.ENDED else run
