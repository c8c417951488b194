"""Every published network, with random weights, goes through every page of networks."""

import pytest

from explorer.models import PRETRAINED
from explorer.ui import attribution_options, feature_options, filter_options
from tests.pages.visiting import Visits, component, looked, said

QUICK = ("MobileNetV3Small",)
PUBLISHED = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PRETRAINED]
FEATURE_MAPS = Visits("feature_maps", feature_options.TABS)
GRAD_CAM = Visits("grad_cam", attribution_options.TABS)
FILTERS = Visits("filters", filter_options.TABS)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.usefixtures("random_weights")
def test_every_published_network_goes_through_the_pages(name):
    columns = component(looked(FEATURE_MAPS.start(link={"model": name})), "glance")["columns"]
    side = PRETRAINED[name].size
    assert columns[0]["shape"] == f"{side} × {side} × 3"
    assert 4 <= len(columns) <= 11
    sides = [int(column["shape"].split(" × ")[0]) for column in columns[:-1] if column["look"] != "units"]
    assert sides == sorted(sides, reverse=True)
    assert all(column["channels"] for column in columns)
    assert columns[-1]["look"] == "classes"
    assert len(columns[-1]["labels"]) == 8
    why = looked(GRAD_CAM.start(link={"model": name}))
    assert component(why, "ledger")["channels"]
    assert len(why.radio(key="grad_cam.top").options) == 5
    grown = FILTERS.start(link={"model": name, "preset": "keras", "steps": "1", "channels": "0-2"})
    looked(grown.button(key="filters.grow").click().run())
    assert len(component(grown, "channel_grid")["channels"]) == 3
    assert "Keras example, with parts changed" in said(grown)
