"""Weights on the disk: what is read is what was written, or a sentence."""

import numpy as np
import pytest

from explorer.errors import RunError
from explorer.training import checkpoints
from explorer.training.checkpoints import Place
from explorer.training.folder import Folder

WEIGHTS = [np.random.default_rng(number).random((3, number + 1)).astype(np.float32) for number in range(12)]
PLACE = Place(3, 7, 0.25, {"value": 0.5, "epoch": 2, "waited": 1}, {"lowered": 2}, 12.5, 4)


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    made.epochs.mkdir()
    return made


def same(ones, others):
    return len(ones) == len(others) and all(
        one.dtype == other.dtype and np.array_equal(one, other) for one, other in zip(ones, others, strict=True)
    )


def test_weights_come_back_in_their_order(folder):
    """Twelve, so that "w10" comes after "w9"."""
    checkpoints.save_weights(folder.epoch(1), WEIGHTS)
    assert same(checkpoints.read_weights(folder.epoch(1)), WEIGHTS)


def test_a_state_comes_back(folder):
    assert checkpoints.read_state(folder) is None
    beside = [np.int64(7), *WEIGHTS[:3], np.float32(0.125)]
    checkpoints.save_state(folder, PLACE, WEIGHTS, beside)
    place, weights, optimizer = checkpoints.read_state(folder)
    assert place == PLACE
    assert same(weights, WEIGHTS)
    assert same(optimizer, [np.asarray(each) for each in beside])


def test_answers_come_back(tmp_path):
    checkpoints.save_answers(tmp_path / "test.npz", labels=np.arange(3), probabilities=WEIGHTS[0])
    with np.load(tmp_path / "test.npz") as saved:
        assert saved["labels"].tolist() == [0, 1, 2]
        assert (saved["probabilities"] == WEIGHTS[0]).all()


@pytest.mark.parametrize("damage", ["half", "empty", "other", "gone"])
def test_damaged_files_give_a_sentence(folder, damage):
    checkpoints.save_weights(folder.epoch(1), WEIGHTS)
    checkpoints.save_state(folder, PLACE, WEIGHTS, [])
    for path in (folder.epoch(1), folder.state):
        content = path.read_bytes()
        path.write_bytes({"half": content[: len(content) // 2], "empty": b"", "other": b"x" * 99}.get(damage, b""))
        if damage == "gone":
            path.unlink()
    with pytest.raises(RunError, match=r"^The weights in 0001\.npz cannot be read"):
        checkpoints.read_weights(folder.epoch(1))
    assert checkpoints.read_first_kernel(folder.epoch(1)) is None
    if damage == "gone":
        assert checkpoints.read_state(folder) is None
    else:
        with pytest.raises(RunError, match=r"^The run's checkpoint is damaged\. Begin a new run\.$"):
            checkpoints.read_state(folder)


def test_a_state_of_another_kind_gives_a_sentence(folder):
    np.savez(folder.state, about=np.frombuffer(b'{"epoch": 1, "colour": 2}', np.uint8))
    with pytest.raises(RunError, match=r"^The run's checkpoint is damaged\. Begin a new run\.$"):
        checkpoints.read_state(folder)


def test_the_first_kernel_is_that_of_a_convolution(folder):
    kernel = np.ones((3, 3, 1, 2), np.float16)
    checkpoints.save_weights(folder.epoch(0), [kernel, *WEIGHTS])
    assert checkpoints.read_first_kernel(folder.epoch(0)).dtype == np.float32
    assert checkpoints.read_first_kernel(folder.epoch(0)).shape == (3, 3, 1, 2)
    checkpoints.save_weights(folder.epoch(1), WEIGHTS)
    assert checkpoints.read_first_kernel(folder.epoch(1)) is None


def test_the_oldest_epochs_go_first_until_there_is_room(folder):
    for number in range(8):
        folder.epoch(number).write_bytes(bytes(100))
    folder.config.write_bytes(bytes(50))
    assert checkpoints.prune(folder, {0, 3, 7}, limit=850) == []
    assert checkpoints.prune(folder, {0, 3, 7}, limit=550) == [1, 2, 4]
    assert folder.kept_epochs() == [0, 3, 5, 6, 7]
    assert checkpoints.prune(folder, {0, 3, 7}, limit=1) == [5, 6]
    assert folder.kept_epochs() == [0, 3, 7]
