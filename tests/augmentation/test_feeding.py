"""The way into training: the pixels of the preview, anew in each epoch, and none of it for validation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer.augmentation import PRESETS, Augmentation, AugmentationError, applying, feeds, seeds
from tests.augmentation.oracles import EVERYTHING, noise

POLICY = EVERYTHING.but(rescale=None, mixup=0, cutmix=0)


def colour(n=10):
    return np.stack([noise(16, 20, seed=index) for index in range(n)])


def digits(n=10):
    return np.stack([noise(28, 28, 1, seed=index) for index in range(n)])


def numbers(seed, count):
    return [int(number) for number in seeds(seed).take(count).as_numpy_iterator()]


def listed(dataset):
    return list(dataset.as_numpy_iterator())


@pytest.mark.parametrize("images", [colour(), digits()], ids=["colour", "28×28"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_batches_are_those_of_augment(images, kind):
    """Batch number i is changed with seed number i."""
    batches = tf.data.Dataset.from_tensor_slices(images.astype(kind)).batch(4)
    made = listed(POLICY.map(batches, seed=3))
    assert [batch.shape for batch in made] == [(size, *images.shape[1:]) for size in (4, 4, 2)]
    for index, (batch, seed) in enumerate(zip(made, numbers(3, 3), strict=True)):
        assert batch.dtype == np.float32
        assert (batch == POLICY.augment(images[4 * index : 4 * index + 4], seed)).all()


@pytest.mark.parametrize("images", [colour(5), digits(5)], ids=["colour", "28×28"])
def test_single_pictures_are_those_of_sample(images):
    made = listed(POLICY.map(tf.data.Dataset.from_tensor_slices(images), seed=7))
    for one, image, seed in zip(made, images, numbers(7, 5), strict=True):
        assert (one == POLICY.sample(image, 1, seed)[0][0]).all()


def test_a_batch_of_one_picture_is_the_grid_of_the_preview():
    """Picture number i of a batch draws what version number i of a sample draws."""
    image = noise(16, 16)
    versions = POLICY.sample(image, 6, seed=9)[0]
    batch = np.broadcast_to(image, (6, 16, 16, 3))
    assert (POLICY.augment(batch, 9) == versions).all()
    fed = listed(POLICY.map(tf.data.Dataset.from_tensors(batch), seed=1))[0]
    assert (fed == POLICY.sample(image, 6, numbers(1, 1)[0])[0]).all()


def test_preview_replay_and_training_go_the_same_way(monkeypatch):
    """Whatever stands in for ``applying.apply`` is seen in all of them, picture by picture."""
    images, calls = colour(4), []

    def spy(policy, image, drawn):
        calls.append((policy, drawn["theta"]))
        return np.full_like(image, len(calls))

    monkeypatch.setattr(applying, "apply", spy)
    versions, drawn = POLICY.sample(images[0], 4, seed=2)
    assert versions[:, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert POLICY.replay(images[0], drawn)[:, 0, 0, 0].tolist() == [5, 6, 7, 8]
    fed = listed(POLICY.map(tf.data.Dataset.from_tensor_slices(images).batch(4), seed=2))[0]
    assert fed[:, 0, 0, 0].tolist() == [9, 10, 11, 12]
    assert {policy for policy, _ in calls} == {POLICY}
    assert [theta for _, theta in calls[:8]] == [one["theta"] for one in drawn] * 2


def test_the_rest_of_a_tuple_passes_through():
    images, labels, weights = colour(6), np.arange(6), np.linspace(0, 1, 6, dtype=np.float32)
    elements = tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(3)
    made = listed(POLICY.map(elements, seed=0))
    assert np.concatenate([batch[1] for batch in made]).tolist() == labels.tolist()
    assert np.concatenate([batch[2] for batch in made]).tolist() == weights.tolist()
    alone = listed(POLICY.map(elements.map(lambda images, *_: images), seed=0))
    assert all((pair[0] == batch).all() for pair, batch in zip(made, alone, strict=True))
    single = listed(POLICY.map(tf.data.Dataset.from_tensor_slices((images, labels)), seed=0))
    assert [int(label) for _, label in single] == labels.tolist()


def test_each_epoch_draws_anew_and_a_seed_reproduces_them_all():
    images = colour(6)
    policy = PRESETS["chollet"].policy

    def epochs(seed):
        fed = policy.map(tf.data.Dataset.from_tensor_slices(images).batch(3), seed=seed)
        return [np.concatenate(listed(fed)) for _ in range(3)]

    first, second, third = epochs(4)
    for one, other in ((first, second), (second, third), (first, third)):
        assert (one != other).any((1, 2, 3)).all()
    assert all((one == other).all() for one, other in zip(epochs(4), (first, second, third), strict=True))
    assert (epochs(5)[0] != first).any((1, 2, 3)).all()


def test_seeds_of_epochs_and_batches_are_all_different():
    fed = seeds(0).take(300)
    drawn = [int(number) for _ in range(3) for number in fed.as_numpy_iterator()]
    assert len(set(drawn)) == 900
    assert min(drawn) >= 0


@pytest.mark.parametrize("rescale", [None, 1 / 255, 2])
def test_rescale_multiplies_what_a_network_is_given_and_no_preview(rescale):
    images = colour(4)
    policy = POLICY.but(rescale=rescale)
    made = listed(policy.map(tf.data.Dataset.from_tensor_slices(images).batch(4)))[0]
    expected = policy.augment(images, numbers(0, 1)[0]).astype(np.float32)
    assert expected.max() > 200
    assert np.allclose(made, expected * (rescale or 1.0), rtol=1e-6)
    assert (POLICY.sample(images[0], 2)[0] == policy.sample(images[0], 2)[0]).all()


def test_static_shapes_are_kept():
    images = digits(8)
    for dataset in (
        tf.data.Dataset.from_tensor_slices(images),
        tf.data.Dataset.from_tensor_slices(images).batch(4),
        tf.data.Dataset.from_tensor_slices(images).batch(4, drop_remainder=True),
    ):
        made = POLICY.map(dataset).element_spec
        assert made.shape.as_list() == dataset.element_spec.shape.as_list()
        assert made.dtype == tf.float32
    labelled = tf.data.Dataset.from_tensor_slices((images, np.eye(8, dtype=np.float32))).batch(4, drop_remainder=True)
    pictures, labels = POLICY.but(mixup=1).map(labelled).element_spec
    assert pictures.shape.as_list() == [4, 28, 28, 1]
    assert labels.shape.as_list() == [4, 8]


def test_mixup_and_cutmix_blend_what_was_changed():
    images, labels = colour(6), np.eye(6, dtype=np.float32)
    for mixture in ({"mixup": 0.5}, {"cutmix": 1}, {"mixup": 0.5, "cutmix": 1}):
        policy = POLICY.but(**mixture)
        made, shares = listed(policy.map(tf.data.Dataset.from_tensor_slices((images, labels)).batch(6), seed=2))[0]
        seed = numbers(2, 1)[0]
        expected = policy.mix(policy.augment(images, seed), labels, seed)
        assert expected.kind in mixture
        assert (made == expected.images).all()
        assert (shares == expected.labels).all()


def test_the_pipeline_can_be_stopped_and_shuffled_and_repeated():
    fed = POLICY.map(tf.data.Dataset.from_tensor_slices(colour(6)).batch(2)).repeat(2).take(5)
    assert len(listed(fed)) == 5
    assert POLICY.map(tf.data.Dataset.from_tensor_slices(colour(6)).batch(2)).cardinality().numpy() == 3


NO_PICTURES = r"The dataset's elements have to be pictures"


@pytest.mark.parametrize(
    "dataset",
    [
        lambda: tf.data.Dataset.range(5),
        lambda: tf.data.Dataset.from_tensor_slices(np.zeros((4, 8))),
        lambda: tf.data.Dataset.from_tensors(np.zeros((2, 2, 8, 8, 3), np.uint8)),
        lambda: tf.data.Dataset.from_tensor_slices({"image": colour(2)}),
        lambda: tf.data.Dataset.from_tensor_slices((np.arange(2), colour(2))),
        lambda: tf.data.Dataset.from_tensor_slices(colour(2)).batch(2).map(lambda images: images[..., :2]),
        lambda: tf.data.Dataset.from_tensor_slices(np.zeros((2, 8, 8, 4), np.uint8)),
        lambda: tf.data.Dataset.from_generator(lambda: iter(colour(2)), tf.uint8),
    ],
    ids=["numbers", "rows", "films", "dictionaries", "labels first", "two channels", "four channels", "unknown shape"],
)
def test_elements_that_are_no_pictures_give_a_sentence(dataset):
    with pytest.raises(AugmentationError, match=NO_PICTURES):
        POLICY.map(dataset())


def test_pictures_divided_by_255_already_are_found_out():
    fed = POLICY.map(tf.data.Dataset.from_tensor_slices(colour(2) / 255).batch(2))
    with pytest.raises(tf.errors.OpError, match="change pictures before they are divided by 255"):
        listed(fed)


@pytest.mark.parametrize("policy", [Augmentation(mixup=0.2), Augmentation(cutmix=1)])
def test_a_mixture_without_one_hot_labels_gives_a_sentence(policy):
    images, labels = colour(4), np.arange(4)
    one_hot = np.eye(4, dtype=np.float32)
    for dataset in (
        tf.data.Dataset.from_tensor_slices(images).batch(2),
        tf.data.Dataset.from_tensor_slices((images, labels)).batch(2),
        tf.data.Dataset.from_tensor_slices((images, one_hot)),
    ):
        with pytest.raises(AugmentationError) as caught:
            policy.map(dataset)
        assert str(caught.value) == "MixUp and CutMix need batches of pictures with one-hot labels (N, K)."
    with pytest.raises(AugmentationError, match="one-hot labels"):
        feeds((images, labels), (images, labels), policy)
    fed = feeds((images, labels), (images, labels), policy, classes=4)[0]
    assert listed(fed)[0][1].shape == (4, 4)


@pytest.mark.parametrize("seed", [-1, 1.5, None])
def test_a_seed_that_is_none_gives_a_sentence(seed):
    with pytest.raises(AugmentationError, match="The seed is"):
        POLICY.map(tf.data.Dataset.from_tensor_slices(colour(2)), seed=seed)
    with pytest.raises(AugmentationError, match="The seed is"):
        POLICY.augment(colour(2), seed)


@pytest.mark.parametrize("shape", [(8, 8, 3), (2, 8, 8), (2, 8, 8, 4), (1, 2, 8, 8, 3)])
def test_what_is_no_batch_of_pictures_gives_a_sentence(shape):
    with pytest.raises(AugmentationError, match="has the shape"):
        POLICY.augment(np.zeros(shape, np.uint8), 0)


@pytest.mark.parametrize("images", [colour(11), digits(11)], ids=["colour", "28×28"])
@pytest.mark.parametrize("policy", [POLICY, EVERYTHING], ids=["levels", "rescaled and mixed"])
def test_validation_is_never_changed(images, policy):
    """Level for level, in its own order, in every epoch; only multiplied."""
    labels = np.arange(11) % 3
    _, validation = feeds((images, labels), (images, labels), policy, batch_size=4, classes=3, seed=1)
    for _ in range(2):
        batches = listed(validation)
        assert [len(batch) for batch, _ in batches] == [4, 4, 3]
        pictures = np.concatenate([batch for batch, _ in batches])
        if policy.rescale is None:
            assert (pictures == images).all()
        else:
            assert (pictures == images.astype(np.float32) * np.float32(policy.rescale)).all()
        assert (np.concatenate([targets for _, targets in batches]) == np.eye(3)[labels]).all()


def test_training_is_changed_and_shuffled_anew_in_each_epoch():
    images = np.stack([np.full((12, 12, 3), 10 * index + 5, np.uint8) for index in range(12)])
    labels = np.arange(12)
    train = feeds((images, labels), (images, labels), Augmentation(horizontal_flip=True), batch_size=5, seed=3)[0]
    orders = []
    for _ in range(3):
        batches = listed(train)
        assert [len(batch) for batch, _ in batches] == [5, 5, 2]
        order = np.concatenate([targets for _, targets in batches])
        pictures = np.concatenate([batch for batch, _ in batches])
        assert (pictures[:, 0, 0, 0] == 10 * order + 5).all()  # each still has its own label
        assert sorted(order) == list(range(12))
        orders.append(tuple(order))
    assert len({*orders, tuple(range(12))}) == 4
    again = feeds((images, labels), (images, labels), Augmentation(horizontal_flip=True), batch_size=5, seed=3)[0]
    assert [tuple(np.concatenate([targets for _, targets in listed(again)])) for _ in range(3)] == orders


def test_training_draws_from_the_policy():
    images, labels = np.repeat(colour(1), 8, axis=0), np.zeros(8, int)

    def epochs(seed):
        train, _ = feeds((images, labels), (images, labels), PRESETS["chollet"].policy, batch_size=8, seed=seed)
        return listed(train)[0][0], listed(train)[0][0]

    first, second = epochs(seed=6)
    assert (first != images).any((1, 2, 3)).all()
    assert (first != second).any((1, 2, 3)).all()
    assert len(np.unique(first.reshape(8, -1), axis=0)) == 8
    assert all((one == other).all() for one, other in zip(epochs(seed=6), (first, second), strict=True))
    assert (epochs(seed=7)[0] != first).any((1, 2, 3)).all()


def tiny(shape, classes):
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)
    return model


@pytest.mark.parametrize("images", [colour(24), digits(24)], ids=["colour", "28×28"])
def test_a_network_learns_from_it(images):
    labels = np.arange(24) % 3
    train, validation = feeds((images, labels), (images[:7], labels[:7]), EVERYTHING, batch_size=8, classes=3)
    model = tiny(images.shape[1:], 3)
    history = model.fit(train, validation_data=validation, epochs=2, shuffle=False, verbose=0).history
    assert len(history["loss"]) == len(history["val_loss"]) == 2
    assert np.isfinite(history["loss"] + history["val_loss"]).all()


def epochs_of(fed, count=2):
    """What a pipeline gives, epoch after epoch."""
    return [[np.asarray(images) for images, _ in fed] for _ in range(count)]


def test_the_seed_decides_alone_whatever_tensorflow_s_own_is():
    images, labels = colour(6), np.arange(6) % 2
    runs = []
    for own in (1, 2):
        tf.random.set_seed(own)
        fed, _ = feeds((images, labels), (images, labels), POLICY, batch_size=4, seed=5)
        runs.append(epochs_of(fed))
    for one, other in zip(*runs, strict=True):
        for first, second in zip(one, other, strict=True):
            np.testing.assert_array_equal(first, second)
    fed, _ = feeds((images, labels), (images, labels), POLICY, batch_size=4, seed=5 + 2**31 - 1)
    assert not np.array_equal(epochs_of(fed, 1)[0][0], runs[0][0][0])


def test_a_training_that_goes_on_draws_as_if_it_had_not_been_interrupted():
    images, labels = colour(6), np.arange(6) % 2
    pair = (images, labels)
    whole = epochs_of(feeds(pair, pair, POLICY, batch_size=4, seed=5)[0], 3)
    rest = epochs_of(feeds(pair, pair, POLICY, batch_size=4, seed=5, epoch=2)[0], 1)
    for one, other in zip(whole[2], rest[0], strict=True):
        np.testing.assert_array_equal(one, other)
    batches = tf.data.Dataset.from_tensor_slices(images).batch(3)
    mapped = POLICY.map(batches, seed=4)
    twice = [listed(mapped) for _ in range(2)]
    np.testing.assert_array_equal(twice[1][0], listed(POLICY.map(batches, seed=4, epoch=1))[0])


@pytest.mark.parametrize("policy", [POLICY, Augmentation()], ids=["changed", "as they are"])
def test_a_training_that_goes_on_within_an_epoch_is_given_the_rest_of_it(policy):
    """Pictures, changes and labels; the last batch is smaller."""
    pair = (colour(7), np.arange(7))
    whole = feeds(pair, pair, policy, batch_size=3, classes=7, seed=5, epoch=1)[0]
    expected = listed(whole)
    for start in range(3):
        rest, watched = feeds(pair, pair, policy, batch_size=3, classes=7, seed=5, epoch=1, start=start)
        assert int(rest.cardinality()) == 3 - start
        made = listed(rest)
        assert len(made) == len(expected[start:])
        for (images, labels), (other, others) in zip(made, expected[start:], strict=True):
            np.testing.assert_array_equal(images, other)
            np.testing.assert_array_equal(labels, others)
        assert len(listed(watched)) == 3


def test_mixtures_go_on_within_an_epoch():
    pair, policy = (colour(8), np.arange(8) % 4), POLICY.but(mixup=1.0, cutmix=1.0)
    whole = listed(feeds(pair, pair, policy, batch_size=2, classes=4, seed=2)[0])
    rest = listed(feeds(pair, pair, policy, batch_size=2, classes=4, seed=2, start=3)[0])
    np.testing.assert_array_equal(rest[0][0], whole[3][0])
    np.testing.assert_array_equal(rest[0][1], whole[3][1])


@pytest.mark.parametrize("start", [-1, 4, 100])
def test_more_batches_than_there_are_cannot_be_left_out(start):
    pair = (colour(7), np.arange(7))
    with pytest.raises(AugmentationError, match=f"{start} batches of 2 cannot be left out of 7 pictures"):
        feeds(pair, pair, POLICY, batch_size=2, start=start)


def test_how_many_batches_there_are_is_known():
    images, labels = colour(7), np.arange(7) % 2
    fed, watched = feeds((images, labels), (images[:3], labels[:3]), POLICY, batch_size=2)
    assert (int(fed.cardinality()), int(watched.cardinality())) == (4, 2)


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (np.arange(3), {}, "go together"),
        (np.arange(4), {"batch_size": 0}, "1 or more"),
        (np.arange(4), {"classes": 3}, "0 to 3; 3 classes"),
        (np.arange(4) / 2, {"classes": 3}, "whole numbers"),
    ],
)
def test_pictures_and_labels_that_do_not_go_together_give_a_sentence(labels, options, said):
    with pytest.raises(AugmentationError, match=said):
        feeds((colour(4), labels), (colour(4), np.arange(4)), POLICY, **options)
