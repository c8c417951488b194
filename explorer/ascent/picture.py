"""How the growing picture is held: as pixels, or as waves in colours that vary independently.

The same picture can be written down in many ways, and the steepest way up is another one in each. As a sum of waves,
each wave scaled by its length, coarse and fine structure grow alike; as pixels, the finest grows first.
Source: Olah, Mordvintsev and Schubert, Feature Visualization, Distill 2017, "Preconditioning and Parameterization".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.ascent.recipe import FOURIER

Floats = NDArray[np.float32]

MIDDLE, RANGE = 127.5, 255.0
"""Grey, and the width of the range of pixels."""
WAVE_START = 0.01
"""Standard deviation of the waves' amplitudes at the start, as in Lucid."""
WAVE_SCALE = 0.25
"""Lucid divides the sum of waves by 4, so that a step of 0.05 suits it."""

COLOURS: Floats = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""Square root of the covariance of ImageNet's colours, by Lucid: light, then blue-yellow, then red-green."""
MIX: Floats = COLOURS / np.linalg.norm(COLOURS, axis=0).max()


@dataclass(frozen=True)
class Held:
    """One way to hold pictures of one size.

    Attributes:
        height, width, channels: of the pictures.
        parameterisation: ``"pixels"`` or ``"fourier"``.
        decorrelate: whether colours are mixed from ones that vary independently; only of three channels.

    >>> held = Held(4, 6, 3, "fourier", True)
    >>> grey = np.full((1, 4, 6, 3), 127.5, np.float32)
    >>> np.allclose(held.pixels(held.parameters(grey)), grey)
    True
    """

    height: int
    width: int
    channels: int
    parameterisation: str
    decorrelate: bool

    @property
    def waves(self) -> bool:
        """Whether the parameters are the amplitudes of waves."""
        return self.parameterisation == FOURIER

    @property
    def shape(self) -> tuple[int, ...]:
        """The parameters' shape, without the batch: (H, W, C), or of waves (C, H, W // 2 + 1, 2)."""
        if self.waves:
            return self.channels, self.height, self.width // 2 + 1, 2
        return self.height, self.width, self.channels

    def pixels(self, parameters: Any) -> Any:
        """Parameters (N, …) → pixels (N, H, W, C), nominally in 0–255; of waves always."""
        if not self.waves:
            return MIDDLE + self._mixed(parameters)
        spectrum = tf.complex(parameters[..., 0], parameters[..., 1]) * self._wave_lengths()
        planes = tf.signal.irfft2d(spectrum, fft_length=[self.height, self.width]) * WAVE_SCALE
        return RANGE * tf.sigmoid(self._mixed(tf.transpose(planes, (0, 2, 3, 1))))

    def parameters(self, pixels: Any) -> Any:
        """Pixels (N, H, W, C) → parameters; of waves, black and white are taken as nearly so."""
        pixels = tf.convert_to_tensor(pixels, tf.float32)
        if not self.waves:
            return self._unmixed(pixels - MIDDLE)
        share = tf.clip_by_value(pixels / RANGE, 0.01, 0.99)
        planes = self._unmixed(tf.math.log(share) - tf.math.log1p(-share)) / WAVE_SCALE
        spectrum = tf.signal.rfft2d(tf.transpose(planes, (0, 3, 1, 2))) / self._wave_lengths()
        return tf.stack([tf.math.real(spectrum), tf.math.imag(spectrum)], axis=-1)

    def _wave_lengths(self) -> Any:
        """What each wave's amplitude is multiplied with: in proportion to its length, complex64 (H, W // 2 + 1)."""
        down, across = np.fft.fftfreq(self.height)[:, np.newaxis], np.fft.rfftfreq(self.width)[np.newaxis]
        frequency = np.sqrt(down**2 + across**2)
        lengths = 1 / np.maximum(frequency, 1 / max(self.height, self.width))
        return tf.constant(lengths * np.sqrt(self.height * self.width), tf.complex64)

    def _mixed(self, values: Any) -> Any:
        return tf.tensordot(values, tf.constant(MIX.T), 1) if self._has_colours else values

    def _unmixed(self, values: Any) -> Any:
        return tf.tensordot(values, tf.constant(np.linalg.inv(MIX).T), 1) if self._has_colours else values

    @property
    def _has_colours(self) -> bool:
        return self.decorrelate and self.channels == 3


def shown(pixels: Floats, contrast: float) -> NDArray[np.uint8]:
    """Pixels as a picture.

    Args:
        pixels: float32 (N, H, W, C), nominally in 0–255.
        contrast: each picture is stretched to mean 127.5 and this standard deviation, as a share of 255
            (Chollet's ``deprocess_image``); 0 leaves the pixels as they are.

    Returns:
        uint8 of the same shape; what lies outside is cut off.

    >>> shown(np.float32([[[[300.0]]]]), 0).tolist()
    [[[[255]]]]
    """
    values = np.asarray(pixels, np.float32)
    if contrast:
        mean = values.mean(axis=(1, 2, 3), keepdims=True)
        spread = values.std(axis=(1, 2, 3), keepdims=True)
        values = MIDDLE + (values - mean) / (spread + 1e-5) * (contrast * RANGE)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
