"""See how convolutional networks work. ``explorer`` is the backend: plain functions on arrays.

>>> from explorer import kernels
>>> kernels.KERNELS["sobel-x"].weights.shape
(3, 3)
"""

from explorer.errors import ExplorerError

__all__ = ["ExplorerError", "__version__"]

__version__ = "0.1.0"
