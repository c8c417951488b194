"""Choices to the URL and back: arriving, leaving, the browser's Back, and values that no page would write."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ui import links


def page():
    """A page with three choices; ``elsewhere`` in the session stands for a visit to another page."""
    import streamlit as st

    from explorer.ui import links, state
    from explorer.ui.controls import Select, Switch, Whole

    controls = (
        Whole(key="toy.count", label="Count", default=3, low=1, high=9),
        Select(key="toy.kind", label="Kind", default="a", options={"a": "A", "b": "B"}),
        Switch(key="toy.on", label="On", default=False),
    )
    if st.session_state.get("elsewhere"):
        state.enter("other")
        if st.session_state["elsewhere"] == "on the way":
            st.query_params.from_dict(links.ahead("toy", controls))
    else:
        visit = links.restore("toy", controls)
        st.session_state["linked"] = visit.linked
        for note in visit.notes:
            st.info(note)
        st.caption(f"{visit.arrived} {[control.draw() for control in controls]}")
        links.share("toy", controls)


@pytest.fixture
def visit():
    def start(link=None):
        at = AppTest.from_function(page, default_timeout=30)
        at.query_params = dict(link or {})
        at.run()
        assert not at.exception
        return at

    return start


def shown(at):
    assert not at.exception
    return at.caption[0].value.partition(" ")[2]


def url(at):
    return {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}


def test_a_fresh_page_has_its_defaults_and_a_bare_url(visit):
    at = visit()
    assert shown(at) == "[3, 'a', False]"
    assert url(at) == {}
    assert not at.info


def test_a_link_sets_the_choices_and_stays_in_the_url(visit):
    link = {"toy.count": "7", "toy.kind": "b", "toy.on": "1"}
    at = visit(link)
    assert shown(at) == "[7, 'b', True]"
    assert url(at) == link
    assert at.number_input(key="toy.count").value == 7
    assert shown(at.run()) == "[7, 'b', True]"


def test_a_default_is_left_out_of_the_url(visit):
    at = visit({"toy.count": "3", "toy.on": "0", "toy.kind": "b"})
    assert url(at) == {"toy.kind": "b"}
    at.selectbox(key="toy.kind").set_value("a").run()
    assert url(at) == {}


@pytest.mark.parametrize(
    ("key", "value", "label"),
    [
        ("toy.count", "99", "count"),
        ("toy.count", "<b>1</b>", "count"),
        ("toy.count", "", "count"),
        ("toy.kind", "a" * 10_000, "kind"),
        ("toy.on", "yes", "on"),
    ],
)
def test_a_hostile_value_gives_the_default_and_a_note_without_it(visit, key, value, label):
    at = visit({key: value, "toy.kind": "b"} if key != "toy.kind" else {key: value})
    assert shown(at) == ("[3, 'b', False]" if key != "toy.kind" else "[3, 'a', False]")
    assert len(at.info) == 1
    assert f"“{label}”" in at.info[0].value
    assert not value or value not in at.info[0].value
    assert key not in url(at)
    assert not at.run().info  # said once


def test_an_unknown_choice_is_noted_and_left_out(visit):
    at = visit({"toy.colour": "red", "toy.count": "5"})
    assert shown(at) == "[5, 'a', False]"
    assert len(at.info) == 1
    assert "does not have" in at.info[0].value
    assert url(at) == {"toy.count": "5"}


def test_parameters_of_other_pages_are_none_of_ours(visit):
    at = visit({"kernels.stride": "4", "utm_source": "x"})
    assert shown(at) == "[3, 'a', False]"
    assert not at.info


def test_a_repeated_parameter_is_no_exception(visit):
    assert shown(visit({"toy.count": ["5", "6"]})) in ("[5, 'a', False]", "[6, 'a', False]")


@pytest.mark.parametrize("keeps_url", [False, True])
def test_choices_survive_a_visit_to_another_page(visit, keeps_url):
    at = visit()
    at.number_input(key="toy.count").set_value(8).run()
    at.toggle(key="toy.on").set_value(True).run()
    at.session_state["elsewhere"] = True
    at.query_params = {}
    at.run()
    assert not at.number_input
    at.session_state["elsewhere"] = False
    if keeps_url:
        at.query_params = {"toy.count": "8", "toy.on": "1"}
    at.run()
    assert at.caption[0].value.startswith("True ")
    assert shown(at) == "[8, 'a', True]"
    assert url(at) == {"toy.count": "8", "toy.on": "1"}


def test_another_link_for_the_page_one_was_on_wins_on_arrival(visit):
    at = visit()
    at.number_input(key="toy.count").set_value(8).run()
    at.session_state["elsewhere"] = True
    at.run()
    at.session_state["elsewhere"] = False
    at.query_params = {"toy.kind": "b"}
    assert shown(at.run()) == "[3, 'b', False]"


def test_back_undoes_choice_by_choice(visit):
    at = visit()
    at.number_input(key="toy.count").set_value(5).run()
    first = url(at)
    at.selectbox(key="toy.kind").set_value("b").run()
    assert shown(at) == "[5, 'b', False]"
    at.query_params = first
    assert shown(at.run()) == "[5, 'a', False]"
    at.query_params = {}
    assert shown(at.run()) == "[3, 'a', False]"
    at.query_params = {"toy.count": "5", "toy.kind": "b"}  # and Forward again
    assert shown(at.run()) == "[5, 'b', False]"


def test_a_change_that_arrives_with_an_older_url_is_not_undone(visit):
    at = visit()
    at.number_input(key="toy.count").set_value(5).run()
    at.query_params = {}  # the browser had not yet heard of the last URL when the next change was made
    at.number_input(key="toy.count").set_value(6).run()
    assert shown(at) == "[6, 'a', False]"
    assert url(at) == {"toy.count": "6"}


def test_a_browser_that_is_late_undoes_nothing_and_its_back_button_does(visit, monkeypatch):
    monkeypatch.setattr(links, "has_browser", lambda: True)
    at = visit({"toy.count": "5"})
    assert shown(at) == "[5, 'a', False]", "a link is taken on arrival"
    at.selectbox(key="toy.kind").set_value("b").run()
    at.query_params = {"toy.count": "5"}  # sent with a click on something else
    assert shown(at.run()) == "[5, 'b', False]"
    assert url(at) == {"toy.count": "5", "toy.kind": "b"}
    at.query_params = {"toy.count": "5"}
    monkeypatch.setattr(links, "get_script_run_ctx", lambda: SimpleNamespace(is_history_navigation=True))
    assert shown(at.run()) == "[5, 'a', False]"


@pytest.mark.parametrize("value", [99, "x", None, -1, True, [], {"a": 1}, float("nan")])
def test_nonsense_in_the_session_gives_the_default(value):
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["toy.count"] = value
    assert shown(at.run()) == "[3, 'a', False]"
    assert url(at) == {}


def test_a_page_that_is_gone_to_finds_its_link_written_and_takes_it_for_its_own(visit):
    at = visit({"toy.count": "7"})
    assert at.session_state["linked"]
    at.session_state["elsewhere"] = "on the way"
    at.session_state["toy.kind"] = "b"
    at.run()
    assert url(at) == {"toy.count": "7", "toy.kind": "b"}
    at.session_state["elsewhere"] = ""
    at.run()
    assert shown(at) == "[7, 'b', False]"
    assert url(at) == {"toy.count": "7", "toy.kind": "b"}
    assert not at.session_state["linked"]
