"""Maps into pictures: known numbers, published recipes, honest ends, and nothing lost on the way."""

import time

import cv2
import numpy as np
import pytest

from explorer import figures, maps
from explorer.errors import LayerError
from explorer.maps.colours import MAGENTA, MID_GREY

VIRIDIS_LOW, VIRIDIS_HIGH = (68, 1, 84), (253, 231, 37)  # matplotlib's ends


def random_maps(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def chollet(channel_image):
    """Deep Learning with Python, listing 5.32, line by line."""
    channel_image = channel_image.astype(np.float64)
    channel_image -= channel_image.mean()
    channel_image /= channel_image.std()
    channel_image *= 64
    channel_image += 128
    return np.clip(channel_image, 0, 255).astype("uint8")


def viridis_of(levels):
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)


def test_each_is_the_books_program():
    layer = random_maps(9, 7, 5) * np.float32([0.01, 1, 50, 3, 7]) + np.float32(4)
    result = maps.coloured(layer, "each")
    for channel, tile in enumerate(result.tiles):
        np.testing.assert_array_equal(tile, viridis_of(chollet(layer[..., channel])))
    assert result.tiles.shape == (5, 9, 7, 3)
    assert (result.low, result.high) == (-2, 127 / 64)
    assert not result.constant.any()


def test_a_constant_map_is_mid_grey_and_said_so():
    layer = random_maps(4, 4, 4)
    layer[..., 1], layer[..., 2] = 0, 0.1
    result = maps.coloured(layer)
    assert result.constant.tolist() == [False, True, True, False]
    assert (result.tiles[1:3] == MID_GREY).all()
    assert "mid-grey" in result.legend
    assert "mid-grey" not in maps.coloured(layer[..., :1]).legend


def test_shared_keeps_maps_comparable():
    layer = random_maps(6, 6, 3) * np.float32([1, 1, 0.001])
    result = maps.coloured(layer, "shared")
    levels = chollet(layer.reshape(6, 18)).reshape(6, 6, 3)
    for channel, tile in enumerate(result.tiles):
        np.testing.assert_array_equal(tile, viridis_of(levels[..., channel]))
    assert len(np.unique(result.tiles[2].reshape(-1, 3), axis=0)) <= 2  # hardly anything happens in it


def test_the_clipped_share_is_counted():
    layer = np.zeros((10, 10, 1), np.float32)
    layer[0, 0] = 1  # 9.9 deviations above the mean
    assert maps.coloured(layer, "each").clipped.tolist() == [0.01]
    assert maps.coloured(layer, "raw").clipped.tolist() == [0]


def test_raw_goes_from_the_smallest_to_the_largest():
    layer = np.float32([[[2, 3], [6, 4]]])
    result = maps.coloured(layer, "raw")
    assert (result.low, result.high, result.signed) == (2, 6, False)
    np.testing.assert_allclose(result.tiles[0, 0], [VIRIDIS_LOW, VIRIDIS_HIGH], atol=3)


@pytest.mark.parametrize("dark", [False, True])
def test_raw_shows_signed_values_signed(dark):
    result = maps.coloured(np.float32([[[-1, 0], [4, -4]]]), "raw", dark=dark)
    anchors = figures.DIVERGING_DARK if dark else figures.DIVERGING_LIGHT
    assert (result.low, result.high, result.signed) == (-4, 4, True)
    assert tuple(result.tiles[0, 0, 1]) == anchors[-1]
    assert tuple(result.tiles[1, 0, 0]) == anchors[3]
    assert tuple(result.tiles[1, 0, 1]) == anchors[0]


@pytest.mark.parametrize("scale", maps.SCALES)
def test_chosen_channels_look_as_they_do_among_all(scale):
    layer = random_maps(5, 5, 8, seed=3)
    chosen = np.array([6, 0, 6])
    some, everything = maps.coloured(layer, scale, channels=chosen), maps.coloured(layer, scale)
    np.testing.assert_array_equal(some.tiles, everything.tiles[chosen])
    assert (some.low, some.high) == (everything.low, everything.high)


@pytest.mark.parametrize("scale", maps.SCALES)
@pytest.mark.parametrize("value", [0, 3, -3, 1e-30, 3e38])
def test_a_constant_layer_has_one_colour_and_finite_ends(scale, value):
    result = maps.coloured(np.full((3, 2, 4), value, np.float32), scale)
    assert result.constant.all()
    assert len(np.unique(result.tiles.reshape(-1, 3), axis=0)) == 1
    assert np.isfinite([result.low, result.high]).all()


@pytest.mark.parametrize("scale", maps.SCALES)
def test_what_is_no_number_is_magenta_and_said(scale):
    layer = random_maps(3, 3, 2)
    layer[0, 1, 0], layer[2, 2, 1], layer[1, 1, 1] = np.nan, np.inf, -np.inf
    result = maps.coloured(layer, scale)
    assert np.argwhere((result.tiles == MAGENTA).all(axis=3)).tolist() == [[0, 0, 1], [1, 1, 1], [1, 2, 2]]
    assert "no finite number" in result.legend
    assert np.isfinite([result.low, result.high]).all()


def test_statistics_against_numpy():
    layer = np.maximum(random_maps(6, 5, 4), 0)
    layer[..., 2] = 0
    found = maps.statistics(layer)
    for channel in range(4):
        values = layer[..., channel].astype(np.float64)
        assert found.mean[channel] == pytest.approx(values.mean())
        assert (found.maximum[channel], found.minimum[channel]) == (values.max(), values.min())
        assert found.zeros[channel] == pytest.approx(sum(v == 0 for v in values.ravel()) / 30)
    assert found.dead.tolist() == [False, False, True, False]
    assert not maps.statistics(np.full((2, 2, 1), np.nan, np.float32)).dead.any()


@pytest.mark.parametrize("sort", maps.SORTS)
def test_every_order_has_each_channel_once(sort):
    layer = np.maximum(random_maps(4, 4, 33), 0)
    layer[..., [3, 30]] = 0
    assert sorted(maps.order(layer, sort)) == list(range(33))
    assert sorted(maps.order(np.zeros((2, 2, 5), np.float32), sort)) == list(range(5))
    assert maps.order(layer * np.float32(1e37), sort).tolist() == maps.order(layer, sort).tolist()


def test_known_orders():
    #                     channel 0, 1, 2, 3
    layer = np.float32([[[1, 0, 9, 2], [1, 8, 0, 2], [1, 0, 0, 2]]])
    assert maps.order(layer, "index").tolist() == [0, 1, 2, 3]
    assert maps.order(layer, "mean").tolist() == [2, 1, 3, 0]
    assert maps.order(layer, "maximum").tolist() == [2, 1, 3, 0]
    assert maps.order(layer, "sparsity").tolist() == [0, 3, 1, 2]
    assert maps.order(layer * np.float32([1, 1, 1, 10]), "maximum").tolist() == [3, 2, 1, 0]


def test_similar_maps_are_neighbours():
    prototypes = np.eye(4, 16, dtype=np.float32) + np.float32(0.05)
    random = np.random.default_rng(1)
    kinds = random.permutation(np.repeat(np.arange(4), 6))
    layer = (prototypes[kinds] + random.normal(scale=0.01, size=(24, 16))).T.reshape(4, 4, 24).astype(np.float32)
    layer[..., 7] = 0
    chain = maps.order(layer, "similarity")
    changes = np.count_nonzero(np.diff(kinds[chain[:-1]]))
    assert changes == 3  # each kind in one piece
    assert chain[-1] == 7  # a dead map is like none


def test_wide_layers_stay_quick():
    layer = np.maximum(random_maps(7, 7, 2048), 0)
    times = []
    for _ in range(3):
        start = time.process_time()
        for sort in maps.SORTS:
            maps.order(layer, sort)
        times.append(time.process_time() - start)
    assert min(times) < 1.0


def test_pages_cover_everything_once_and_numbers_are_clamped():
    order = np.arange(2048)[::-1]
    first = maps.page(order, 0, 60)
    assert first.count == 35
    seen = np.concatenate([maps.page(order, number, 60).channels for number in range(first.count)])
    np.testing.assert_array_equal(seen, order)
    assert maps.page(order, -3, 60).number == 0
    assert maps.page(order, 10**9, 60).number == 34
    assert maps.page(order[:0], 4, 60).count == 1
    assert maps.page(order, 0, 0).count == 2048


def test_a_mosaic_repeats_small_tiles_exactly():
    tiles = np.random.default_rng(0).integers(0, 255, (5, 7, 7, 3), dtype=np.uint8)
    made = maps.mosaic(tiles, 3, gap=3, side=64, ground=(1, 2, 3))
    assert (made.side, made.columns, made.count) == (63, 3, 5)
    assert made.pixels.shape == (2 * 66 - 3, 3 * 66 - 3, 3)
    for place, tile in enumerate(tiles):
        top, left = place // 3 * 66, place % 3 * 66
        np.testing.assert_array_equal(made.pixels[top : top + 63, left : left + 63], np.kron(tile, np.ones((9, 9, 1))))
    assert (made.pixels[:, 63:66] == (1, 2, 3)).all()
    assert (made.pixels[66:, 132:] == (1, 2, 3)).all()


def test_a_mosaic_averages_large_tiles():
    tile = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3), dtype=np.uint8)
    made = maps.mosaic(tile, 8, side=16)
    means = tile[0].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(made.pixels, means, atol=0.51)
    assert made.columns == 1


def test_a_tile_that_is_not_square_keeps_its_form():
    made = maps.mosaic(np.full((1, 2, 6, 3), 9, np.uint8), 1, side=12, ground=(0, 0, 0))
    assert made.side == 12
    assert np.argwhere(made.pixels[..., 0]).min(axis=0).tolist() == [4, 0]
    assert np.argwhere(made.pixels[..., 0]).max(axis=0).tolist() == [7, 11]


def test_an_overlay_mixes_by_its_opacity():
    image = np.full((4, 6, 3), 100, np.uint8)
    values = np.float32([[0, 1, 2], [2, 1, 0]])
    np.testing.assert_array_equal(maps.overlay(image, values, opacity=0), image)
    full = maps.overlay(image, values, opacity=1)
    np.testing.assert_array_equal(full, np.kron(full[::2, ::2], np.ones((2, 2, 1))))  # squares
    np.testing.assert_allclose(full[0, [0, 5]], [VIRIDIS_LOW, VIRIDIS_HIGH], atol=3)
    half = maps.overlay(image, values, opacity=0.5).astype(float)
    np.testing.assert_allclose(half, (full.astype(float) + 100) / 2, atol=0.51)
    assert maps.overlay(image[..., 0], values).shape == (4, 6, 3)


def test_a_smooth_overlay_colours_values_between_not_colours_between():
    image = np.zeros((1, 100, 3), np.uint8)
    smooth = maps.overlay(image, np.float32([[0, 1]]), opacity=1, smooth=True)
    palette = {tuple(colour) for colour in viridis_of(np.arange(256, dtype=np.uint8)).reshape(-1, 3)}
    assert {tuple(colour) for colour in smooth[0]} <= palette
    assert len(np.unique(smooth[0], axis=0)) > 30


def test_an_overlay_takes_the_layers_ends_and_paints_what_is_no_number():
    image, values = np.zeros((2, 2, 3), np.uint8), np.float32([[-1, np.nan], [0, 1]])
    own = maps.overlay(image, values, opacity=1)
    assert own[0, 0].tolist() == list(figures.DIVERGING_LIGHT[0])
    assert own[0, 1].tolist() == list(MAGENTA)
    layers = maps.overlay(image, values, opacity=1, low=-1e6, high=1e6)
    assert np.ptp(layers[[0, 1, 1], [0, 0, 1]].astype(int), axis=0).max() == 0  # all near the layer's zero


def test_difference_and_cosine_against_plain_sums():
    a, b = random_maps(3, 4, 5), random_maps(3, 4, 5, seed=9)
    np.testing.assert_array_equal(maps.difference(a, b), a - b)
    dot = sum(float(x) * float(y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
    norms = sum(float(x) ** 2 for x in a.ravel()) * sum(float(y) ** 2 for y in b.ravel())
    assert maps.cosine(a, b) == pytest.approx(dot / norms**0.5)
    assert maps.cosine(a, 7 * a) == pytest.approx(1)
    assert maps.cosine(a, -a) == pytest.approx(-1)
    assert maps.cosine(a * 0, a * 0) == 1
    assert maps.cosine(a * 0, a) == 0
    for compare in (maps.difference, maps.cosine):
        with pytest.raises(LayerError, match=r"\(3, 4, 5\) and \(3, 4, 1\)"):
            compare(a, b[..., :1])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: maps.coloured(np.zeros((3, 3, 1), np.float32), "loud"), "'loud' is not known; it can be each, shared"),
        (lambda: maps.order(np.zeros((3, 3, 1), np.float32), "size"), "'size' is not known; it can be index"),
        (lambda: maps.coloured(np.zeros(10, np.float32)), "spatial output"),
        (lambda: maps.statistics(np.zeros((3, 0, 1), np.float32)), "spatial output"),
        (lambda: maps.coloured(np.zeros((3, 3, 2), np.float32), channels=np.array([0, 2])), "0 to 1; there is no 2"),
        (lambda: maps.mosaic(np.zeros((0, 3, 3, 3), np.uint8), 3), "at least one map"),
        (lambda: maps.mosaic(np.zeros((1, 3, 3, 3), np.uint8), 0), "1 or more columns"),
        (lambda: maps.mosaic(np.zeros((1, 3, 3, 3), np.uint8), 1, side=10**6), "1 to 1024 pixels"),
        (lambda: maps.overlay(np.zeros((3, 3, 3), np.uint8), np.zeros((3, 3, 1), np.float32)), "one channel"),
    ],
)
def test_what_does_not_suit_is_said_in_a_sentence(call, sentence):
    with pytest.raises(LayerError, match=sentence):
        call()


def test_the_argument_is_left_as_it_was():
    layer = random_maps(4, 4, 3)
    layer[0, 0, 0] = np.nan
    before = layer.copy()
    for scale in maps.SCALES:
        maps.coloured(layer, scale)
    for sort in maps.SORTS:
        maps.order(layer, sort)
    maps.overlay(np.zeros((8, 8, 3), np.uint8), layer[..., 0])
    np.testing.assert_array_equal(layer, before)
