"""What happened to a run so far, put together from its events."""

from dataclasses import dataclass, field
from typing import Any, Literal

from explorer.training.folder import START_SECONDS, Event, EventReader, Folder, process_lives

Status = Literal["queued", "running", "paused", "finished", "stopped", "failed"]

ENDED = ("finished", "stopped", "failed")
DEAD = (
    "The training process has ended without a word: it was killed, or the machine ran out of memory. "
    "Resume goes on from the last whole epoch."
)
NEVER = "The training process could not be started. Its output is in the run's folder, in worker.log."
WAKING = ("queued", "launched", "started")
"""After these there is no batch yet."""
MOST_BATCHES = 6_000
FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class Steered:
    """A learning rate that was set by hand while a run went on.

    Attributes:
        rate: the new one.
        epoch: in which it was set, from 1.
        step: batches of that epoch that were over.
    """

    rate: float
    epoch: int
    step: int


@dataclass
class Story:
    """What happened, event by event; :meth:`read_on` takes what came since.

    Attributes:
        last: what the run did last: "queued", "launched", "started", "paused", "resumed", "testing", "finished",
            "stopped" or "failed"; "" before anything.
        reason: why it failed or stopped, a sentence.
        notes: sentences on what was done otherwise than asked.
        started: what the last start said: classes, shape, steps, parameters, device and so on.
        batches: one event several times a second: epoch, step, loss, accuracy, batch_loss, images_per_second.
        epochs: number → its figures and what it said of the watched pictures.
        tested: figures on the test pictures.
        rates: changes of the learning rate by hand: learning_rate, and epoch and step of it that were over.
        waking: it was asked to train, and no batch has come since.
        used: the epoch whose weights a run ended with; −1 where it was stopped within one, 0 before it has ended.
    """

    folder: Folder
    last: str = ""
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    started: Event = field(default_factory=dict)
    batches: list[Event] = field(default_factory=list)
    epochs: dict[int, Event] = field(default_factory=dict)
    tested: Event = field(default_factory=dict)
    rates: list[Event] = field(default_factory=list)
    used: int = 0
    waking: bool = True
    _pid: Any = None
    _launched: float = 0.0
    _seen: float = 0.0
    _reader: EventReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = EventReader(self.folder.events)

    def read_on(self) -> "Story":
        """Take what was written since the last time."""
        for event in self._reader.read():
            self._take(event)
        return self

    def _take(self, event: Event) -> None:
        kind = event["event"]
        self._seen = float(event["time"])
        if kind == "batch":
            self.batches.append(event)
            self.waking = False
            if len(self.batches) > MOST_BATCHES:  # a night has a hundred thousand
                self.batches = self.batches[::2]
        elif kind == "epoch":
            self.epochs[int(event["epoch"])] = event
        elif kind == "tested":
            self.tested = event
        elif kind == "rate":
            self.rates = [each for each in self.rates if _place(each) != _place(event)] + [event]
        elif kind == "note":
            self.notes.append(str(event.get("sentence", "")))
        else:
            self._turn(kind, event)

    def _turn(self, kind: str, event: Event) -> None:
        """What changes the status."""
        if kind == "launched":
            self._pid, self._launched = event.get("pid"), float(event["time"])
            if self.last not in ("", "queued"):  # a quick process has told of itself before it was told of
                return
        self.last = kind
        self.waking = kind in WAKING
        if kind == "started":
            self.started = event
            self.reason = ""
            self._go_back(int(event.get("epoch", 1)), int(event.get("step", 0)))
        if kind in ENDED:
            self.reason, self.used = str(event.get("reason", "")), int(event.get("used", 0))

    def _go_back(self, epoch: int, step: int) -> None:
        """Forget what was lost: training goes on at this epoch, after this step of it."""
        self.epochs = {number: each for number, each in self.epochs.items() if number < epoch}
        self.batches = [each for each in self.batches if _place(each) <= (epoch, step)]
        self.rates = [each for each in self.rates if _place(each) <= (epoch, step)]
        self.tested = {}

    def status(self, now: float) -> Status:
        """The run's status.

        Args:
            now: seconds since 1970.
        """
        return self.verdict(now)[0]

    def verdict(self, now: float) -> tuple[Status, str]:
        """The run's status, and why it ended, a sentence."""
        if self.last in ENDED:
            return self.last, self.reason  # type: ignore[return-value]
        if self.last in ("", "queued"):
            return "queued", ""
        if self._lives(now):
            return ("paused" if self.last == "paused" else "running"), ""
        self.read_on()  # it may have ended between reading and asking
        if self.last in ENDED:
            return self.last, self.reason  # type: ignore[return-value]
        return "failed", DEAD if self.started or self.last != "launched" else NEVER

    def _lives(self, now: float) -> bool:
        if self.folder.is_locked():
            return True
        young = self.last == "launched" and now - self._launched < START_SECONDS
        return young and process_lives(self._pid)

    @property
    def epoch(self) -> int:
        """Whole epochs so far."""
        return max(self.epochs, default=0)

    @property
    def history(self) -> dict[str, list[Any]]:
        """The figures of each epoch, by name, as Keras's ``History`` has them; epoch 0 is before training."""
        numbers = [number for number in sorted(self.epochs) if number > 0]
        return {
            "epoch": numbers,
            **{name: [self.epochs[number].get(name) for number in numbers] for name in FIGURES},
        }

    @property
    def steered(self) -> tuple["Steered", ...]:
        """The learning rates that were set by hand, in their order."""
        return tuple(Steered(float(each["learning_rate"]), *_place(each)) for each in self.rates)

    @property
    def weights_version(self) -> tuple[Any, ...]:
        """Changes whenever the run's network does."""
        return (self.epoch, self.last in ENDED, self.used, self.started.get("time"))

    @property
    def version(self) -> tuple[Any, ...]:
        """Changes whenever there is something new to see."""
        return (self.last, len(self.batches), self.epoch, bool(self.tested), self._seen)


def _place(event: Event) -> tuple[int, int]:
    """The epoch, and how many of its batches were over."""
    return int(event["epoch"]), int(event["step"])
