import keras
import numpy as np
import pytest

from explorer.ascent import Selectivity, answers, checking, selectivity
from explorer.ascent.climbing import ascend
from explorer.errors import ImageInputError, LayerError, ModelError
from explorer.models import Classifier
from tests.models import networks


@pytest.fixture(scope="module")
def flat():
    """12 × 12 × 3; the layer conv1 with its ReLU, relu2 behind conv2."""
    return networks.classifier("flat")


@pytest.fixture(scope="module")
def probe():
    """Two channels that answer with red − 100 and 100 − red, a ReLU behind them; any size."""
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 1, name="signed")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="average")(keras.layers.ReLU(name="relu")(x))
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="classes")(x))
    model.set_weights([np.float32([[[[1, -1], [0, 0], [0, 0]]]]), np.float32([-100, 100])])
    return Classifier(model, ("red", "not red"), "probe")


def plain(red, size=(4, 4)):
    return np.full((*size, 3), (red, 7, 200), np.uint8)


def mean_by_loops(maps):
    """The mean of a map without its border of up to two cells, at most a quarter of a side at each end."""
    height, width = maps.shape[1:3]
    down, across = min(2, (height - 1) // 4), min(2, (width - 1) // 4)
    sums = sum(maps[:, row, col] for row in range(down, height - down) for col in range(across, width - across))
    return sums / ((height - 2 * down) * (width - 2 * across))


def relu2_by_keras(classifier, images):
    """The maps of relu2 by Keras's own call of each layer, in pictures of any size."""
    x = images.astype(np.float32)
    for name in ("scale", "conv1", "pool1", "conv2", "relu2"):
        x = classifier.model.get_layer(name)(x)
    return np.asarray(x)


@pytest.mark.parametrize("size", [(12, 12), (20, 15)])
def test_answers_are_the_layers_means_at_any_size(flat, size):
    pictures = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    found = answers(flat, "relu2", [4, 0], pictures)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, mean_by_loops(relu2_by_keras(flat, pictures))[:, [4, 0]], rtol=1e-5)


def test_the_objective_is_the_ascents(flat):
    pictures = networks.pictures(flat.model)
    maps = relu2_by_keras(flat, pictures)
    np.testing.assert_allclose(answers(flat, "relu2", [1], pictures, objective="centre")[:, 0], maps[:, 2, 2, 1], 1e-5)
    frame = list(ascend(flat, "relu2", [1, 3], steps=1, noise=100.0, step_size=0.005, contrast=0.0))[-1]
    np.testing.assert_allclose(np.diag(answers(flat, "relu2", [1, 3], frame.images)), frame.scores, rtol=0.02)


def test_many_pictures_go_in_bounded_batches(flat, monkeypatch):
    pictures = networks.pictures(flat.model, count=5)
    whole = answers(flat, "relu2", [0, 1], pictures)
    seen = []
    run = checking.outputs_of(checking.network_of(flat), "relu2", (12, 12))

    def counted(pixels):
        seen.append(len(pixels))
        return run(pixels)

    monkeypatch.setattr(checking, "MOST_PIXELS", 2 * 12 * 12)
    monkeypatch.setattr(checking, "outputs_of", lambda *_, **__: counted)
    np.testing.assert_allclose(answers(flat, "relu2", [0, 1], pictures), whole, rtol=1e-5)
    assert seen == [2, 2, 1]


def test_the_last_layer_answers_with_logits(probe):
    assert answers(probe, "classes", [0, 1], plain(130)[np.newaxis]).tolist() == [[30, 0]]


def test_downwards_a_relu_of_the_layers_own_is_left_out(probe):
    pictures = np.stack([plain(130), plain(40)])
    assert answers(probe, "relu", [0, 1], pictures).tolist() == [[30, 0], [0, 60]]
    assert answers(probe, "relu", [0, 1], pictures, direction=-1).tolist() == [[30, -30], [-60, 60]]


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"\(P, H, W, 3\)"),
        (np.zeros((1, 4, 4, 1), np.uint8), r"\(1, 4, 4, 1\)"),
        (np.zeros((0, 4, 4, 3), np.uint8), r"\(0, 4, 4, 3\)"),
    ],
)
def test_what_is_no_pictures_is_refused(probe, images, sentence):
    with pytest.raises(ImageInputError, match=sentence):
        answers(probe, "relu", [0], images)


def test_unknown_layers_channels_and_sizes_are_refused(probe, flat):
    pictures = plain(0)[np.newaxis]
    with pytest.raises(LayerError, match="no layer 'rely'"):
        answers(probe, "rely", [0], pictures)
    with pytest.raises(LayerError, match="channels 0 to 1; there is no 2"):
        answers(probe, "relu", [0, 2], pictures)
    with pytest.raises(LayerError, match="there is no -1"):
        answers(probe, "relu", [-1], pictures)
    with pytest.raises(LayerError, match="2 × 2 pixels"):
        answers(flat, "conv2", [0], np.zeros((1, 2, 2, 3), np.uint8))


def test_what_is_not_a_number_is_said(probe):
    broken = keras.models.clone_model(probe.model)
    broken.set_weights([np.full((1, 1, 3, 2), np.nan, np.float32), np.zeros(2, np.float32)])
    with pytest.raises(ModelError, match="not a number"):
        answers(broken, "signed", [0], plain(0)[np.newaxis])


def test_each_channel_is_compared_by_its_own_pattern(probe):
    photos = [("dusk", plain(110, (9, 5))), ("dawn", plain(130)), ("grey", np.full((3, 8, 1), 60, np.uint8))]
    red, other = selectivity(probe, "signed", [0, 1], np.stack([plain(200), plain(90)]), photos)
    assert (red.channel, red.reached, red.by_photo) == (0, 100, {"dusk": 10, "dawn": 30, "grey": -40})
    assert (red.nearest, red.best, red.lead, red.ahead) == ("dawn", 30, 70, 0)
    assert red.margin == pytest.approx(70 / np.std([10, 30, -40]))
    assert (other.channel, other.reached, other.by_photo) == (1, 10, {"dusk": -10, "dawn": -30, "grey": 40})
    assert (other.nearest, other.best, other.lead, other.ahead) == ("grey", 40, -30, 1)


def test_photos_are_seen_at_the_networks_own_size_and_patterns_at_theirs(flat):
    photo = np.random.default_rng(3).integers(0, 256, (30, 24, 3), np.uint8)
    pattern = np.random.default_rng(4).integers(0, 256, (1, 16, 16, 3), np.uint8)
    found = selectivity(flat, "relu2", [2], pattern, [("photo", photo)])[0]
    assert found.best == pytest.approx(float(mean_by_loops(relu2_by_keras(flat, flat.fit(photo)[0]))[0, 2]), rel=1e-5)
    assert found.reached == pytest.approx(float(mean_by_loops(relu2_by_keras(flat, pattern))[0, 2]), rel=1e-5)


def test_a_grey_network_sees_the_photo_as_it_would_at_a_prediction():
    grey = networks.classifier("grey")
    photo = np.random.default_rng(5).integers(0, 256, (28, 28, 3), np.uint8)
    found = selectivity(grey, "classes", [3], np.zeros((1, 28, 28, 1), np.uint8), [("photo", photo)])[0]
    assert found.best == pytest.approx(float(grey.logits(photo)[0, 3]), rel=1e-5)


def test_downwards_low_answers_win(probe):
    photos = [("dawn", plain(130)), ("dusk", plain(70))]
    found = selectivity(probe, "relu", [0], plain(0)[np.newaxis], photos, direction=-1)[0]
    assert (found.reached, found.nearest, found.best, found.lead, found.ahead) == (-100, "dusk", -30, 70, 0)
    assert "70 less than for dusk" in found.sentence


def test_one_pattern_for_each_channel_and_some_photo(probe):
    with pytest.raises(ImageInputError, match="1 patterns for 2 channels"):
        selectivity(probe, "relu", [0, 1], plain(0)[np.newaxis], [("a", plain(0))])
    with pytest.raises(ImageInputError, match="at least one photo"):
        selectivity(probe, "relu", [0], plain(0)[np.newaxis], [])


@pytest.mark.parametrize(
    ("reached", "photos", "direction", "sentence"),
    [
        (6, {"cat": 1.5, "wall": 0.5}, 1, "6 for the pattern, 4 times as much as for cat{of_two}: 1.5."),
        (6, {"cat": 1.5}, 1, "6 for the pattern, 4 times as much as for cat: 1.5."),
        (2, {"cat": -1.5, "wall": -3}, 1, "2 for the pattern, 3.5 more than for cat{of_two}: −1.5."),
        (-1, {"cat": -1.5, "wall": -3}, 1, "−1 for the pattern, 0.5 more than for cat{of_two}: −1.5."),
        (6, {"cat": 6.0000001, "wall": 3}, 1, "6 for the pattern, as much as for cat{of_two}: 6."),
        (2, {"cat": 0, "wall": 0}, 1, "2 for the pattern, 0 for the 2 photos."),
        (0, {"cat": 0, "wall": 0}, 1, "0 for the pattern and the 2 photos: nothing here makes it answer."),
        (-1, {"cat": 0, "wall": 0}, 1, "−1 for the pattern, but more for the 2 photos, most for cat: 0."),
        (2, {"cat": 3, "wall": 1}, 1, "2 for the pattern, but more for 1 of the 2 photos, most for cat: 3."),
        (2, {"cat": 3}, 1, "2 for the pattern, but more for the photo, most for cat: 3."),
        (-9, {"cat": -8, "wall": 4}, -1, "−9 for the pattern, 1 less than for cat{of_two}: −8."),
        (-7, {"cat": -8, "wall": 4}, -1, "−7 for the pattern, but less for 1 of the 2 photos, least for cat: −8."),
    ],
)  # fmt: skip
def test_sentences(reached, photos, direction, sentence):
    expected = f"Channel 3 gives {sentence}".replace("{of_two}", ", the nearest of the 2 photos")
    assert Selectivity(3, reached, photos, direction).sentence == expected


def test_photos_that_are_all_alike_give_no_margin():
    assert Selectivity(0, 5, {"a": 2, "b": 2.0000001}).margin is None
    assert Selectivity(0, 5, {"a": 0, "b": 0}).margin is None
    assert Selectivity(0, 5, {"a": 2}).margin is None
