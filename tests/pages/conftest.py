"""What tests of pages with networks share."""

import gc

import pytest

from explorer import models
from explorer.models import load_pretrained
from explorer.ui import cache


@pytest.fixture
def random_weights(monkeypatch):
    """Published networks with random weights, because theirs are not here; afterwards none of them is left."""
    monkeypatch.setattr(models, "load_pretrained", lambda name: load_pretrained(name, weights=None))
    monkeypatch.setattr(models, "fetch_weights", lambda *_: None)
    kept = (cache.network, cache.all_maps, cache.layers)
    for each in kept:
        each.clear()
    yield
    for each in kept:
        each.clear()
    gc.collect()
