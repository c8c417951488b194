"""A run as it happens: how far it is, its curves, its first filters, and what it says of eight pictures."""

import contextlib
import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts, figures, images
from explorer.blocks import CONVOLUTION, RECIPES
from explorer.datasets import BUILTIN
from explorer.training import ENDED, Run, Steered, Story, checkpoints
from explorer.training.advice import Advice, advise
from explorer.training.config import CONSTANT, SCHEDULES, TrainConfig
from explorer.training.folder import BY_HAND, PAUSE, STOP
from explorer.training.smoothing import smoothed
from explorer.ui import cache, frame
from explorer.ui import training_options as options
from explorer.ui.browser import png_address
from explorer.ui.texts import plain
from explorer.ui.version_components import Version, versions

PAGE = options.PAGE
MORE = 5
"""Epochs that the advice offers."""
EVERY_SECONDS = 1.0
LEAST_SHOWN = 10
"""Epochs on the axis of a long run, at first; it grows with them."""
NOTHING = "\u00a0"
"""Keeps the line free, so that nothing below jumps."""
CELL = 36
"""Pixels of a filter's side on the page."""
SMOOTHING = 0.8
"""Of the curve of batches, as TensorBoard's."""
MOST_FILTERS = 64
WORDS = {
    "queued": "waiting",
    "running": "training",
    "paused": "paused",
    "finished": "finished",
    "stopped": "stopped",
    "failed": "failed",
}
COLOURS = {
    "queued": "gray",
    "running": "blue",
    "paused": "orange",
    "finished": "green",
    "stopped": "orange",
    "failed": "red",
}
WAKING = "Waking TensorFlow…"
ICONS = {"overfitting": ":material/trending_down:", "stuck": ":material/warning:"}


def draw(run: Run, story: Story, status: str, five_more: Callable[[], None]) -> None:
    """The run; while it goes on, how far it is is drawn anew each second, and the rest every other one.

    A chart costs the browser more than all else here: Streamlit builds it anew whenever a number in it is another.

    Args:
        run: what is shown.
        story: what happened to it.
        status: of it.
        five_more: lets a run that has ended go on for five epochs.
    """
    live = status not in ENDED
    st.fragment(_draw_state, run_every=EVERY_SECONDS if live else None)(run, story, status)
    st.fragment(_draw_figures, run_every=2 * EVERY_SECONDS if live else None)(run, story, status, five_more)


def _draw_state(run: Run, story: Story, before: str) -> None:
    """Read on, and say how far it is; where the status is another now, the whole page is drawn anew."""
    if not run.folder.config.is_file():  # it was deleted, in another tab perhaps
        st.rerun()
    with contextlib.suppress(OSError):  # a full disk, or another page at the queue: later
        run.advance()
    status, reason = story.read_on().verdict(time.time())
    if status != before:
        st.rerun()
    _draw_progress(run, story, status)
    if reason and status == "failed":
        st.error(plain(reason), icon=":material/error:")
    elif reason and reason != BY_HAND:  # the badge says that
        st.info(plain(reason), icon=":material/info:")


def _draw_figures(run: Run, story: Story, status: str, five_more: Callable[[], None]) -> None:
    """The curves, the pictures, the filters, and what to do next."""
    if story.started and run.folder.config.is_file():
        _draw_curves(run, story, dark=frame.is_dark())
        _draw_insight(run, story, live=status == "running")
        _draw_advice(story, five_more if status in ENDED else None)


def settings(config: TrainConfig, steered: Sequence[Steered] = ()) -> str:
    """What is trained, on what and how, in a line."""
    said = [
        plain(BUILTIN[config.dataset].title if config.dataset in BUILTIN else config.dataset),
        RECIPES[config.recipe].title if config.recipe in RECIPES else options.RECIPE.options[config.recipe],
        f"{config.optimizer} {rates(config.learning_rate, steered)}",
        f"batches of {config.batch_size}",
    ]
    said += [SCHEDULES[config.schedule]] if config.schedule != CONSTANT else []
    said += [f"{config.train_pictures:,} pictures"] if config.train_pictures else []
    said += ["augmented"] if config.augmentation.active else []
    said += ["early stopping"] if config.early_stopping else []
    return " · ".join(said)


def rates(first: float, steered: Sequence[Steered]) -> str:
    """The learning rate that was asked for, and the last one that was set by hand.

    >>> rates(0.001, ()), rates(0.001, [Steered(0.02, 7, 0)])
    ('0.001', '0.001 → 0.02 from epoch 7')
    >>> rates(0.1, [Steered(0.02, 2, 0), Steered(0.005, 3, 17)])
    '0.1 → … → 0.005 in epoch 3'
    """
    if not steered:
        return f"{first:g}"
    last = steered[-1]
    between = "… → " if len(steered) > 1 else ""
    return f"{first:g} → {between}{last.rate:g} {'in' if last.step else 'from'} epoch {last.epoch}"


def _draw_progress(run: Run, story: Story, status: str) -> None:
    share, words = _progress(run, story, status)
    with st.container(horizontal=True, vertical_alignment="center", key="training-progress"):
        st.badge(WORDS[status], color=COLOURS[status])  # type: ignore[arg-type]
        st.progress(share, words)
        st.caption(settings(run.config, story.steered), width="content")


def _progress(run: Run, story: Story, status: str) -> tuple[float, str]:
    """The share that is done, 0–1, and where it is, in words."""
    epochs = run.config.epochs
    if status == "queued":
        behind = run.waits_behind
        others = "It is the next one." if behind == 0 else f"{behind} more {'is' if behind == 1 else 'are'} before it."
        return 0.0, f"Others are training. {others}"
    if not story.started:
        return 0.0, WAKING
    last = story.batches[-1] if story.batches else None
    within = last["step"] / last["steps"] if last and last["epoch"] == story.epoch + 1 else 0.0
    share = min(1.0, (story.epoch + within) / epochs)
    if story.last == "testing":
        return share, "Asking it about the test pictures…"
    if status in ENDED:
        return share, _ending(story, epochs)
    return share, _going(run, story, status)


def _going(run: Run, story: Story, status: str) -> str:
    """What a run does that goes on, as soon as it was asked for."""
    asked, last = run.folder.wish().wanted, story.batches[-1] if story.batches else None
    if asked == STOP or (asked == PAUSE and status == "running"):
        return "Stopping…" if asked == STOP else "Pausing…"
    if story.waking or last is None:
        return f"{WAKING} It goes on with epoch {story.epoch + 1}." if story.epoch else WAKING
    words = f"Epoch {min(run.config.epochs, story.epoch + 1)} of {run.config.epochs}"
    if status == "running":
        speed, left = last.get("images_per_second"), last.get("seconds_left")
        words += f" · {speed:,.0f} pictures a second" if speed else ""
        words += f" · about {_duration(left)} left" if left is not None else ""
    return words


def _ending(story: Story, epochs: int) -> str:
    said = f"{story.epoch} of {epochs} epochs"
    if "accuracy" in story.tested:
        which = "test" if story.tested.get("split") == "test" else "validation"
        said += f" · {story.tested['accuracy']:.1%} of {story.tested['pictures']:,} {which} pictures right"
    return said


def _duration(seconds: float) -> str:
    """A time in words.

    >>> _duration(8.3), _duration(170), _duration(7300)
    ('8 s', '3 min', '2.0 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _draw_curves(run: Run, story: Story, *, dark: bool) -> None:
    history, steps = story.history, story.started["steps"]
    places = [each["epoch"] - 1 + each["step"] / each["steps"] for each in story.batches]
    best = _best(story, run)
    changes = [(each.epoch - 1 + each.step / steps, f"{each.rate:g}") for each in story.steered]
    for column, figure, title in zip(st.columns(2), ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True):
        values = smoothed([each.get(f"batch_{figure}") for each in story.batches], SMOOTHING)
        line = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
        chart = charts.learning_curves(
            batches=_thinned(line),
            epochs=history["epoch"],
            train=history[figure],
            validation=history[f"val_{figure}"],
            percent=figure == "accuracy",
            best=best,
            changes=changes,
            last=min(run.config.epochs, max(LEAST_SHOWN, 2 * (story.epoch + 1))),
            dark=dark,
            height=205,
        )
        chart.update_yaxes(title_text=title.lower())
        last = next((value for value in reversed(history[f"val_{figure}"]) if value is not None), None)
        with column:
            frame.chart(
                chart,
                key=f"{PAGE}.chart_{figure}",
                alt=f"{title} by epoch, of training and of validation"
                + (f"; validation is at {last:.3g}" if last is not None else ""),
            )


MOST_POINTS = 600


def _thinned(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """No more points than a chart can show."""
    return line[:: max(1, len(line) // MOST_POINTS)]


def _best(story: Story, run: Run) -> int | None:
    """The epoch whose weights are kept, where early stopping watches."""
    if not run.config.early_stopping:
        return None
    marked = [number for number, each in sorted(story.epochs.items()) if each.get("best")]
    return marked[-1] if marked else None


def advice(story: Story) -> Advice | None:
    """What the curves say, if there is something to say."""
    return advise(story.history, len(story.started.get("classes", ())) or 2)


def _draw_insight(run: Run, story: Story, *, live: bool) -> None:
    """The eight pictures and the filters after the chosen epoch."""
    here = set(run.folder.kept_epochs())
    kept = sorted(number for number, each in story.epochs.items() if each.get("predictions") and number in here)
    if kept:
        place = st.container()
        epoch = kept[-1] if live else _choose_epoch(kept)
        with place:
            left, right = st.columns([5, 3], gap="medium")
        with left:
            _draw_watched(run, story, epoch)
        with right:
            _draw_filters(run, epoch)


def _draw_advice(story: Story, five_more: Callable[[], None] | None) -> None:
    """What the curves say, and where that is to learn on, a button for it."""
    said = advice(story)
    if said is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        show = st.warning if said.kind in ICONS else st.info
        show(plain(said.sentence), icon=ICONS.get(said.kind, ":material/lightbulb:"))
        if five_more is None or said.kind != "learning" or story.epoch + MORE > cache.limits().max_epochs:
            return
        if st.button(f"{MORE} more epochs", key=f"{PAGE}.five_more", icon=":material/resume:"):
            five_more()
            st.rerun()  # this is a fragment, and the buttons above are not in it


def _choose_epoch(kept: list[int]) -> int:
    """A slider over the epochs; it stays at the newest one until the person moves it."""
    if len(kept) < 2:
        return kept[-1]
    chosen = options.EPOCH.current()
    key = f"{PAGE}.epoch_slider"
    at = chosen if chosen in kept else kept[-1]
    st.session_state[key] = at

    def move() -> None:
        moved = st.session_state[key]
        options.EPOCH.put(None if moved == kept[-1] else moved)

    st.select_slider("After epoch", kept, key=key, on_change=move)
    return int(at)


@dataclass(frozen=True)
class Watched:
    """The pictures that are watched, uint8 (8, H, W, C), and their classes, int (8,)."""

    pixels: NDArray[np.uint8]
    labels: NDArray[Any]


def watched(run: Run) -> Watched | None:
    """The eight validation pictures; None before they are chosen."""
    try:
        with np.load(run.folder.watched, allow_pickle=False) as saved:
            return Watched(saved["images"], saved["labels"])
    except checkpoints.DAMAGED:
        return None


def _draw_watched(run: Run, story: Story, epoch: int) -> None:
    names = story.started["classes"]
    found = watched(run)
    if found is None:
        return
    shown = []
    for pixels, label, shares in zip(found.pixels, found.labels, story.epochs[epoch]["predictions"], strict=False):
        first = int(np.argmax(shares))
        right = first == int(label)
        words = [NOTHING if right else f"is {names[int(label)]}"]
        mark = f"{names[first]} {shares[first]:.0%}"
        shown.append(Version(pixels, names[int(label)], words, mark, "good" if right else "bad"))
    st.markdown(f"**After epoch {epoch}**, of eight pictures that it does not learn from:")
    versions(
        shown,
        key=f"{PAGE}.watched",
        alt=f"Eight validation pictures and what the network says after epoch {epoch}",
        columns=4,
        narrow=4,
        tallest=105,
    )


def _draw_filters(run: Run, epoch: int) -> None:
    kernel = checkpoints.read_first_kernel(run.folder.epoch(epoch))
    if kernel is None:
        none = all(each.kind != CONVOLUTION for each in run.config.stack)
        st.caption("This network has no convolution, so there are no filters to look at." if none else "…")
        return
    dark = frame.is_dark()
    address = cache.drawing(
        "first filters",
        (run.id, epoch, kernel.tobytes(), dark),
        lambda: _mosaic(kernel, dark=dark),
    )
    rows, cols, _, count = kernel.shape
    largest = float(np.abs(kernel).max())
    alt = f"{count} filters of {rows} × {cols} weights after epoch {epoch}"
    st.markdown(f"**Its first {min(count, MOST_FILTERS)} filters**, {rows} × {cols} weights each")
    st.html(
        f'<img src="{address}" alt="{html.escape(alt)}" style="width:100%;max-width:420px;image-rendering:pixelated">'
    )
    st.caption(
        f"From −{largest:.2g} to {largest:.2g}, zero in the middle"
        + (" of each colour" if kernel.shape[2] == 3 else "")
        + "."
    )


def _mosaic(kernel: NDArray[np.float32], *, dark: bool) -> str:
    """The filters in rows, each as an enlarged square, as an address; those over colours in colours."""
    rows, cols, channels, count = kernel.shape
    count = min(count, MOST_FILTERS)
    side_by_side = kernel[..., :count].transpose(0, 1, 3, 2).reshape(rows, cols * count, channels)
    shown = figures.signed(np.ascontiguousarray(side_by_side), dark=dark).pixels.reshape(rows, cols, count, 3)
    columns = min(8, count)
    lines = -(-count // columns)
    mosaic = np.empty((lines * (CELL + 4), columns * (CELL + 4), 3), np.uint8)
    mosaic[:] = figures.ground(dark=dark)
    for number in range(count):
        row, column = divmod(number, columns)
        tile = cv2.resize(np.ascontiguousarray(shown[:, :, number]), (CELL, CELL), interpolation=cv2.INTER_NEAREST)
        top, left = row * (CELL + 4), column * (CELL + 4)
        mosaic[top : top + CELL, left : left + CELL] = tile
    return png_address(images.encode_png(mosaic))
