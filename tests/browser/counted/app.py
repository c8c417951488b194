"""The app, and a file that grows by a byte for each step of a climb; the environment's ``STEPS_FILE`` names it."""

import os
from pathlib import Path

from explorer.ascent import climbing
from explorer.ui import site


def counted(frame):
    """The climb's own function that makes a frame of each step, counted."""

    def make(*arguments):
        with Path(os.environ["STEPS_FILE"]).open("ab") as file:
            file.write(b".")
        return frame(*arguments)

    make.counts = True
    return make


if __name__ == "__main__":
    if not hasattr(climbing._Climb._frame, "counts"):
        climbing._Climb._frame = counted(climbing._Climb._frame)
    site.run()
