"""Whose a training run is: on one's own machine everything is one's own, on a public copy a cookie tells who is who."""

import hashlib
import re
import secrets

import streamlit as st

from explorer import training
from explorer.ui import cache, state
from explorer.ui.browser import registered

COOKIE = "convnet_explorer_visitor"
TOKEN = re.compile(r"[0-9a-f]{32}")


def owner() -> str:
    """What runs of this visitor are marked with: "" on one's own machine, else a hash of the token."""
    if cache.limits().profile != "hosted":
        return ""
    return hashlib.sha256(_token().encode()).hexdigest()[:24]


def _token() -> str:
    """The visitor's token: from the cookie, else a new one, which :func:`remember` puts there."""
    token = state.get(state.VISITOR)
    if token is None:
        sent = st.context.cookies.get(COOKIE, "")
        token = sent if isinstance(sent, str) and TOKEN.fullmatch(sent) else secrets.token_hex(16)
        state.put(state.VISITOR, token)
    return str(token)


def remember() -> None:
    """Let the browser keep the token, so that a reloaded page still shows the visitor's runs.

    Where another tab has put one there first, that one becomes this session's, if it has no runs of its own yet.
    """
    if cache.limits().profile != "hosted":
        return
    told = st.session_state.get("visitor")
    found = told.get("token") if isinstance(told, dict) else None
    if isinstance(found, str) and TOKEN.fullmatch(found) and found != _token() and not training.list_runs(owner()):
        state.put(state.VISITOR, found)
        st.rerun()
    if st.context.cookies.get(COOKIE) != _token():
        registered("convnet_explorer_visitor", ("visitor.js",), ())(
            key="visitor", data={"name": COOKIE, "token": _token()}, on_token_change=_nothing
        )


def _nothing() -> None:
    """Without a callback Streamlit would not keep what the browser tells."""
