"""Charts: numbers along axes, drawn by Plotly, which is imported where a chart is drawn and not before."""

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from explorer.figures import BLUE, DIVERGING_DARK, DIVERGING_LIGHT, GREY, INK_DARK, INK_LIGHT, RED

if TYPE_CHECKING:
    import plotly.graph_objects as go

LINES = (BLUE, RED, "#3f9b6c", "#a06cc0")
RUNS = (BLUE, "#d98a1f", "#3f9b6c", "#c8553d", "#a06cc0", "#5bb5c9", "#b7669a", GREY)
"""Colours of lines that are compared: of different brightness too, for those who do not tell them apart by hue."""
WRITTEN_CLASSES = 12
"""With more classes than this a confusion matrix has no room for its counts."""
FLAT = 0.005
"""Shares that differ by less are drawn on an axis from 0 to 100 %, lest nothing look like something."""
MARKED_EPOCHS = 30
"""Of more epochs than this, the marks become small."""
TICK_LETTERS = 16
PEAK = 50
"""From so many times the median on, a peak asks for a logarithmic axis."""
GRID = "rgba(128,128,128,0.2)"


def _plain(figure: "go.Figure", *, height: int, dark: bool) -> "go.Figure":
    """No frame, no background, quiet lines."""
    ink = INK_DARK if dark else INK_LIGHT
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink, "size": 12},
        showlegend=False,
        bargap=0.02,
    )
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


def heatmap(
    values: NDArray[np.float32],
    *,
    signed_values: bool,
    dark: bool = False,
    height: int = 300,
    text: bool = False,
) -> "go.Figure":
    """A small matrix in colours: a kernel (signed) or its frequency response (magnitudes).

    Args:
        values: float32 (rows, columns).
        signed_values: diverging colours centred on zero instead of viridis.
        dark: for a dark page.
        height: of the chart, in pixels.
        text: write each value in its cell.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    extreme = float(np.abs(values).max(initial=0.0)) or 1.0
    anchors = DIVERGING_DARK if dark else DIVERGING_LIGHT
    scale = [[i / 6, f"rgb({r},{g},{b})"] for i, (r, g, b) in enumerate(anchors)]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            colorscale=scale if signed_values else "Viridis",
            zmin=-extreme if signed_values else 0.0,
            zmax=extreme,
            xgap=1 if text else 0,
            ygap=1 if text else 0,
            texttemplate="%{z:.3g}" if text else None,
            hovertemplate="row %{y}, column %{x}: %{z:.4g}<extra></extra>",
            colorbar={"thickness": 8, "len": 0.9},
        )
    )
    figure = _plain(figure, height=height, dark=dark)
    figure.update_yaxes(autorange="reversed", scaleanchor="x", visible=False)
    figure.update_xaxes(visible=False)
    return figure


def bars(values: NDArray[np.float32], *, dark: bool = False) -> "go.Figure":
    """One bar for each number of a layer without space: negative values red, the rest blue.

    Args:
        values: float32 (K,).
        dark: for a dark page.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    drawn = go.Bar(
        x=np.arange(values.size),
        y=values.ravel(),
        marker={"color": np.where(values.ravel() < 0, RED, BLUE), "line_width": 0},
        hovertemplate="unit %{x}: %{y:.4g}<extra></extra>",
    )
    figure = _plain(go.Figure(drawn), height=220, dark=dark)
    figure.update_layout(margin={"b": 24, "l": 40})
    return figure


def depth_profile(
    names: Sequence[str], curves: Mapping[str, Sequence[float]], *, log: bool = False, dark: bool = False
) -> "go.Figure":
    """Curves over the layers of a network, from pixels to classes.

    Args:
        names: the layers, in order.
        curves: for each name of a curve, a value a layer.
        log: a logarithmic axis.
        dark: for a dark page.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    figure = go.Figure()
    for (name, values), colour in zip(curves.items(), LINES, strict=False):
        figure.add_scatter(
            x=list(range(len(names))),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            customdata=list(names),
            hovertemplate="%{customdata}<br>" + name + ": %{y:.4g}<extra></extra>",
        )
    figure = _plain(figure, height=260, dark=dark)
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.15, "x": 0}, margin={"l": 48, "b": 90, "t": 30}
    )
    figure.update_xaxes(tickmode="array", tickvals=list(range(len(names))), ticktext=list(names), tickangle=40)
    figure.update_yaxes(type="log" if log else "linear", showgrid=True, gridcolor=GRID)
    return figure


def share_curves(shares: Sequence[float], curves: Mapping[str, Sequence[float]], *, dark: bool = False) -> "go.Figure":
    """Probabilities over the share of a picture that is hidden or shown; the first curve is drawn strong.

    Args:
        shares: 0–1, rising.
        curves: for each name of a curve, a probability a share.
        dark: for a dark page.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    figure = go.Figure()
    for number, ((name, values), colour) in enumerate(zip(curves.items(), LINES, strict=False)):
        figure.add_scatter(
            x=list(shares),
            y=list(values),
            name=name,
            mode="lines",
            line={"color": colour, "width": 3 if number == 0 else 1.5, "dash": "solid" if number == 0 else "dot"},
            hovertemplate="%{x:.0%}: %{y:.1%}<extra>" + name + "</extra>",
        )
    figure = _plain(figure, height=230, dark=dark)
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.32, "x": 0}, margin={"l": 44, "b": 30, "t": 44}
    )
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", showgrid=True, gridcolor=GRID)
    return figure


def stacked_bars(
    names: Sequence[str], counts: Mapping[str, Sequence[int]], *, dark: bool = False, height: int = 260
) -> "go.Figure":
    """Counts of several kinds, one bar on the other, for each name.

    Args:
        names: one for each bar.
        counts: for each kind its counts, as many as names.
        dark: for a dark page.
        height: of the chart, in pixels.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    names = [html.escape(name[:40]) for name in names]  # Plotly understands some HTML
    figure = go.Figure()
    for (kind, values), colour in zip(counts.items(), (BLUE, LINES[3], GREY), strict=False):
        figure.add_bar(
            x=list(range(len(names))),
            y=list(values),
            name=kind,
            marker={"color": colour, "line_width": 0},
            customdata=names,
            hovertemplate="%{customdata}: %{y:,} " + kind + "<extra></extra>",
        )
    figure = _plain(figure, height=height, dark=dark)
    figure.update_layout(
        barmode="stack",
        bargap=0.18,
        showlegend=True,
        legend={"orientation": "h", "y": 1.18, "x": 0, "traceorder": "normal"},
        margin={"l": 44, "b": 48, "r": 32, "t": 30},
    )
    some = range(0, len(names), max(1, -(-len(names) // 24)))
    figure.update_xaxes(
        tickmode="array", tickvals=list(some), ticktext=[names[place] for place in some], ticklabeloverflow="allow"
    )
    figure.update_yaxes(showgrid=True, gridcolor=GRID, tickformat=",d")
    return figure


def level_counts(counts: Mapping[str, NDArray[np.int64]], *, dark: bool = False, height: int = 240) -> "go.Figure":
    """How often each grey level occurs, as a share, a line for each channel.

    Args:
        counts: for each of ``red``, ``green``, ``blue`` or ``grey``, int (256,).
        dark: for a dark page.
        height: of the chart, in pixels.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    colours = {"red": RED, "green": LINES[2], "blue": BLUE, "grey": GREY}
    figure = go.Figure()
    for name, values in counts.items():
        figure.add_scatter(
            x=np.arange(len(values)),
            y=values / max(1, values.sum()),
            name=name,
            mode="lines",
            fill="tozeroy" if len(counts) == 1 else None,
            line={"color": colours[name], "width": 1.6, "shape": "hvh"},
            hovertemplate="level %{x}: %{y:.2%}<extra>" + name + "</extra>",
        )
    figure = _plain(figure, height=height, dark=dark)
    figure.update_layout(margin={"l": 52, "b": 30})
    figure.update_yaxes(showgrid=True, gridcolor=GRID, tickformat=".1%", rangemode="tozero")
    shares = np.concatenate([values / max(1, values.sum()) for values in counts.values()])
    if shares.max(initial=0) > PEAK * np.median(shares) > 0:  # black or white grounds would press all else flat
        figure.update_yaxes(type="log", title="log scale", tickformat=".2~%", dtick=1)
    return figure


def learning_curves(
    *,
    batches: Sequence[tuple[float, float]],
    epochs: Sequence[int],
    train: Sequence[float | None],
    validation: Sequence[float | None],
    percent: bool,
    best: int | None = None,
    last: int | None = None,
    changes: Sequence[tuple[float, str]] = (),
    dark: bool = False,
    height: int = 250,
) -> "go.Figure":
    """One figure of a training over its epochs: between them as a thin line, at their ends for both splits.

    Args:
        batches: places in epochs, such as 2.35 for within the third, with the figure there, smoothed.
        epochs: the numbers of whole epochs.
        train: for each of them the figure in training; None where it is not known.
        validation: likewise in validation.
        percent: the figure is a share, as accuracy is.
        best: an epoch to mark.
        last: the last epoch that is planned, so that the curve grows into its frame.
        changes: places in epochs where something was changed by hand, each with a word for it.
        dark: for a dark page.
        height: of the chart, in pixels.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    number = "%{y:.1%}" if percent else "%{y:.4g}"
    figure = go.Figure()
    if batches:
        figure.add_scatter(
            x=[place for place, _ in batches],
            y=[value for _, value in batches],
            mode="lines",
            line={"color": BLUE, "width": 1.2},
            opacity=0.55,
            showlegend=False,
            hovertemplate="after %{x:.2f} epochs: " + number + "<extra>batches, smoothed</extra>",
        )
    for name, values, colour, symbol in (
        ("training", train, BLUE, "circle"),
        ("validation", validation, RED, "diamond"),
    ):
        figure.add_scatter(
            x=list(epochs),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2.2},
            marker={"symbol": symbol, "size": 7 if len(epochs) <= MARKED_EPOCHS else 3},
            cliponaxis=False,  # the last epoch's mark lies on the frame
            hovertemplate="epoch %{x}: " + number + f"<extra>{name}</extra>",
        )
    figure = _over_epochs(figure, percent=percent, dark=dark, height=height)
    if best is not None:
        figure.add_vline(x=best, line={"color": GREY, "width": 1, "dash": "dot"})
    for place, word in changes:
        figure.add_vline(
            x=place,
            line={"color": GREY, "width": 1},
            annotation={"text": html.escape(word), "font": {"size": 10, "color": GREY}, "yanchor": "top"},
        )
    if last is not None:
        end = max(last, *epochs, 1)
        figure.update_xaxes(range=[0, end], dtick=_epochs_between_ticks(end))
    return figure


def compared_curves(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float | None]]],
    *,
    percent: bool,
    dark: bool = False,
    height: int = 260,
) -> "go.Figure":
    """The same figure of several runs over their epochs; from the ninth on, colours come again, dashed.

    Args:
        curves: for each run's name its epochs and a figure for each of them; None where it is not known.
        percent: the figure is a share, as accuracy is.
        dark: for a dark page.
        height: of the chart, in pixels.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    number = "%{y:.1%}" if percent else "%{y:.4g}"
    figure = go.Figure()
    for place, (name, (epochs, values)) in enumerate(curves.items()):
        shown = html.escape(name[:40])  # Plotly understands some HTML
        figure.add_scatter(
            x=list(epochs),
            y=list(values),
            name=shown,
            mode="lines+markers",
            line={
                "color": RUNS[place % len(RUNS)],
                "width": 2,
                "dash": ("solid", "dash", "dot")[place // len(RUNS) % 3],
            },
            marker={"size": 6 if len(epochs) <= MARKED_EPOCHS else 3},
            hovertemplate="epoch %{x}: " + number + f"<extra>{shown}</extra>",
        )
    rows = -(-len(curves) // 2)  # of the legend, two names a row where there is little room
    figure = _over_epochs(figure, percent=percent, dark=dark, height=height + 19 * max(0, rows - 2))
    last = max((epoch for epochs, _ in curves.values() for epoch in epochs), default=1)
    figure.update_xaxes(dtick=_epochs_between_ticks(last))
    return figure


def _epochs_between_ticks(last: int) -> int:
    """1, 2 or 5 times a power of ten, so that there are no more than twelve.

    >>> [_epochs_between_ticks(last) for last in (1, 12, 13, 60, 500)]
    [1, 1, 2, 5, 50]
    """
    power = 1
    while True:
        for each in (1, 2, 5):
            if last <= 12 * each * power:
                return each * power
        power *= 10


def _over_epochs(figure: "go.Figure", *, percent: bool, dark: bool, height: int) -> "go.Figure":
    """Whole epochs below, shares or numbers at the side, the names above."""
    figure = _plain(figure, height=height, dark=dark)
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"l": 48, "r": 16, "b": 40, "t": 30},
    )
    figure.update_xaxes(title={"text": "epoch", "standoff": 4}, tickformat="d", rangemode="tozero")
    figure.update_yaxes(showgrid=True, gridcolor=GRID, tickformat=".0%" if percent else ".3~g")
    values = [value for line in figure.data for value in line.y if value is not None]
    if not values or (percent and max(values) - min(values) < FLAT):
        figure.update_yaxes(range=[0, 1])
    return figure


def confusion_heatmap(
    matrix: NDArray[np.int64], class_names: Sequence[str], *, dark: bool = False, height: int = 420
) -> "go.Figure":
    """A confusion matrix: the colour is the share of a true class, the number how often.

    Args:
        matrix: int (K, K), a row a true class, a column what it was taken for.
        class_names: K names.
        dark: for a dark page.
        height: of the chart, in pixels.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - as above

    names = [html.escape(name[:40]) for name in class_names]
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    said = [
        [
            f"true {names[row]}, taken for {names[col]}: {matrix[row, col]:,} of {totals[row, 0]:,} "
            f"({100 * shares[row, col]:.0f} %)"
            for col in range(len(names))
        ]
        for row in range(len(names))
    ]
    written = len(names) <= WRITTEN_CLASSES
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            colorscale="Viridis",
            zmin=0.0,
            zmax=1.0,
            xgap=1 if written else 0,
            ygap=1 if written else 0,
            text=matrix,
            texttemplate="%{text:,}" if written else None,
            customdata=said,
            hovertemplate="%{customdata}<extra></extra>",
            colorbar={"thickness": 8, "len": 0.9, "tickformat": ".0%"},
        )
    )
    figure = _plain(figure, height=height, dark=dark)
    figure.update_layout(margin={"l": 8, "b": 8, "t": 8, "r": 8})
    some = list(range(0, len(names), max(1, -(-len(names) // 24))))
    brief = [html.escape(_cut(class_names[place])) for place in some]
    ticks = {"tickmode": "array", "tickvals": some, "ticktext": brief, "automargin": True}
    figure.update_xaxes(title={"text": "taken for", "standoff": 6}, **ticks)
    figure.update_yaxes(title={"text": "is", "standoff": 6}, autorange="reversed", **ticks)
    return figure


def _cut(name: str) -> str:
    """A name as there is room for it along an axis.

    >>> _cut("a tabby cat that sleeps"), _cut("T-shirt/top")
    ('a tabby cat tha…', 'T-shirt/top')
    """
    return name if len(name) <= TICK_LETTERS else name[: TICK_LETTERS - 1] + "…"
