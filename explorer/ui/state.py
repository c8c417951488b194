"""What a visitor's session remembers beyond the widgets themselves: every key, with its default, in one place.

Widgets have the key ``<page>.<name>``. The keys here begin with an underscore, so that no link can name them.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

PAGE = "_page"
"""The page of the last run, ``""`` before the first."""
LINKS = "_links"
"""What each page last wrote into the URL: page → {parameter: text}."""
SHARED = "_shared"
"""The page that has written its choices into the URL since the person came to it."""
VALUES = "_values"
"""The choices each page was last drawn with: page → {key: value}."""
SHELL = "_shell"
"""True while ``app.py`` runs a page."""
PICTURE = "_picture"
"""The chosen picture, which follows the person from page to page: ``pickers.Chosen`` or None."""
PREVIOUS_PICTURE = "_previous_picture"
"""The picture chosen before that one, for *Previous picture*."""
OWN_PICTURE = "_own_picture"
"""The last picture of the person's own, which a link can only point at within the session."""
NETWORK = "_network"
"""The chosen network's name, which follows the person from page to page."""
FIRST_LAYERS = "_first_layers"
"""The layer that each page opens the present network with: key of the page's control → path."""
OWN_NETWORK = "_own_network"
"""The uploaded network of this session: a ``Classifier`` or None."""
OWN_DATASET = "_own_dataset"
"""The pictures of the person's own that the Datasets page can open: ``dataset_options.Own`` or None."""
GOOD_OWN_DATASET = "_good_own_dataset"
"""The last of those that could be opened."""
DATASET = "_dataset"
"""What the Datasets page opened last: ``dataset_options.Asked`` or None."""
DATASET_PROBLEM = "_dataset_problem"
"""What could not be opened, and the sentence that says why: ``Asked.key`` and text, or None."""
VISITOR = "_visitor"
"""What tells the visitors of a public copy apart: 32 hexadecimal digits, also in a cookie."""
STORY = "_story"
"""What the Training page has read of the run it shows: ``training.Story`` or None."""
TRAINING_PROBLEM = "_training_problem"
"""Why the last press on the Training page did nothing, a sentence or None."""
OWN_STACK = "_own_stack"
"""The blocks of the visitor's own network: a tuple of ``blocks.Block``."""
SHOWN_RUN = "_shown_run"
"""The run that the Training page shows, by its name; "" for a new one."""
HELP_PROBLEM = "_help_problem"
"""Why they could not be begun, a sentence or None."""
STACK_BASE = "_stack_base"
"""What the table of blocks began with, and how often it has begun: a tuple of blocks and a number, or None."""
TAKEN = "_taken"
"""The last value taken from each picture widget: widget key → its identity, so that only a new one counts."""

EXPECTED = "_expected"
"""Keys of the controls whose value was set and whose widget has not been drawn since."""


def get(key: str, default: Any = None) -> Any:
    """The session's value, or the default."""
    return st.session_state.get(key, default)


def put(key: str, value: Any) -> None:
    """Remember a value for this session."""
    st.session_state[key] = value


def enter(page: str) -> bool:
    """Note that this run draws ``page``; true when the run before drew another (or there was none)."""
    arrived = bool(get(PAGE, "") != page)
    if arrived:
        put(SHARED, "")
    put(PAGE, page)
    return arrived


def is_shared(page: str) -> bool:
    """Whether the page has written its choices into the URL since the person came to it."""
    return bool(get(SHARED, "") == page)


def last_link(page: str) -> dict[str, str]:
    """What the page last wrote into the URL (nothing, before its first run)."""
    return dict(get(LINKS, {}).get(page, {}))


def last_values(page: str) -> dict[str, Any] | None:
    """The choices the page was last drawn with; None before its first run."""
    values = get(VALUES, {}).get(page)
    return None if values is None else dict(values)


def remember(page: str, link: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Keep what the page has just written into the URL and was drawn with."""
    put(SHARED, page)
    put(LINKS, {**get(LINKS, {}), page: dict(link)})
    put(VALUES, {**get(VALUES, {}), page: dict(values)})


def taken(key: str) -> Any:
    """What :func:`take` noted of a widget last."""
    return get(TAKEN, {}).get(key)


def take(key: str, identity: Any) -> None:
    """Note that a widget's value has been dealt with, so that only another one counts as new."""
    put(TAKEN, {**get(TAKEN, {}), key: identity})


def expect(key: str) -> None:
    """Note that a control's value was set, so that its widget has to tell the browser."""
    put(EXPECTED, get(EXPECTED, frozenset()) | {key})


def expected(key: str) -> bool:
    """Whether that was noted; it is forgotten now."""
    noted = get(EXPECTED, frozenset())
    if key in noted:
        put(EXPECTED, noted - {key})
    return key in noted
