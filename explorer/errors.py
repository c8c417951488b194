"""The errors that are meant for the person at the page.

Every message is a sentence: what was wrong, what is allowed, what to do. A page catches :class:`ExplorerError`
and shows the sentence; any other exception is a bug.
"""


class ExplorerError(Exception):
    """Something the person asked for cannot be done; the message says what, and what can."""


class ImageInputError(ExplorerError):
    """A picture that cannot be read, or is larger than the limits allow."""


class DatasetError(ExplorerError):
    """A dataset that cannot be read."""


class ModelError(ExplorerError):
    """A network that cannot be built, loaded or run."""


class LayerError(ExplorerError):
    """A layer that a network does not have, or that the request does not suit."""


class RunError(ExplorerError):
    """A training run that cannot be started, read or steered."""


class KernelError(ExplorerError):
    """A kernel, window or option outside what the arithmetic accepts."""


class MethodError(ExplorerError):
    """An attribution method or option that is not known, or a class that a network does not tell apart."""


class AugmentationError(ExplorerError):
    """A range of random changes that is not allowed, or pictures that cannot be changed so."""


class DownloadError(ExplorerError):
    """A file that cannot be had from the web; whoever asked for it says what can be done instead."""


def shown(value: object) -> str:
    """A value as it is quoted in a sentence: of a long one the beginning.

    >>> shown("x" * 100)[-3:], shown(1.5)
    ('xx…', '1.5')
    """
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        return "a huge number"
    return text if len(text) <= 60 else text[:59] + "…"
