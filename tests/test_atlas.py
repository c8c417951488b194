import io
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from explorer import atlas
from explorer.ascent import PRESETS
from explorer.models import load_pretrained


@pytest.fixture(scope="module")
def network():
    return load_pretrained("EfficientNetLite0")


def test_it_was_grown_by_the_preset_as_it_is():
    assert atlas.atlas().recipe == asdict(PRESETS[atlas.atlas().preset].recipe)


def test_a_row_for_each_depth_and_one_of_classes():
    rows = atlas.rows()
    assert len(rows) == 10
    assert [len(row.shape) for row in rows] == [3] * 9 + [1]
    areas = [row.shape[0] for row in rows[:-1]]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 10 * areas[-1]


@pytest.mark.parametrize("row", atlas.rows(), ids=lambda row: row.layer)
def test_every_row_has_fourteen_different_patterns(row):
    side = atlas.atlas().side
    assert row.tiles.shape == (14, side, side, 3)
    assert row.tiles.dtype == np.uint8
    assert len(row.channels) == len(row.scores) == len(set(row.channels)) == 14
    assert all(tile.std() > 8 for tile in row.tiles), "a pattern is grey"
    assert len({tile.tobytes() for tile in row.tiles}) == 14
    assert min(row.scores) > 0


def test_tiles_are_cut_out_of_the_sheet_in_their_order(tmp_path):
    sheet = np.zeros((2, 6, 3), np.uint8)
    sheet[:, 2:4], sheet[:, 4:6] = 90, 200
    sheet[1, 4] = (255, 0, 0)
    Image.fromarray(sheet).save(tmp_path / "sheet.png")
    tiles = atlas.Row("layer", (3,), (0, 1, 2), (), (1.0, 2.0, 3.0), tmp_path / "sheet.png").tiles
    assert tiles[:, 0, 0, 0].tolist() == [0, 90, 200]
    assert tiles[2, 1].tolist() == [[255, 0, 0], [200, 200, 200]]


def test_nothing_is_decoded_before_it_is_looked_at(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("a sheet is read"))
    atlas.atlas.cache_clear()
    assert len(atlas.rows()) == 10


def test_the_files_are_small_and_none_is_left_over():
    files = [path for path in atlas.FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3e6
    assert {path for path in files if path.suffix == ".webp"} == {row.sheet for row in atlas.rows()}


def test_sheets_are_what_a_browser_reads():
    for row in atlas.rows():
        with Image.open(io.BytesIO(row.sheet.read_bytes())) as sheet:
            assert sheet.format == "WEBP"


def test_it_is_of_the_bundled_network(network):
    assert atlas.atlas().network == network.key
    for row in atlas.rows():
        output = network.model.get_layer(row.layer).output
        assert output.shape[1:] == row.shape, row.layer
        assert all(0 <= channel < row.shape[-1] for channel in row.channels)


def test_classes_have_their_names(network):
    *maps, classes = atlas.rows()
    assert classes.names == tuple(network.class_names[channel] for channel in classes.channels)
    assert not any(row.names for row in maps)
