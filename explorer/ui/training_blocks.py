"""Build your own: the table of blocks, as the person has edited it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer.blocks import ACTIVATIONS, KINDS, OPTIONS, RECIPES, Block, values
from explorer.errors import ModelError
from explorer.options import Number
from explorer.settings import MAX_BLOCKS
from explorer.ui import state
from explorer.ui import training_options as options

if TYPE_CHECKING:
    import pandas as pd

TABLE = f"{options.PAGE}.blocks"
FROM = f"{options.PAGE}.blocks_from"
KINDS_BY_TITLE = {kind.title: name for name, kind in KINDS.items()}
COLUMNS = ("kind", *OPTIONS)
Row = dict[str, Any]


def settle(*, arrived: bool) -> str | None:
    """Take what was typed into the table, before anything is drawn; the sentence that says what is wrong with it.

    Args:
        arrived: the person has just come to the page, where the table begins anew with the blocks there are.
    """
    if arrived or state.get(state.STACK_BASE) is None:
        begin_with(options.own_stack())
    base, version = state.get(state.STACK_BASE)
    edits = st.session_state.get(f"{TABLE}.{version}")
    try:
        options.put_stack(_blocks(edited([_row(each) for each in base], edits)))
    except ModelError as error:
        return str(error)
    return None


def begin_with(stack: Sequence[Block]) -> None:
    """Let the table show these blocks."""
    _, version = state.get(state.STACK_BASE) or ((), 0)
    state.put(state.STACK_BASE, (tuple(stack), version + 1))
    options.put_stack(stack)


def edited(rows: Sequence[Row], edits: object) -> list[Row]:
    """The rows with what ``st.data_editor`` keeps of a person's edits; what is no edit is left out.

    >>> edited([{"kind": "a"}, {"kind": "b"}], {"edited_rows": {1: {"kind": "c"}}, "deleted_rows": [0]})
    [{'kind': 'c'}]
    """
    if not isinstance(edits, Mapping):
        return list(rows)
    changed, deleted, added = (edits.get(name) for name in ("edited_rows", "deleted_rows", "added_rows"))
    changed = changed if isinstance(changed, Mapping) else {}
    gone = {each for each in deleted if isinstance(each, int)} if isinstance(deleted, list) else set()
    kept = [{**row, **_known(changed.get(place))} for place, row in enumerate(rows) if place not in gone]
    return [*kept, *(_known(each) for each in (added if isinstance(added, list) else ()))]


def _known(values_of_row: object) -> Row:
    if not isinstance(values_of_row, Mapping):
        return {}
    return {name: value for name, value in values_of_row.items() if name in COLUMNS}


def _row(each: Block) -> Row:
    uses = KINDS[each.kind].uses
    shown = {name: value if name in uses else None for name, value in values(each).items() if name != "kind"}
    return {"kind": KINDS[each.kind].title, **shown}


def _blocks(rows: Sequence[Row]) -> tuple[Block, ...]:
    """The stack of the table's rows; cells that are empty or that a kind has no use for are left at their defaults.

    Raises:
        ModelError: a value is not allowed, or there are too many rows.
    """
    if len(rows) > MAX_BLOCKS:
        raise ModelError(f"The table has {len(rows)} layers; {MAX_BLOCKS} is the limit.")
    return tuple(_block(row) for row in rows if row.get("kind"))


def _block(row: Row) -> Block:
    kind = KINDS_BY_TITLE.get(str(row["kind"]), str(row["kind"]))
    uses = KINDS[kind].uses if kind in KINDS else ()
    typed = {name: _plain(name, row.get(name)) for name in uses if row.get(name) is not None}
    if "pooling" in kind and "window" not in typed:
        typed["window"] = 2
    if "pooling" in kind and "stride" not in typed:
        typed["stride"] = typed["window"]
    return Block(kind, **typed)


def _plain(name: str, value: Any) -> Any:
    """What a cell holds; a browser sends whole numbers as they are, a table may give them as floats."""
    option = OPTIONS[name]
    if isinstance(option, Number) and option.whole and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def draw() -> None:
    """The table."""
    base, version = state.get(state.STACK_BASE)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        st.selectbox("Begin with", list(RECIPES), format_func=lambda name: RECIPES[name].title, key=FROM)
    with right:
        st.button("Copy it", key=f"{options.PAGE}.blocks_copy", on_click=_copy, width="stretch")
    # between them, for while a cell is chosen the table's own buttons lie on what is above it
    st.caption("One row a layer. Empty cells take the usual value. The last layer, one unit for each class, is added.")
    st.data_editor(
        _frame(base),
        key=f"{TABLE}.{version}",
        num_rows="dynamic",
        placeholder="",
        hide_index=True,
        height=284,
        column_config={
            "kind": st.column_config.SelectboxColumn("Layer", options=list(KINDS_BY_TITLE), required=True, width=150),
            **{name: _number_column(name) for name in ("filters", "units", "rate", "window", "stride")},
            "padding": st.column_config.SelectboxColumn("Padding", options=["valid", "same"]),
            "activation": st.column_config.SelectboxColumn("Activation", options=list(ACTIVATIONS)),
        },
    )


def _number_column(name: str) -> Any:
    option = OPTIONS[name]
    if not isinstance(option, Number):
        raise TypeError(name)
    return st.column_config.NumberColumn(
        option.label, min_value=option.low, max_value=option.high, step=option.step, width="small"
    )


def _frame(stack: Sequence[Block]) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 - Streamlit brings it, and needs it only for a table

    frame = pd.DataFrame([_row(each) for each in stack], columns=list(COLUMNS))
    for name in ("filters", "units", "window", "stride"):
        frame[name] = frame[name].astype("Int64")
    return frame


def _copy() -> None:
    begin_with(RECIPES[st.session_state[FROM]].blocks)
