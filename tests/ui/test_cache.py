"""What is kept between runs of a page."""

import gc

from explorer.ui import cache


def test_once_imported_tensorflow_is_left_out_when_garbage_is_looked_for(monkeypatch):
    done = []
    monkeypatch.setattr(gc, "collect", lambda: done.append("collect"))
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    cache.settle.clear()
    cache.settle()
    cache.settle()
    assert done == ["collect", "freeze"]
