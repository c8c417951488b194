"""Confusions and the figures of classes against loops and the definitions by hand; files that are no test results."""

import math

import numpy as np
import pytest

from explorer.training.folder import Folder
from explorer.training.judging import (
    ClassFigures,
    Judged,
    class_figures,
    confusion,
    mistakes,
    most_confused,
    read_judged,
)

NAMES = ["coat", "shirt", "bag", "boot"]


@pytest.fixture
def answers():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 200)  # there is no boot
    raw = rng.random((200, 4)) ** 3 + 0.6 * np.eye(4)[labels]
    raw[:, 2] = np.where(labels == 2, raw[:, 2], 0)
    return (raw / raw.sum(1, keepdims=True)).astype(np.float32), labels


def test_a_confusion_is_counted_picture_by_picture(answers):
    probabilities, labels = answers
    predicted = Judged(probabilities, labels).predicted
    counted = [[0] * 4 for _ in range(4)]
    for true, answer in zip(labels, predicted, strict=True):
        counted[true][answer] += 1
    found = confusion(labels, predicted, 4)
    assert found.dtype == np.int64
    assert found.tolist() == counted
    assert found.sum() == 200
    assert confusion(np.zeros(0, int), np.zeros(0, int), 2).tolist() == [[0, 0], [0, 0]]


def test_a_row_is_the_true_class():
    assert confusion(np.array([0, 0, 0]), np.array([1, 1, 0]), 2).tolist() == [[1, 2], [0, 0]]


def test_labels_of_few_bits_do_not_overflow():
    assert confusion(np.array([99], np.uint8), np.array([98], np.uint8), 100)[99, 98] == 1


def test_the_figures_of_classes_follow_their_definitions(answers):
    probabilities, labels = answers
    predicted = probabilities.argmax(1)
    for k, found in enumerate(class_figures(confusion(labels, predicted, 4), NAMES)):
        right = sum(1 for t, p in zip(labels, predicted, strict=True) if t == p == k)
        of_it, taken = sum(labels == k), sum(predicted == k)
        assert (found.name, found.pictures) == (NAMES[k], of_it)
        precision = right / taken if taken else None
        recall = right / of_it if of_it else None
        assert found.precision == precision
        assert found.recall == recall
        if precision and recall:
            assert found.f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_what_is_not_defined_is_none():
    never_taken, never_there, neither = class_figures(
        np.array([[0, 3, 0], [0, 0, 0], [0, 0, 0]]), ["cat", "dog", "cow"]
    )
    assert never_taken == ClassFigures("cat", 3, None, 0.0, 0.0)
    assert never_there == ClassFigures("dog", 0, 0.0, None, 0.0)
    assert neither == ClassFigures("cow", 0, None, None, None)


def test_mistakes_come_most_confident_first(answers):
    probabilities, labels = answers
    found = mistakes(probabilities, labels, 7)
    wrong = [n for n in range(200) if max(range(4), key=lambda k: probabilities[n, k]) != labels[n]]
    wanted = sorted(wrong, key=lambda n: (-max(probabilities[n]), n))
    assert found.tolist() == wanted[:7]
    assert mistakes(probabilities, labels, 1000).tolist() == wanted
    assert mistakes(probabilities, probabilities.argmax(1), 5).tolist() == []
    assert mistakes(np.empty((0, 4), np.float32), np.empty(0, int), 5).tolist() == []


def test_the_most_frequent_confusions():
    matrix = np.array([[90, 8, 0, 2], [9, 50, 1, 0], [0, 0, 7, 0], [2, 0, 0, 5]])
    wanted = [("shirt", "coat", 9), ("coat", "shirt", 8), ("coat", "boot", 2), ("boot", "coat", 2)]
    assert most_confused(matrix, NAMES) == wanted[:3]
    assert most_confused(matrix, NAMES, 4) == wanted
    assert most_confused(matrix, NAMES, 50) == [*wanted, ("shirt", "bag", 1)]
    assert most_confused(np.diag([3, 4, 5, 6]), NAMES) == []


def test_what_the_worker_wrote_is_read(tmp_path, answers):
    probabilities, labels = answers
    folder = Folder(tmp_path)
    assert read_judged(folder) is None
    np.savez(folder.tested, probabilities=probabilities, labels=labels.astype(np.uint8))
    found = read_judged(folder)
    np.testing.assert_array_equal(found.probabilities, probabilities)
    assert (found.probabilities.dtype, found.labels.dtype) == (np.float32, np.int64)
    assert found.labels.tolist() == labels.tolist()
    assert found.right.dtype == np.bool_
    assert found.accuracy == pytest.approx(sum(probabilities.argmax(1) == labels) / 200)


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        (np.ones((3, 2)), np.zeros(4, int)),
        (np.ones(3), np.zeros(3, int)),
        (np.ones((3, 2)), np.zeros((3, 1), int)),
        (np.ones((3, 2)), np.full(3, 2)),
        (np.ones((3, 2)), np.full(3, -1)),
        (np.ones((3, 2)), np.zeros(3)),
        (np.ones((3, 2), int), np.zeros(3, int)),
        (np.full((3, 2), math.nan), np.zeros(3, int)),
        (np.empty((0, 2)), np.empty(0, int)),
        (np.empty((3, 0)), np.zeros(3, int)),
        (np.array([["a", "b"]]), np.zeros(1, int)),
        (np.array([[print, print]]), np.zeros(1, int)),
    ],
)
def test_arrays_that_do_not_fit_are_no_test_results(tmp_path, probabilities, labels):
    np.savez(Folder(tmp_path).tested, probabilities=probabilities, labels=labels)
    assert read_judged(Folder(tmp_path)) is None


def test_damaged_files_are_no_test_results(tmp_path, answers):
    folder = Folder(tmp_path)
    np.savez(folder.tested, probabilities=answers[0], labels=answers[1])
    whole = folder.tested.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        if rng.random() < 0.3:
            damaged = whole[: rng.integers(0, len(whole))]
        else:
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), 8):
                changed[place] = rng.integers(0, 256)
            head = rng.integers(0, 300)  # where zip and NumPy keep their headers
            changed[head] = rng.integers(0, 256)
            damaged = bytes(changed)
        folder.tested.write_bytes(damaged)
        found = read_judged(folder)
        assert found is None or found.probabilities.shape[1] > found.labels.max()
    np.savez(folder.tested, labels=answers[1])
    assert read_judged(folder) is None
    with folder.tested.open("wb") as file:
        np.save(file, answers[0])
    assert read_judged(folder) is None
    folder.tested.unlink()
    folder.tested.mkdir()
    assert read_judged(folder) is None
