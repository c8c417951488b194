"""MixUp and CutMix: against Keras's layers with the same weights, partners and boxes."""

import keras
import numpy as np
import pytest

from explorer.augmentation import Augmentation, AugmentationError
from explorer.augmentation.mixing import _boxes
from tests.augmentation.oracles import apart

N, HEIGHT, WIDTH, CLASSES = 24, 12, 20, 5


def batch(channels=3, seed=0, n=N):
    numbers = np.random.default_rng(seed)
    images = numbers.integers(0, 256, (n, HEIGHT, WIDTH, channels), np.uint8)
    return images, np.eye(CLASSES, dtype=np.float32)[numbers.integers(CLASSES, size=n)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [0.2, 1])
def test_mixup_is_that_of_keras(alpha, channels):
    images, labels = batch(channels)
    made = Augmentation(mixup=alpha).mix(images, labels, seed=3)
    layer = keras.layers.MixUp(alpha=alpha)
    same = {"mix_weight": made.weights.astype(np.float32), "permutation_order": made.partners}
    assert made.kind == "mixup"
    assert made.images.dtype == np.uint8
    assert made.labels.dtype == np.float32
    assert apart(made.images, layer.transform_images(images, same)).max() < 0.51
    assert np.allclose(made.labels, layer.transform_labels(labels, same), atol=1e-6)
    assert (made.boxes == 0).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [0.3, 1])
def test_cutmix_is_that_of_keras(alpha, channels):
    """Keras paints a mask for the corners of a box, and takes the weight from its area."""
    images, labels = batch(channels)
    made = Augmentation(cutmix=alpha).mix(images, labels, seed=4)
    layer = keras.layers.CutMix()
    top, left, height, width = made.boxes.T.astype(np.float32)
    masks, weights = layer._generate_batch_mask(images.shape, (left, left + width, top, top + height))
    same = {"batch_masks": masks, "mix_weight": weights, "permutation_order": made.partners}
    assert made.kind == "cutmix"
    assert (made.images == np.asarray(layer.transform_images(images, same))).all()
    assert np.allclose(made.weights, np.ravel(weights))
    assert np.allclose(made.labels, layer.transform_labels(labels, same), atol=1e-6)


def test_labels_of_cutmix_are_the_areas_that_are_seen():
    """Also where a box was cut off at the border: pictures all of one level tell whose pixels are whose."""
    images = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, HEIGHT, WIDTH, 1)).copy()
    cut_off = 0
    for seed in range(10):
        made = Augmentation(cutmix=1).mix(images, np.eye(40), seed)
        for index, picture in enumerate(made.images):
            seen = np.bincount(picture.ravel(), minlength=40) / picture.size
            assert np.allclose(made.labels[index], seen, atol=1e-6)
        top, left, height, width = made.boxes.T
        at_border = (top == 0) | (left == 0) | (top + height == HEIGHT) | (left + width == WIDTH)
        cut_off += int((at_border & (height * width > 0)).sum())
    assert cut_off > 100


def test_boxes_have_the_share_of_the_area_and_their_centre_anywhere():
    weights = np.full(3000, 0.75)
    top, left, height, width = _boxes(np.random.default_rng(0), weights, 40, 60).T
    uncut = (top > 0) & (left > 0) & (top + height < 40) & (left + width < 60)
    assert set(height[uncut]) == {20}
    assert set(width[uncut]) == {30}
    assert (height <= 20).all()
    assert (width <= 30).all()
    # A box of half the side around a centre anywhere loses an eighth of its side on average to the border.
    assert height.mean() == pytest.approx(20 * 0.875, rel=0.02)
    assert width.mean() == pytest.approx(30 * 0.875, rel=0.02)
    assert min(height.min(), width.min()) >= 10


@pytest.mark.parametrize("alpha", [0.2, 1, 2])
def test_weights_of_mixup_are_drawn_from_beta(alpha):
    images = np.zeros((2000, 1, 1, 1), np.uint8)
    made = Augmentation(mixup=alpha).mix(images, np.ones((2000, 1)), seed=1)
    assert made.weights.mean() == pytest.approx(0.5, abs=0.03)
    assert made.weights.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)
    assert sorted(made.partners) == list(range(2000))
    assert (made.partners != np.arange(2000)).mean() > 0.99


def test_a_coin_decides_where_both_are_asked_for():
    images, labels = batch()
    kinds = [Augmentation(mixup=0.2, cutmix=1).mix(images, labels, seed).kind for seed in range(200)]
    assert kinds.count("mixup") + kinds.count("cutmix") == 200
    assert 70 < kinds.count("mixup") < 130


@pytest.mark.parametrize("policy", [Augmentation(mixup=0.4), Augmentation(cutmix=1), Augmentation(mixup=1, cutmix=1)])
def test_labels_still_sum_to_1_and_the_batch_that_came_stays(policy):
    images, labels = batch()
    before = images.copy(), labels.copy()
    for seed in range(6):
        made = policy.mix(images, labels, seed)
        assert np.allclose(made.labels.sum(1), 1)
        assert made.images.shape == images.shape
        assert (made.images != images).any()
    assert (images == before[0]).all()
    assert (labels == before[1]).all()


def test_soft_labels_can_be_mixed_again():
    images, labels = batch()
    policy = Augmentation(mixup=1)
    once = policy.mix(images, labels, 1)
    twice = policy.mix(once.images, once.labels, 2)
    expected = twice.weights[:, None] * once.labels + (1 - twice.weights[:, None]) * once.labels[twice.partners]
    assert np.allclose(twice.labels, expected, atol=1e-6)


def test_a_seed_reproduces_and_another_does_not():
    images, labels = batch()
    for policy in (Augmentation(mixup=0.4), Augmentation(cutmix=1)):
        first, again, other = (policy.mix(images, labels, seed) for seed in (5, 5, 6))
        assert (first.images == again.images).all()
        assert (first.labels == again.labels).all()
        assert (first.partners == again.partners).all()
        assert (first.partners != other.partners).any()


def test_without_either_a_batch_is_as_it_came():
    images, labels = batch()
    made = Augmentation(rotation_range=40).mix(images, labels, 0)
    assert made.kind == ""
    assert (made.images == images).all()
    assert (made.labels == labels).all()
    assert (made.weights == 1).all()
    assert (made.partners == np.arange(N)).all()


def test_an_empty_batch_stays_empty():
    images, labels = batch(n=0)
    made = Augmentation(mixup=1).mix(images, labels, 0)
    assert made.images.shape == (0, HEIGHT, WIDTH, 3)
    assert made.labels.shape == (0, CLASSES)


@pytest.mark.parametrize("labels", [np.zeros(N), np.zeros((N - 1, CLASSES)), np.zeros((N, 1, CLASSES))])
def test_labels_that_are_not_a_row_for_each_picture_give_a_sentence(labels):
    with pytest.raises(AugmentationError) as caught:
        Augmentation(mixup=1).mix(batch()[0], labels, 0)
    assert str(caught.value) == (
        "MixUp and CutMix need one-hot labels, a row for each of the 24 pictures, "
        f"not an array of the shape {labels.shape}."
    )
