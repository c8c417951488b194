"""A run's figures as files that other programs read."""

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from explorer.training.run import Run
from explorer.training.story import FIGURES


def history_csv(run: Run) -> str:
    """The figures of each whole epoch: a line with their names, then a line an epoch; empty where one is not known."""
    history = run.history()
    columns = ("epoch", *FIGURES)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(history[name] for name in columns), strict=True))
    return written.getvalue()


def tensorboard_zip(run: Run) -> bytes:
    """TensorBoard's logs as a zip file that unpacks into a folder named after the run; an empty one before any."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for path in _files(run.folder.logs):
            archive.write(path, f"{run.id}/{path.relative_to(run.folder.logs).as_posix()}")
    return packed.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder and below it, in order. Links are left out: they may point anywhere."""
    if folder.is_symlink():
        return
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place) / name
            if path.is_file() and not path.is_symlink():
                yield path
