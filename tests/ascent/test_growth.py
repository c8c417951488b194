"""What is kept of a growth: its scores, pictures evenly apart within a limit of bytes and number, an animation."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from explorer.ascent import Growth, animation, together
from explorer.ascent.climbing import Frame
from explorer.ascent.growth import KEPT_SIDE, MOST_KEPT

ONE = 8 * 8 * 3
"""Bytes of one picture of a frame below."""


def frame(step, steps, scores=(0.0,), *, size=(8, 8), channels=3):
    """Pictures that are as bright as their step, and a score for each."""
    pixels = np.full((len(scores), *size, channels), step % 256, np.float32)
    return Frame(step, steps, pixels, np.float32(scores), size)


def grown(steps, *, upto=None, **options):
    growth = Growth(["channel 0"], **options)
    for step in range((steps if upto is None else upto) + 1):
        growth.add(frame(step, steps))
    return growth


def risen(*rows):
    growth = Growth([f"channel {place}" for place in range(len(rows[0]))])
    for step, scores in enumerate(rows):
        growth.add(frame(step, len(rows) - 1, scores))
    return growth


def test_before_the_first_frame_nothing_has_grown_and_one_frame_is_no_end():
    growth = Growth(["channel 0"])
    assert (growth.step, growth.finished, growth.nbytes) == (-1, False, growth.images.nbytes)
    growth.add(frame(0, 2))
    assert (growth.step, growth.steps, growth.finished) == (0, 2, False)
    growth.add(frame(1, 2))
    growth.add(frame(2, 2))
    assert (growth.step, growth.finished) == (2, True)


def test_every_score_is_kept_and_the_newest_picture_is_the_last_frame_s():
    growth = risen((0, 1), (2, 3), (4, 5))
    assert [one.tolist() for one in growth.scores] == [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(growth.newest(), np.full((2, 8, 8, 3), 2))
    np.testing.assert_array_equal(growth.newest(), growth.images)  # asked for again, it is still there


def test_few_frames_are_all_kept():
    growth = grown(MOST_KEPT - 1)
    assert list(growth.kept) == list(range(MOST_KEPT))
    assert all((one == step).all() for step, one in growth.kept.items())


@pytest.mark.parametrize("steps", [MOST_KEPT, 100, 700])
def test_of_many_frames_some_are_kept_evenly_apart_from_the_start(steps):
    kept = list(grown(steps).kept)
    apart = set(np.diff(kept).tolist())
    assert kept[0] == 0
    assert len(apart) == 1
    assert MOST_KEPT / 2 <= len(kept) <= MOST_KEPT
    assert steps - kept[-1] < apart.pop()  # as far as they go, they reach to the end


def test_bytes_are_a_limit_too():
    growth = grown(40, max_bytes=6 * ONE)
    assert 3 <= len(growth.kept) <= 6
    assert sum(one.nbytes for one in growth.kept.values()) <= 6 * ONE
    assert len(set(np.diff(list(growth.kept)).tolist())) == 1
    assert growth.nbytes == growth.images.nbytes + len(growth.kept) * ONE + 41 * 4


def test_where_not_even_two_pictures_fit_the_start_and_one_more_remain():
    kept = list(grown(40, max_bytes=1).kept)
    assert kept[0] == 0
    assert len(kept) <= 2


def test_pictures_for_the_animation_are_made_smaller_and_the_newest_are_not():
    growth = Growth(["channel 0"])
    growth.add(frame(7, 9, size=(3 * KEPT_SIDE, 2 * KEPT_SIDE), channels=1))
    growth.add(frame(8, 9, size=(3 * KEPT_SIDE, 2 * KEPT_SIDE), channels=1))
    assert growth.kept[7].shape == (1, KEPT_SIDE, round(KEPT_SIDE * 2 / 3), 1)
    assert (growth.kept[7] == 7).all()
    assert growth.newest().shape == (1, 3 * KEPT_SIDE, 2 * KEPT_SIDE, 1)


def test_what_is_kept_does_not_hold_on_to_what_the_network_was_given():
    growth = Growth(["channel 0"])
    last = frame(0, 0, size=(50, 50))
    growth.add(last)
    growth.newest()
    assert not any(np.shares_memory(one, last.pixels) for one in (growth.images, growth.kept[0]))
    assert growth._newest is None


def test_a_filter_that_never_rose_above_its_start_did_not_light():
    growth = risen((0, 1, 2, 5), (0, 3, 1, 4), (0, 0, 1.5, 5))
    assert growth.unlit() == (0, 2, 3)  # 1 rose in between, although it fell again
    assert growth.unlit(-1) == (0,)
    assert growth.unlit(tolerance=2.5) == (0, 1, 2, 3)


def test_one_that_hardly_moves_did_not_light_either():
    assert risen((0, 0), (1e-7, 1e-3)).unlit() == (0,)
    assert risen((0, 0), (-1e-7, -1e-3)).unlit(-1) == (0,)


def test_growths_side_by_side_are_one_with_all_pictures_and_scores():
    def climb(score):
        return (frame(step, 2, (score + step,)) for step in range(3))

    frames = list(together([climb(10.0), climb(20.0)]))
    assert [one.step for one in frames] == [0, 1, 2]
    assert [one.scores.tolist() for one in frames] == [[10, 20], [11, 21], [12, 22]]
    assert frames[2].images.shape == (2, 8, 8, 3)
    assert frames[0].steps == 2


def test_side_by_side_they_take_their_steps_in_turn():
    taken = []

    def climb(name):
        for step in range(3):
            taken.append((name, step))
            yield frame(step, 2)

    both = together([climb("a"), climb("b")])
    next(both)
    next(both)
    both.close()
    assert taken == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_growths_of_different_length_are_not_cut_to_the_shortest():
    with pytest.raises(ValueError, match="shorter"):
        list(together([(frame(step, 2) for step in range(3)), (frame(step, 1) for step in range(2))]))


def test_the_animation_has_every_picture_shows_the_last_longest_and_goes_on_and_on():
    levels = (0, 80, 160, 255)
    sheets = [np.full((12, 20, 3), level, np.uint8) for level in levels]
    with Image.open(io.BytesIO(animation(sheets))) as gif:
        assert (gif.format, gif.size, gif.n_frames, gif.info["loop"]) == ("GIF", (20, 12), 4, 0)
        shown = [(one.info["duration"], np.asarray(one.convert("RGB"))) for one in ImageSequence.Iterator(gif)]
    assert [lasts for lasts, _ in shown] == [80, 80, 80, 1600]
    for (_, picture), level in zip(shown, levels, strict=True):
        np.testing.assert_allclose(picture, level, atol=2)


def test_the_animation_keeps_colours_and_a_single_picture_is_one_too():
    sheet = np.zeros((4, 6, 3), np.uint8)
    sheet[:, :2], sheet[:, 2:4], sheet[:, 4:] = (255, 0, 0), (0, 255, 0), (20, 40, 250)
    with Image.open(io.BytesIO(animation([sheet]))) as gif:
        np.testing.assert_allclose(np.asarray(gif.convert("RGB")).astype(int), sheet, atol=4)
