"""The first screen of the Training page: the buttons; before a run the pictures and the network, after that the run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explorer import blocks, training
from explorer.augmentation import Augmentation
from explorer.datasets import Dataset
from explorer.errors import ExplorerError, RunError
from explorer.training import ENDED, OWN, Run, Status, Story
from explorer.training.lessons import HELD_OUT, evenly, most_pictures
from explorer.ui import cache, dataset_loading, state, trained, training_blocks, training_live, visitors
from explorer.ui import training_options as options
from explorer.ui.texts import plain
from explorer.ui.training_options import NEW, RUN, Wanted
from explorer.ui.version_components import Version, versions

PAGE = options.PAGE
PREVIEWED = 8
NEW_NAME, NEW_RATE, MORE_EPOCHS = f"{PAGE}.new_name", f"{PAGE}.new_rate", f"{PAGE}.more_epochs"
SHOWN_RATE = f"{PAGE}.shown_rate"
"""The learning rate that the field was given; another one in it was typed."""


@dataclass(frozen=True)
class Seen:
    """What the page shows.

    Attributes:
        wanted: what would be trained; None where the choices do not allow it.
        dataset: the pictures of it; None where they cannot be had.
        rows: its network; empty where it is impossible.
        problem: why nothing can be trained, a sentence.
        run: the chosen run; None for a new one.
        story: what happened to it.
        status: of it.
    """

    wanted: Wanted | None
    dataset: Dataset | None
    rows: tuple[blocks.Row, ...] = ()
    problem: str | None = None
    run: Run | None = None
    story: Story | None = None
    status: Status | None = None


def look(*, arrived: bool) -> Seen:
    """What the choices stand for."""
    table_problem = _chosen_problem(training_blocks.settle(arrived=arrived))
    run_id = RUN.current()
    if run_id != NEW:
        return _look_at(run_id)
    wanted, dataset, typed_problem = None, None, options.problem()
    try:
        wanted = options.wanted()
        dataset = shared(wanted)
        side, channels = wanted.config.image_size, dataset.image_shape[2]
        shape = dataset.image_shape if side is None else (side, side, channels)
        rows = blocks.describe(wanted.config.stack, shape, len(dataset.class_names))
        training.check_network(wanted.config, shape, len(dataset.class_names))
    except ExplorerError as error:
        return Seen(wanted, dataset, problem=typed_problem or table_problem or str(error))
    return Seen(wanted, dataset, tuple(rows), typed_problem or table_problem)


def _chosen_problem(table_problem: str | None) -> str | None:
    return table_problem if options.RECIPE.current() == OWN else None


def _look_at(run_id: str) -> Seen:
    run = trained.opened(run_id)
    kept: Story | None = state.get(state.STORY)
    story = kept if kept is not None and kept.folder.path == run.path else run.story()
    state.put(state.STORY, story.read_on())
    return Seen(None, None, run=run, story=story, status=story.status(time.time()))


def shared(wanted: Wanted) -> Dataset:
    """The dataset that would be learned from; a download has a bar.

    Raises:
        DatasetError: it cannot be had.
    """
    return dataset_loading.shared(
        wanted.dataset, f"{PAGE}.stop_loading", lambda: options.DATASET.put("fashion-mnist-small")
    )


def draw(seen: Seen) -> None:
    """The buttons, and under them what is learned from or what happens."""
    _draw_buttons(seen)
    problem = state.get(state.TRAINING_PROBLEM) or seen.problem
    if problem:
        st.error(plain(problem), icon=":material/error:")
    if seen.run is not None and seen.story is not None:
        training_live.draw(seen.run, seen.story, str(seen.status), five_more)
    else:
        _draw_before(seen)


def _draw_buttons(seen: Seen) -> None:
    """Train, Pause, Stop, and which run is shown."""
    live = seen.status in ("queued", "running", "paused")
    with st.container(key="training-bar", horizontal=True, vertical_alignment="bottom"):
        again = seen.run is not None
        goes_on = seen.status == "paused" or _can_resume(seen)
        st.button(
            "Train anew" if again else "Train",
            key=f"{PAGE}.start",
            type="secondary" if live or goes_on else "primary",
            icon=":material/play_arrow:",
            disabled=not again and (seen.wanted is None or seen.problem is not None),
            help="Begin a new run with the choices on the left.",
            on_click=begin,
        )
        st.button(
            "Resume" if goes_on else "Pause",
            key=f"{PAGE}.pause",
            icon=":material/resume:" if goes_on else ":material/pause:",
            type="primary" if goes_on else "secondary",
            disabled=not (goes_on or seen.status == "running"),
            on_click=pause_or_resume,
        )
        st.button("Stop", key=f"{PAGE}.stop", icon=":material/stop:", disabled=not live, on_click=stop)
        RUN.draw(on_change=another_run, width=360)
        _draw_more(seen)


def _can_resume(seen: Seen) -> bool:
    """Whether a run that has ended has epochs left."""
    if seen.run is None or seen.story is None or seen.status not in ("stopped", "failed"):
        return False
    return seen.story.epoch < seen.run.config.epochs


def _draw_more(seen: Seen) -> None:
    """Steering, renaming and deleting; without a run a button, as a popover would stay open when its run is deleted."""
    if seen.run is None or seen.story is None:
        st.button("Steer", icon=":material/tune:", key=f"{PAGE}.no_steer", disabled=True)
        return
    with st.popover("Steer", icon=":material/tune:"):
        key = f"{NEW_RATE}.{seen.run.id}"
        _settle_rate(key, seen.run, seen.story)
        st.number_input("Learning rate from now on", step=0.0005, format="%g", key=key)
        st.button("Set it", key=f"{PAGE}.set_rate", on_click=set_rate)
        st.number_input(
            "Train until epoch",
            step=1,
            value=min(cache.limits().max_epochs, seen.run.config.epochs + 5),
            key=f"{MORE_EPOCHS}.{seen.run.id}",
        )
        st.button("Go on", key=f"{PAGE}.go_on", on_click=go_on, disabled=seen.status not in ENDED)
        st.text_input("Name", value=seen.run.name, max_chars=60, key=f"{NEW_NAME}.{seen.run.id}", on_change=rename)
        st.button(
            "Take its settings over",
            key=f"{PAGE}.take_settings",
            icon=":material/content_copy:",
            on_click=take_settings,
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            sure = st.checkbox("Delete this run", key=f"{PAGE}.sure.{seen.run.id}")
            st.button("Delete", key=f"{PAGE}.delete", icon=":material/delete:", disabled=not sure, on_click=delete)


def _settle_rate(key: str, run: Run, story: Story) -> None:
    """Let the field show the present rate, unless another one was typed that has not been set yet."""
    present = _present_rate(run, story)
    if st.session_state.get(key) in (None, st.session_state.get(SHOWN_RATE)):
        st.session_state[key] = st.session_state[SHOWN_RATE] = present


def _present_rate(run: Run, story: Story) -> float:
    """What the next step is made with: the rate that is wished, the last one that was told, or the first."""
    wished, steered = run.folder.wish().learning_rate, story.steered
    if wished is not None and (not steered or steered[-1].rate != wished):
        return float(wished)
    last = story.batches[-1].get("learning_rate") if story.batches else None
    return float(last or run.config.learning_rate)


def _guarded(action: Callable[[], None]) -> None:
    """Do what a button says; where it cannot be done, its sentence is shown with the next drawing."""
    state.put(state.TRAINING_PROBLEM, None)
    try:
        action()
    except ExplorerError as error:
        state.put(state.TRAINING_PROBLEM, str(error))


def begin() -> None:
    """*Train* was pressed."""
    _guarded(_begin)


def _begin() -> None:
    problem = training_blocks.settle(arrived=False)  # a cell may have been left with this very press
    problem = options.problem() or _chosen_problem(problem)
    if problem:
        raise RunError(problem)
    wanted = options.wanted()
    dataset = shared(wanted) if wanted.handed_over else None
    run = training.start(wanted.config, dataset, owner=visitors.owner(), spare=trained.spare())
    RUN.put(run.id)
    options.EPOCH.put(None)


def _chosen() -> Run:
    return trained.opened(RUN.current())


def pause_or_resume() -> None:
    """*Pause* or *Resume* was pressed."""

    def act() -> None:
        run = _chosen()
        if run.status == "running":
            run.pause()
        else:
            run.resume()
        options.EPOCH.put(None)

    _guarded(act)


def stop() -> None:
    """*Stop* was pressed."""
    _guarded(lambda: _chosen().stop())


def set_rate() -> None:
    """Another learning rate was set."""

    def act() -> None:
        run, rate = _chosen(), float(st.session_state[f"{NEW_RATE}.{RUN.current()}"])
        run.set_learning_rate(rate)
        st.session_state[SHOWN_RATE] = rate
        when = "as soon as it goes on" if run.status in ENDED else "from the next batch on"
        st.toast(f"Learning rate {rate:g}, {when}.", icon=":material/tune:")

    _guarded(act)


def go_on() -> None:
    """More epochs were asked for, perhaps with the rate that was typed beside them."""

    def act() -> None:
        run = _chosen()
        rate = st.session_state.get(f"{NEW_RATE}.{run.id}")
        typed = None if rate == st.session_state.get(SHOWN_RATE) else rate
        run.resume(epochs=int(st.session_state[f"{MORE_EPOCHS}.{run.id}"]), learning_rate=typed)
        st.session_state[SHOWN_RATE] = rate
        options.EPOCH.put(None)

    _guarded(act)


def five_more() -> None:
    """What the curves advise was pressed."""

    def act() -> None:
        run = _chosen()
        run.resume(epochs=run.story().epoch + training_live.MORE)
        options.EPOCH.put(None)

    _guarded(act)


def rename() -> None:
    """Another name was typed."""
    _guarded(lambda: _chosen().rename(str(st.session_state[f"{NEW_NAME}.{RUN.current()}"])))


def take_settings() -> None:
    """The choices on the left become those of the run."""
    _guarded(lambda: state.put(state.TRAINING_PROBLEM, options.put_config(_chosen().config)))


def delete() -> None:
    """*Delete* was pressed."""

    def act() -> None:
        _chosen().delete()
        RUN.put(NEW)

    _guarded(act)


def another_run() -> None:
    """Another run was chosen."""
    state.put(state.TRAINING_PROBLEM, None)
    options.EPOCH.put(None)
    options.LEAF.put(1)


def _draw_before(seen: Seen) -> None:
    """What would be learned from, and the network."""
    if options.RECIPE.current() == OWN:
        training_blocks.draw()
    left, right = st.columns(2, gap="large")
    with left:
        _draw_pictures(seen)
    with right:
        draw_network(seen)


def _draw_pictures(seen: Seen) -> None:
    if seen.dataset is None:
        return
    dataset = seen.dataset
    policy = seen.wanted.config.augmentation if seen.wanted else Augmentation()
    places = evenly(dataset.train.labels, PREVIEWED, seed=1)
    images = dataset.train.images[places]
    shown = policy.augment(images, 0) if policy.active else images
    st.markdown(f"**It learns from** {_count(dataset, seen.wanted)}.")
    versions(
        [
            Version(pixels, dataset.class_names[dataset.train.labels[place]])
            for pixels, place in zip(shown, places, strict=True)
        ],
        key=f"{PAGE}.previewed",
        alt=f"{len(places)} of the pictures that it learns from"
        + (", changed at random as it would see them" if policy.active else ""),
        narrow=4,
        tallest=150,
    )


def _count(dataset: Dataset, wanted: Wanted | None) -> str:
    """How many pictures would be learned from."""
    count, held = len(dataset.train), ""
    if not len(dataset.validation):
        count, held = count - max(1, round(count * HELD_OUT)), "; a tenth was held out to validate with"
    most = count if wanted is None else min(count, most_pictures(wanted.config))
    of = f" of {count:,}" if most < count else ""
    return f"{most:,}{of} pictures of {len(dataset.class_names)} classes{held}"


def draw_described(seen: Seen) -> None:
    """The tab with the network of the chosen run, or of the choices."""
    if seen.run is None or seen.story is None:
        draw_network(seen)
        return
    if not seen.story.started:
        st.info("The run has not begun yet.")
        return
    height, width, channels = seen.story.started["shape"]
    classes = len(seen.story.started["classes"])
    rows = blocks.describe(seen.run.config.stack, (height, width, channels), classes)
    network_table(tuple(rows), classes, f"{PAGE}.described")
    recipe = blocks.RECIPES.get(seen.run.config.recipe)
    if recipe is not None:
        st.caption(f"{recipe.title}: {recipe.note} From {recipe.source}.")


def draw_network(seen: Seen) -> None:
    """The network that would be trained, layer by layer."""
    if seen.dataset is not None and seen.rows:
        network_table(seen.rows, len(seen.dataset.class_names), f"{PAGE}.rows")


def network_table(rows: tuple[blocks.Row, ...], classes: int, key: str) -> None:
    """A network layer by layer, and what its head and loss are."""
    total = sum(row.parameters for row in rows)
    st.markdown(f"**The network** has {total:,} parameters.")
    st.dataframe(
        {
            "Layer": [row.label for row in rows],
            "gives": [" × ".join(map(str, row.output_shape)) for row in rows],
            "parameters": [row.parameters for row in rows],
            "share": [row.parameters / max(1, total) for row in rows],
        },
        hide_index=True,
        key=key,
        height=min(420, 38 + 35 * len(rows)),
        column_config={
            "Layer": st.column_config.TextColumn(width=160),
            "gives": st.column_config.TextColumn(width=90),
            "parameters": st.column_config.NumberColumn(format="localized", width=80),
            "share": st.column_config.ProgressColumn(format=" ", min_value=0, max_value=1, width=70),
        },
    )
    head = "two classes, so one sigmoid unit" if classes == 2 else f"{classes} classes, so a softmax over as many units"
    st.caption(f"It ends in {head}; the loss is {blocks.loss_name(classes).replace('_', ' ')}.")
