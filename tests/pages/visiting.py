"""Opening a page of networks by itself, with choices, and reading what it shows."""

import json

from streamlit.testing.v1 import AppTest

from explorer.settings import ROOT

PATIENCE = 120
HOSTILE = [99, -1, 10**30, float("nan"), "x", "../../etc/passwd", None, True, [], {"a": 1}, b"x", object()]


class Visits:
    """Visits to one page.

    ``tabs`` is the page's control of tabs, so that ``tab="code"`` opens one by its name.
    """

    def __init__(self, page, tabs):
        self.page, self.tabs = page, tabs

    def start(self, network=None, link=None, **session):
        """The page with an own network, or with the bundled one."""
        at = AppTest.from_file(str(ROOT / "pages" / f"{self.page}.py"), default_timeout=PATIENCE)
        if network is not None:
            at.session_state["_own_network"] = network
            at.session_state["_network"] = "own"
            link = {"model": "own"} | link if link else None
        at.query_params = {f"{self.page}.{name}": value for name, value in (link or {}).items()}
        if session.get("tab") in self.tabs.options:
            session["tab"] = self.tabs.options[session["tab"]]
        for name, value in session.items():
            at.session_state[f"{self.page}.{name}"] = value
        return at.run()

    def url(self, at):
        """What the page wrote into its link."""
        given = {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}
        return {key.removeprefix(f"{self.page}."): value for key, value in given.items()}


def looked(at):
    """The page, which has shown what it was asked for."""
    assert not at.exception
    assert not at.error
    return at


def component(at, name):
    """What a browser component was given, by the end of its name; None where it is not drawn."""
    found = [each for each in at.get("bidi_component") if each.proto.component_name.endswith(name)]
    return json.loads(found[0].proto.json) if found else None


def said(at):
    """Captions and paragraphs."""
    return "\n".join(each.value for each in [*at.caption, *at.markdown])


def nonsense(controls, turn):
    """A nonsense value for each of a page's controls but the tabs: in six turns every other one of them."""
    names = [control.key.partition(".")[2] for control in controls]
    return {name: HOSTILE[(place + 2 * turn) % len(HOSTILE)] for place, name in enumerate(names) if name != "tab"}
