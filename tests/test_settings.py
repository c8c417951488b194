"""What the environment says of training, and what it may not say."""

from pathlib import Path

import platformdirs
import pytest

from explorer import settings
from explorer.errors import ExplorerError


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    for variable in ("EXPLORER_PROFILE", *settings.VARIABLES[:6]):
        monkeypatch.delenv(variable, raising=False)


def test_runs_lie_where_the_platform_has_its_data_or_where_it_is_said(monkeypatch, tmp_path):
    own = platformdirs.user_data_path(settings.NAME, appauthor=False)
    assert settings.current().runs_dir == own / "runs"
    monkeypatch.setenv("EXPLORER_RUNS_DIR", f"  {tmp_path}/runs ")
    assert settings.current().runs_dir == tmp_path / "runs"
    monkeypatch.setenv("EXPLORER_RUNS_DIR", "~/runs")
    assert settings.current().runs_dir == Path.home() / "runs"
    monkeypatch.setenv("EXPLORER_RUNS_DIR", " ")
    assert settings.current().runs_dir == own / "runs"


@pytest.mark.parametrize("profile", ["local", "hosted"])
def test_numbers_of_training_are_read_each_time(monkeypatch, profile):
    monkeypatch.setenv("EXPLORER_PROFILE", profile)
    assert (settings.current().runs_at_once, settings.current().spare) == (2, True)
    for text, count in (("1", 1), (" 64 ", 64), ("", 2)):
        monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", text)
        assert settings.current().runs_at_once == count
    for text, spare in (("0", False), ("1", True), (" ", True)):
        monkeypatch.setenv("EXPLORER_SPARE", text)
        assert settings.current().spare is spare


@pytest.mark.parametrize("variable", ["EXPLORER_RUNS_AT_ONCE", "EXPLORER_SPARE"])
@pytest.mark.parametrize("text", ["two", "-1", "1.0", "65", "1e0", "٢", "True", "9" * 5_000, "0x1"])
def test_numbers_that_are_none_give_a_sentence(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    with pytest.raises(ExplorerError) as caught:
        settings.current()
    least, most = (1, 64) if variable == "EXPLORER_RUNS_AT_ONCE" else (0, 1)
    assert str(caught.value).startswith(f"{variable} is '")
    assert str(caught.value).endswith(f"; it is a whole number from {least} to {most}.")
    assert len(str(caught.value)) < 200


def test_no_run_at_once_is_not_allowed(monkeypatch):
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "0")
    with pytest.raises(ExplorerError, match="from 1 to 64"):
        settings.current()
