"""Does augmentation help? Two short runs on few pictures, with the policy and without, beside each other."""

import contextlib
import math

import streamlit as st

from explorer import charts, training
from explorer.augmentation import Augmentation
from explorer.blocks import RECIPES
from explorer.errors import ExplorerError, RunError
from explorer.training import ENDED, Run, TrainConfig
from explorer.training.judging import read_judged
from explorer.ui import augmentation_options as options
from explorer.ui import cache, frame, state, trained, visitors
from explorer.ui.augmentation_stage import Seen
from explorer.ui.texts import plain

WITHOUT, WITH = "without", "with"
EVERY_SECONDS = 1.0
RECIPE = "convnet-32-64-64"
DIGITS_HERE = "mnist-small"
DIGITS = Augmentation(rotation_range=10, width_shift_range=0.1, height_shift_range=0.1, zoom_range=0.1)
"""Measured with the defaults below, on seed 0: 84 % of the test pictures right without it, 91 % with it."""
SURE = 1.96
"""Standard errors from which on a difference is more than chance, at 5 %."""


def draw(seen: Seen) -> None:
    """The choice, the two runs, and what came of them."""
    st.caption(
        f"The network {RECIPES[RECIPE].title} learns from few pictures, once as they are and once with the policy on "
        "the left; all else is the same. Few pictures are where augmentation matters most."
    )
    runs = _runs()
    live = any(run.status not in ENDED for run in runs.values())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options.HELP_DATASET.draw(width=260)
        options.HELP_PICTURES.draw(width=140)
        options.HELP_EPOCHS.draw(width=140)
        st.button(
            "Train both",
            key="augmentation.help_start",
            icon=":material/play_arrow:",
            type="primary",
            disabled=not seen.policy.active or live,
            on_click=begin,
            args=(seen,),
        )
        st.button("A policy for digits", key="augmentation.help_example", type="tertiary", on_click=example)
    if not seen.policy.active:
        st.info("The policy changes nothing, so both would be the same.", icon=":material/info:")
    elif options.HELP_DATASET.current() == DIGITS_HERE and (seen.policy.horizontal_flip or seen.policy.vertical_flip):
        st.warning(
            "The policy mirrors, and a mirrored digit is a digit no more: expect it to harm. *A policy for digits* "
            "leaves them what they are.",
            icon=":material/flip:",
        )
    problem = state.get(state.HELP_PROBLEM)
    if problem:
        st.error(plain(problem), icon=":material/error:")
    if runs:
        st.fragment(_watch, run_every=EVERY_SECONDS if live else None)(runs, live=live)


def example() -> None:
    """A policy that leaves digits what they are, in the place of the present one."""
    options.put(DIGITS)
    options.HELP_DATASET.put(DIGITS_HERE)


def begin(seen: Seen) -> None:
    """*Train both* was pressed."""
    state.put(state.HELP_PROBLEM, None)
    plain_run = TrainConfig(
        dataset=options.HELP_DATASET.current(),
        recipe=RECIPE,
        epochs=min(options.HELP_EPOCHS.current(), cache.limits().max_epochs),
        batch_size=32,
        train_pictures=options.HELP_PICTURES.current(),
    )
    configs = {WITHOUT: plain_run, WITH: plain_run.but(augmentation=seen.policy)}
    started: list[str] = []
    try:
        _forget()
        for which, config in configs.items():
            name = f"{which} augmentation, {config.train_pictures} pictures"
            run = training.start(config, name=name, owner=visitors.owner(), spare=trained.spare())
            started.append(run.id)
    except ExplorerError as error:
        state.put(state.HELP_PROBLEM, str(error))
    options.HELP_RUNS.put(tuple(started) or None)


def _forget() -> None:
    """Stop what still goes on of an earlier question."""
    for run in _runs().values():
        if run.status not in ENDED:
            run.stop()


def _runs() -> dict[str, Run]:
    """The two runs; none where one was deleted."""
    try:
        names = options.HELP_RUNS.current() or ()
        return {which: trained.opened(name) for which, name in zip((WITHOUT, WITH), names, strict=False)}
    except RunError:
        return {}


def _watch(runs: dict[str, Run], *, live: bool) -> None:
    """Both curves; drawn anew each second until both have ended."""
    if not all(run.folder.config.is_file() for run in runs.values()):  # deleted, in another tab perhaps
        st.rerun()
    stories = {which: run.story() for which, run in runs.items()}
    verdicts = {which: (run.status, run.reason) for which, run in runs.items()}
    with contextlib.suppress(OSError):
        for run in runs.values():
            run.advance()
    if live and all(status in ENDED for status, _ in verdicts.values()):
        st.rerun()
    epochs = max(run.config.epochs for run in runs.values())
    for which, story in stories.items():
        status, reason = verdicts[which]
        share = min(1.0, story.epoch / epochs)
        st.progress(share, f"{which.capitalize()}: {'epoch ' + str(story.epoch) if status == 'running' else status}")
        if status == "failed":
            st.error(plain(reason), icon=":material/error:")
    for column, figure, title in zip(
        st.columns(2), ("val_accuracy", "accuracy"), ("Validation", "Training"), strict=True
    ):
        with column:
            st.markdown(f"**{title} accuracy**")
            chart = charts.compared_curves(
                {which: (story.history["epoch"], story.history[figure]) for which, story in stories.items()},
                percent=True,
                dark=frame.is_dark(),
                height=230,
            )
            frame.chart(chart, key=f"augmentation.help_{figure}", alt=f"{title} accuracy with and without augmentation")
    if live:
        st.button("Stop both", key="augmentation.help_stop", icon=":material/stop:", on_click=stop)
    else:
        _conclude(runs)


def stop() -> None:
    """*Stop both* was pressed."""
    try:
        _forget()
    except ExplorerError as error:
        state.put(state.HELP_PROBLEM, str(error))


def _conclude(runs: dict[str, Run]) -> None:
    """Whether the difference on the test pictures is more than chance."""
    judged = {which: read_judged(run.folder) for which, run in runs.items()}
    plainly, augmented = judged.get(WITHOUT), judged.get(WITH)
    if plainly is None or augmented is None or len(plainly.labels) != len(augmented.labels):
        return
    won = int((augmented.right & ~plainly.right).sum())
    lost = int((plainly.right & ~augmented.right).sum())
    said = (
        f"Test: {plainly.accuracy:.1%} without, {augmented.accuracy:.1%} with. {won} pictures are right only with it, "
        f"{lost} only without it: "
    )
    st.info(plain(said + verdict(won, lost)), icon=":material/balance:")


def verdict(won: int, lost: int) -> str:
    """What two counts of pictures say that only one of two networks gets right (McNemar 1947).

    >>> verdict(60, 20), verdict(12, 10)
    ('it helps.', 'that may be chance.')
    """
    if won + lost == 0 or abs(won - lost) < SURE * math.sqrt(won + lost):
        return "that may be chance."
    return "it helps." if won > lost else "it harms. More epochs, or a gentler policy, may turn that."
