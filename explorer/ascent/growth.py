"""What a growth leaves behind: its scores, some of its pictures, an animation of them."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer.ascent.climbing import Frame
from explorer.settings import MAX_GROWTH_BYTES

Pixels = NDArray[np.uint8]
LAST_SECONDS, OTHER_SECONDS = 1.6, 0.08
"""How long the animation shows its last picture, and each of the others."""
MOST_KEPT = 48
"""Most pictures of an animation."""
KEPT_SIDE = 160
"""Longest side, in pixels, of the pictures kept for the animation."""


@dataclass
class Growth:
    """A growth, while it goes on and after.

    Attributes:
        labels: what each picture is, for a page: "channel 12".
        max_bytes: of the kept pictures; every other one goes when there are more.
        steps: how many there will be.
        scores: for each frame so far float32 (N,).
        images: uint8 (N, H, W, C), the newest pictures as they are shown.
        kept: step → uint8 (N, h, w, C), pictures from the start on, evenly apart, reduced.

    >>> growth = Growth(["channel 0"])
    >>> growth.add(Frame(0, 1, np.zeros((1, 2, 2, 3), np.float32), np.float32([0.5]), (2, 2)))
    >>> growth.step, growth.finished
    (0, False)
    """

    labels: Sequence[str]
    max_bytes: int = MAX_GROWTH_BYTES
    steps: int = 0
    scores: list[NDArray[np.float32]] = field(default_factory=list)
    images: Pixels = field(default_factory=lambda: np.zeros((0, 1, 1, 3), np.uint8))
    kept: dict[int, Pixels] = field(default_factory=dict)
    _every: int = 1
    _newest: Frame | None = None

    @property
    def step(self) -> int:
        """Steps made; −1 before the first frame."""
        return len(self.scores) - 1

    @property
    def finished(self) -> bool:
        """Whether the last step was made."""
        return bool(self.scores) and self.step == self.steps

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return (
            self.images.nbytes + sum(one.nbytes for one in self.kept.values()) + sum(one.nbytes for one in self.scores)
        )

    def add(self, frame: Frame) -> None:
        """Take the next frame. Its pictures are drawn only when they are kept or looked at."""
        self.steps = frame.steps
        self.scores.append(frame.scores)
        if frame.step % self._every == 0:
            self.kept[frame.step] = _reduced(frame.images)
            too_large = sum(one.nbytes for one in self.kept.values()) > self.max_bytes
            if len(self.kept) > (2 if too_large else MOST_KEPT):
                self._every *= 2
                self.kept = {step: one for step, one in self.kept.items() if step % self._every == 0}
        self._newest = frame

    def newest(self) -> Pixels:
        """The newest pictures as they are shown, uint8 (N, H, W, C)."""
        if self._newest is not None:
            self.images, self._newest = self._newest.images, None  # what the network was given is let go
        return self.images

    def unlit(self, direction: int = 1, tolerance: float = 1e-6) -> tuple[int, ...]:
        """The places of the pictures whose score never came above the start's (below it, in the direction −1)."""
        risen = (np.stack(self.scores) - self.scores[0]) * direction
        return tuple(np.flatnonzero(risen.max(axis=0) <= tolerance).tolist())


def _reduced(images: Pixels) -> Pixels:
    """Pictures of at most :data:`KEPT_SIDE` pixels a side."""
    height, width, channels = images.shape[1:]
    share = KEPT_SIDE / max(height, width)
    if share >= 1:
        return images
    size = max(1, round(width * share)), max(1, round(height * share))
    small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in images]
    return np.stack(small).reshape(len(images), size[1], size[0], channels)


def together(climbs: Sequence[Iterator[Frame]]) -> Iterator[Frame]:
    """Several growths of as many steps side by side, step by step, as one.

    >>> grey = np.full((1, 1, 1, 1), 128, np.float32)
    >>> climbs = [iter([Frame(0, 0, grey, np.float32([value]), (1, 1))]) for value in (1, 2)]
    >>> [frame.scores.tolist() for frame in together(climbs)]
    [[1.0, 2.0]]
    """
    for frames in zip(*climbs, strict=True):
        yield replace(
            frames[0],
            pixels=np.concatenate([frame.pixels for frame in frames]),
            scores=np.concatenate([frame.scores for frame in frames]),
        )


def animation(sheets: Sequence[Pixels]) -> bytes:
    """Pictures as an animated GIF that goes on and on.

    Args:
        sheets: uint8 (H, W, 3) each, all of one size, at least one.

    >>> animation([np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)])[:6]
    b'GIF89a'
    """
    pictures = [Image.fromarray(sheet).quantize(128) for sheet in sheets]
    lasting = [int(OTHER_SECONDS * 1000)] * (len(pictures) - 1) + [int(LAST_SECONDS * 1000)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=lasting, loop=0)
    return file.getvalue()
