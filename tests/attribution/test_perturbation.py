"""Occlusion and RISE on linear networks, whose score falls by weight times what is hidden, and against loops."""

import keras
import numpy as np
import pytest

from explorer.attribution import explain, passes
from explorer.attribution.perturbation import fill_of, patches_over, random_masks
from explorer.models import Classifier
from tests.models import networks

L = keras.layers
HEIGHT, WIDTH = 7, 10
WEIGHTS = np.random.default_rng(2).normal(0, 0.05, (HEIGHT, WIDTH)).astype(np.float32)
PICTURE = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH), np.uint8)


@pytest.fixture(scope="module")
def linear():
    """Logits (Σ w x + 1, 0)."""
    model = keras.Sequential([keras.Input((HEIGHT, WIDTH, 1)), L.Flatten(), L.Dense(2)])
    model.set_weights([np.stack([WEIGHTS.ravel(), np.zeros(HEIGHT * WIDTH)], axis=1), np.float32([1, 0])])
    return Classifier(model, ("sum", "nothing"), "linear")


def occlusion_by_loop(picture, fill, side, step):
    """Each patch by itself; the mean of what the score falls over the patches that cover a pixel."""
    tops = [0]
    while tops[-1] + side < HEIGHT:
        tops.append(tops[-1] + step)
    lefts = [0]
    while lefts[-1] + side < WIDTH:
        lefts.append(lefts[-1] + step)
    falls = {place: [] for place in np.ndindex(HEIGHT, WIDTH)}
    for top in tops:
        for left in lefts:
            inside = [(i, j) for i, j in falls if top <= i < top + side and left <= j < left + side]
            fall = sum(float(WEIGHTS[place]) * (float(picture[place]) - float(fill[place])) for place in inside)
            for place in inside:
                falls[place].append(fall)
    return np.array([np.mean(falls[place]) for place in np.ndindex(HEIGHT, WIDTH)]).reshape(HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("patch", "stride", "side", "step"), [(0.14, 1.0, 1, 1), (0.28, 1.0, 2, 2), (0.44, 0.5, 3, 2), (0.5, 0.25, 4, 1)]
)
def test_of_a_linear_network_occlusion_is_what_the_patches_hold(linear, patch, stride, side, step):
    found = explain(linear, PICTURE, method="occlusion", patch=patch, stride=stride, fill="black", target=0)
    expected = occlusion_by_loop(PICTURE, np.zeros((HEIGHT, WIDTH)), side, step)
    np.testing.assert_allclose(found.signed, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.values, np.maximum(expected, 0), rtol=1e-4, atol=1e-4)
    assert found.score == pytest.approx((WEIGHTS * PICTURE.astype(float)).sum() + 1, rel=1e-5)


@pytest.mark.parametrize("fill", ["mean", "blur"])
def test_patches_are_filled_as_asked(linear, fill):
    found = explain(linear, PICTURE, method="occlusion", patch=0.14, fill=fill, target=0)
    under = np.full((HEIGHT, WIDTH), PICTURE.mean())
    if fill == "blur":
        under = fill_of(PICTURE[np.newaxis, ..., np.newaxis].astype(np.float32), "blur")[0, ..., 0]
    np.testing.assert_allclose(found.signed, occlusion_by_loop(PICTURE, under, 1, 1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (224, 224), (28, 28), (13, 40)])
@pytest.mark.parametrize(("patch", "stride"), [(0.04, 0.25), (0.2, 0.5), (0.5, 1.0), (0.34, 0.75)])
def test_patches_cover_every_pixel_and_stay_inside(size, patch, stride):
    covered = np.zeros(size, int)
    for rows, cols in patches_over(*size, patch, stride):
        assert 0 <= rows.start < rows.stop <= size[0]
        assert 0 <= cols.start < cols.stop <= size[1]
        covered[rows, cols] += 1
    assert covered.min() >= 1


def test_fills_are_what_they_are_called():
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 24, 32, 3)).astype(np.float32)
    assert not fill_of(pixels, "black").any()
    assert (fill_of(pixels, "grey") == 128).all()
    np.testing.assert_allclose(fill_of(pixels, "mean")[0, 5, 5], pixels[0].reshape(-1, 3).mean(axis=0), rtol=1e-5)
    blur = fill_of(pixels, "blur")
    np.testing.assert_allclose(blur.mean(axis=(1, 2)), pixels.mean(axis=(1, 2)), rtol=0.02)
    assert blur.std() < 0.15 * pixels.std()
    for shape in ((1, 1, 2, 1), (1, 1, 1, 3)):
        for how in ("black", "grey", "mean", "blur"):
            assert fill_of(np.full(shape, 7, np.float32), how).shape == shape


def test_masks_are_smooth_shifted_and_kept_as_often_as_asked():
    masks = random_masks(np.random.default_rng(0), 400, (20, 31), 4, 0.3)
    assert masks.shape == (400, 20, 31)
    assert masks.dtype == np.float32
    assert masks.min() >= 0
    assert masks.max() <= 1
    np.testing.assert_allclose(masks.mean(axis=0), 0.3, atol=0.12)  # everywhere, also in the corners
    assert masks.mean() == pytest.approx(0.3, abs=0.015)
    assert np.abs(np.diff(masks, axis=1)).max() <= 1 / 5 + 1e-6  # a cell is 5 pixels high
    assert np.abs(np.diff(masks, axis=2)).max() <= 1 / 8 + 1e-6  # and 8 wide


def test_masks_are_shifted_by_up_to_a_cell_in_both_directions():
    """Two cells enlarged to 30 pixels: the slope between them ends at 21, less the shift of 0 to 9, if that is seen."""
    masks = random_masks(np.random.default_rng(0), 400, (20, 20), 2, 0.5)
    for axis in (1, 2):
        slopes = np.abs(np.diff(masks, axis=axis)).max(axis=3 - axis) > 1e-3
        ends = {int(np.flatnonzero(one)[-1]) for one in slopes if one.any()}
        assert ends == set(range(12, 19))


def rise_by_loop(masks, scores, kept):
    """The registry's formula, one mask after the other."""
    mean = sum(scores) / len(scores)
    total = np.zeros(masks.shape[1:])
    for mask, score in zip(masks.astype(float), scores, strict=True):
        total += (score - mean) * (mask - kept)
    return total / (len(masks) * kept * (1 - kept))


def test_rise_is_its_formula_over_the_masks_that_were_shown(linear, monkeypatch):
    real, shown = passes.masked_scores, []

    def listening(classifier, pixels, masks, fill):
        found = real(classifier, pixels, masks, fill)
        shown.append((masks, found[0][:, 0].astype(float), fill))
        return found

    monkeypatch.setattr(passes, "masked_scores", listening)
    found = explain(linear, PICTURE, method="rise", masks=96, cells=3, kept=0.4, target=0)
    (_, clean, _), *batches = shown
    assert clean.tolist() == pytest.approx([found.score])
    assert max(len(masks) for masks, _, _ in batches) <= 32
    masks, scores = np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches])
    assert len(masks) == 96
    np.testing.assert_allclose(found.signed, rise_by_loop(masks, scores, 0.4), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found.values, np.maximum(found.signed, 0))
    for mask, score in zip(masks[:5], scores[:5], strict=True):  # black where it is hidden
        assert score == pytest.approx((WEIGHTS * mask * PICTURE).sum(dtype=float) + 1, rel=1e-3, abs=1e-3)


def test_of_a_linear_network_rise_finds_weight_times_pixel():
    """Cells as fine as the pixels: the map's expectation is their share of the score, smoothed."""
    model = keras.Sequential([keras.Input((6, 6, 1)), L.Flatten(), L.Dense(2, use_bias=False)])
    weights = np.zeros((6, 6))
    weights[1:3, 1:3], weights[4:, 3:] = 0.1, -0.1
    model.set_weights([np.stack([weights.ravel(), np.zeros(36)], axis=1)])
    network = Classifier(model, ("sum", "nothing"), "linear")
    picture = np.full((6, 6), 100, np.uint8)
    maps = [explain(network, picture, method="rise", masks=2048, cells=6, target=0, seed=seed).raw for seed in (0, 1)]
    for one in maps:
        assert np.corrcoef(one.ravel(), weights.ravel())[0, 1] > 0.9
    assert np.abs(maps[0] - maps[1]).max() > 0
    again = explain(network, picture, method="rise", masks=2048, cells=6, target=0).raw
    np.testing.assert_array_equal(again, maps[0])


def test_a_score_that_is_high_all_the_time_moves_nothing(linear):
    """Less its mean: the second logit is always 0 here, the first one's bias is no evidence for any place."""
    found = explain(linear, PICTURE, method="rise", masks=32, target=1)
    assert not found.raw.any()
    assert "blank" in found.notes[0]


@pytest.mark.parametrize(
    ("method", "options", "things", "total"),
    [("occlusion", {"patch": 0.14, "stride": 1.0}, "patches", 70), ("rise", {"masks": 128}, "masks", 128)],
)
def test_work_tells_how_far_it_is_and_can_be_stopped(linear, method, options, things, total):
    done = []
    explain(linear, PICTURE, method=method, on_progress=done.append, **options)
    assert done == [min(1, 32 * (i + 1) / total) for i in range(-(-total // 32))]
    asked = iter([False, True])
    found = explain(linear, PICTURE, method=method, target=0, cancelled=lambda: next(asked), **options)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"Stopped after 32 of {total} {things}: ")
    assert found.raw.any()
    if method == "occlusion":  # three rows of ten and two pixels
        assert found.raw.ravel()[:32].all()
        assert not found.raw.ravel()[32:].any()
    found = explain(linear, PICTURE, method=method, cancelled=lambda: True, **options)
    assert not found.raw.any()
    assert [note[:15] for note in found.notes] == ["Stopped after 0"]


@pytest.mark.parametrize("method", ["occlusion", "rise"])
def test_the_likeliest_class_is_that_of_the_whole_picture(linear, method):
    for picture in (PICTURE, np.where(WEIGHTS > 0, 0, 255).astype(np.uint8)):
        asked = explain(linear, picture, method=method, **({"masks": 64} if method == "rise" else {}))
        likeliest = int(linear.logits(picture)[0].argmax())
        assert asked.target.index == likeliest
        named = explain(linear, picture, method=method, target=likeliest, **({"masks": 64} if method == "rise" else {}))
        np.testing.assert_array_equal(asked.raw, named.raw)


def test_occlusion_covers_what_a_real_network_looks_at():
    """The only bright square of a black picture, where all weights are positive."""
    network = networks.classifier("grey")
    picture = np.zeros((28, 28), np.uint8)
    picture[4:10, 16:22] = 255
    found = explain(network, picture, method="occlusion", patch=0.2, fill="black", target=3)
    inside = found.values[2:12, 14:24].sum()
    assert inside > 0.6 * found.values.sum()
