"""One hand-made kernel over one picture, stage by stage: channels, convolution, ReLU, pooling.

A :class:`Filtering` is a choice (frozen, hashable, no picture in it); :meth:`Filtering.apply` carries it out.

>>> import numpy as np
>>> edge = Filtering(weights=((-1.0, 0.0, 1.0),), padding="valid")
>>> edge.apply(np.array([[0, 0, 255, 255]], np.uint8)).result[..., 0]
array([[255., 255.]], dtype=float32)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer import convolution, images, pooling, windows
from explorer.convolution import Engine
from explorer.errors import KernelError
from explorer.windows import Padding

CHANNELS: Mapping[str, str] = MappingProxyType({"grey": "Grey", "red": "R", "green": "G", "blue": "B", "rgb": "RGB"})
"""What the kernel is given: the luminance, one colour channel, or all three, each for itself."""

POOLINGS: Mapping[str, str] = MappingProxyType({"none": "None", "max": "Max", "average": "Average"})

Pooling = Literal["none", "max", "average"]
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Filtered:
    """What each stage made. All float32 (H, W, C), signed, not clipped.

    Attributes:
        source: the chosen channels of the picture, 0–255.
        response: the convolution's output, bias included.
        result: the response after ReLU and pooling; the response itself where neither is asked for.
    """

    source: NDArray[np.float32]
    response: NDArray[np.float32]
    result: NDArray[np.float32]


@dataclass(frozen=True)
class Filtering:
    """A kernel and all that goes with it.

    Attributes:
        weights: the rows of the kernel, as the person wrote them.
        stride, padding, dilation, bias: as in :func:`explorer.convolution.convolve`.
        channels: one of :data:`CHANNELS`.
        flip: true convolution: the kernel is turned by 180° first. False is Keras's cross-correlation.
        relu: negative values become zero after the convolution.
        pooling: one of :data:`POOLINGS`, the last stage.
        pool_size: height, width and stride of the pooling window, in pixels.
    """

    weights: Rows
    stride: int = 1
    padding: Padding = "same"
    dilation: int = 1
    bias: float = 0.0
    channels: str = "grey"
    flip: bool = False
    relu: bool = False
    pooling: Pooling = "none"
    pool_size: int = 2

    @property
    def kernel(self) -> NDArray[np.float32]:
        """The weights as they are laid on the picture, float32 (k, k'); turned by 180° when ``flip`` is set."""
        weights = np.asarray(self.weights, np.float32)
        return np.ascontiguousarray(weights[::-1, ::-1]) if self.flip else weights

    def source(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The chosen channels of a picture.

        Args:
            image: uint8 (H, W) or (H, W, 3).

        Returns:
            float32 (H, W, 1), or (H, W, 3) for ``rgb``, in 0–255.
        """
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        if self.channels == "rgb":
            return image.astype(np.float32)
        if self.channels == "grey":
            return images.to_grey(image)[..., None]
        index = ("red", "green", "blue").index(self.channels)
        return image[..., index : index + 1].astype(np.float32)

    def respond(self, source: NDArray[np.float32], *, engine: Engine = "auto") -> NDArray[np.float32]:
        """The convolution alone: float32 (H', W', C) from the source (H, W, C)."""
        return convolution.convolve(
            source,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            bias=self.bias,
            engine=engine,
        )

    def after(self, response: NDArray[np.float32], *, engine: Engine = "auto") -> NDArray[np.float32]:
        """ReLU and pooling of a response (H, W, C), where they are asked for."""
        if self.relu:
            response = np.maximum(response, 0)
        if self.pooling != "none":
            height, width = response.shape[:2]
            if min(height, width) < self.pool_size:
                raise KernelError(
                    f"The pooling block has {self.pool_size} × {self.pool_size} cells, but the result before it only "
                    f"{height} × {width}. Choose a smaller block or a smaller stride, or no pooling."
                )
            response = pooling.pool(response, self.pool_size, kind=self.pooling, engine=engine)
        return response

    def apply(self, image: NDArray[np.uint8]) -> Filtered:
        """Carry it out.

        Args:
            image: uint8 (H, W) or (H, W, 3).

        Raises:
            KernelError: an option is out of its range, or the window is larger than the picture.
        """
        source = self.source(image)
        response = self.respond(source)
        return Filtered(source, response, self.after(response))

    def stages(self, height: int, width: int) -> list[tuple[str, tuple[int, int]]]:
        """Each stage's name and output size (height, width), from the picture on."""
        kernel_height, kernel_width = self.kernel.shape
        rows = windows.output_size(height, kernel_height, self.stride, self.padding, self.dilation)
        columns = windows.output_size(width, kernel_width, self.stride, self.padding, self.dilation)
        sizes = [("picture", (height, width)), ("convolution", (rows, columns))]
        if self.pooling != "none":
            size = self.pool_size
            pooled = (windows.output_size(rows, size, size), windows.output_size(columns, size, size))
            sizes.append((f"{self.pooling} pooling", pooled))
        return sizes

    def with_weights(self, weights: ArrayLike) -> "Filtering":
        """The same choices with another kernel."""
        return replace(self, weights=rows(weights))


def rows(weights: ArrayLike) -> Rows:
    """A kernel as the hashable rows that :class:`Filtering` keeps.

    >>> rows([[1, 0, -1]])
    ((1.0, 0.0, -1.0),)
    """
    return tuple(tuple(float(weight) for weight in row) for row in np.atleast_2d(np.asarray(weights, float)))
