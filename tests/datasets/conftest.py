"""What tests of datasets share: folders of their own, and no way out to the network."""

from dataclasses import replace

import pytest

from explorer import settings


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path):
    """Empty folders for the cache, for datasets put there by hand and for Keras, and no way out."""
    for variable, name in (("EXPLORER_CACHE_DIR", "cache"), ("EXPLORER_DATA_DIR", "data"), ("KERAS_HOME", "keras")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.delenv("EXPLORER_PROFILE", raising=False)
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def limited(monkeypatch):
    """Sets limits for one test: ``limited(max_dataset_files=3)``."""

    def limit(**limits):
        for profile in ("LOCAL", "HOSTED"):
            monkeypatch.setattr(settings, profile, replace(getattr(settings, profile), **limits))

    return limit
