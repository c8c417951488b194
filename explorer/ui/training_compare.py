"""Runs beside each other: curves overlaid, figures in a table."""

import streamlit as st

from explorer import charts
from explorer.training import Run
from explorer.ui import frame, trained
from explorer.ui import training_options as options
from explorer.ui.training_live import rates

PAGE = options.PAGE
CHOSEN = f"{PAGE}.compared"
FIRST = 4
"""Runs that are compared where nobody has chosen."""
MOST = 8


def draw() -> None:
    """The tab."""
    runs = {run.id: run for run in trained.runs() if trained.summary(run).epoch}
    if not runs:
        st.info("Runs that have an epoch behind them come here, to be compared.")
        return
    names = trained.labels()
    chosen = [each for each in st.session_state.get(CHOSEN, []) if each in runs] or list(runs)[:FIRST]
    st.session_state[CHOSEN] = chosen
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        chosen = st.multiselect("Runs", list(runs), format_func=names.__getitem__, key=CHOSEN, max_selections=MOST)
    with right:
        figure = options.FIGURE.draw()
    histories = {run_id: runs[run_id].history() for run_id in chosen}
    chart = charts.compared_curves(
        {names[run_id]: (history["epoch"], history[figure]) for run_id, history in histories.items()},
        percent=figure.endswith("accuracy"),
        dark=frame.is_dark(),
    )
    frame.chart(
        chart, key=f"{PAGE}.compared_chart", alt=f"{options.FIGURE.options[figure]} by epoch of {len(chosen)} runs"
    )
    _draw_table([runs[run_id] for run_id in chosen], names)


def _draw_table(runs: list[Run], names: dict[str, str]) -> None:
    summaries = [trained.summary(run) for run in runs]
    configs = [run.config for run in runs]
    st.dataframe(
        {
            "run": [names[run.id] for run in runs],
            "optimizer": [
                f"{config.optimizer}, {rates(config.learning_rate, summary.steered)}"
                for config, summary in zip(configs, summaries, strict=True)
            ],
            "batch": [config.batch_size for config in configs],
            "augmented": ["yes" if config.augmentation.active else "no" for config in configs],
            "parameters": [summary.parameters for summary in summaries],
            "epochs": [summary.epoch for summary in summaries],
            "best validation": [100 * summary.best[0] if summary.best else None for summary in summaries],
            "test": [None if summary.tested is None else 100 * summary.tested for summary in summaries],
        },
        hide_index=True,
        key=f"{PAGE}.compared_table",
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "best validation": st.column_config.NumberColumn(format="%.1f %%"),
            "test": st.column_config.NumberColumn(format="%.1f %%"),
        },
    )
