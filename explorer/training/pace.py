"""How fast a run learns, and how long it will still take."""

import math

OLD_SHARE = 0.9
"""Of what was seen before, with each report: those of the last two seconds count most."""
FORWARD = 1 / 3
"""Of a batch's time, what its validation takes: going backwards costs twice as much as going forwards."""


class Pace:
    """Seconds of a batch of late; what lies between two epochs is reckoned apart.

    The first batch of a process, and the first validation, trace their functions. That takes seconds and says nothing
    of the others, so neither is counted.

    Args:
        validation: batches of one epoch's validation.

    >>> pace = Pace(validation=0)
    >>> pace.saw(10, 1.0)
    >>> pace.batch, pace.left(batches=50, epochs=0)
    (0.1, 5.0)
    """

    def __init__(self, validation: int) -> None:
        self.validation = validation
        self._batches = self._seconds = 0.0
        self._between = math.nan
        self._gaps = 0

    def saw(self, batches: int, seconds: float) -> None:
        """So many batches took so long; each batch counts alike, however many were told of at once."""
        self._batches = OLD_SHARE * self._batches + batches
        self._seconds = OLD_SHARE * self._seconds + seconds

    def rested(self, seconds: float) -> None:
        """From an epoch's last batch to the end of the next one's first: validation, checkpoint, a pipeline to fill."""
        self._gaps += 1
        if self._gaps > 1:
            seconds = max(0.0, seconds - self.batch)
            self._between = seconds if math.isnan(self._between) else (self._between + seconds) / 2

    @property
    def batch(self) -> float:
        """Seconds of a batch; no number before the first was seen."""
        return self._seconds / self._batches if self._batches else math.nan

    def left(self, batches: int, epochs: int) -> float:
        """Seconds that so many batches, and so many ends of epochs, will take."""
        guessed = self.validation * FORWARD * self.batch
        return batches * self.batch + epochs * (guessed if math.isnan(self._between) else self._between)
