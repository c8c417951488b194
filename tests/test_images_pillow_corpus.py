"""Every file of Pillow's own test corpus reads or raises ImageInputError, in bounded time and memory.

The corpus (about a thousand files: crashes, bombs, broken EXIF, every mode) is in Pillow's source
distribution, which pip fetches into the cache folder, once, in some ten seconds; when it cannot be fetched
the test is skipped and says so. ``EXPLORER_TEST_CACHE`` names another cache folder.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import PIL
import pytest

ROOT = Path(__file__).resolve().parent.parent
SECONDS_A_FILE = 10
ADDRESS_SPACE = 3_000_000_000
"""Bytes; the limit of 40 megapixels allows 160 MB a picture of four bytes a pixel, and a few copies of it."""

READER = """
import json, resource, sys, time
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from explorer.images import ImageInputError, read
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if not path.is_file():
        continue
    begin = time.perf_counter()
    try:
        pixels = read(path.read_bytes()).pixels
        outcome = "read" if pixels.dtype == "uint8" and pixels.ndim == 3 and pixels.shape[2] == 3 else "odd"
    except ImageInputError as error:
        outcome = str(error)
    except BaseException as error:
        outcome = "escaped: " + repr(error)
    row = {"file": path.name, "outcome": outcome, "seconds": time.perf_counter() - begin}
    print(json.dumps(row), flush=True)
status = Path("/proc/self/status")
if status.exists():  # a child's ru_maxrss begins at its parent's peak
    peak = int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak": peak * 1024}))
"""


def cache_folder():
    named = os.environ.get("EXPLORER_TEST_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convnet-explorer" / "tests"


def fetch(folder):
    """The source distribution of the installed Pillow, downloaded if need be; else the test is skipped."""
    found = sorted(folder.glob(f"pillow-{PIL.__version__}.tar.gz"))
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "pillow", "--dest", str(folder), f"pillow=={PIL.__version__}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"Pillow's source distribution could not be fetched by pip: {type(error).__name__}")
    found = sorted(folder.glob(f"pillow-{PIL.__version__}.tar.gz"))
    if not found:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        pytest.skip(f"Pillow's source distribution could not be fetched by pip: {lines[-1]}")
    return found[0]


def unpack(archive, folder):
    """Write the plain files under Tests/images, and nothing else, by counted names; return how many."""
    number = 0
    with tarfile.open(archive) as members:
        for member in members:
            inside = PurePosixPath(member.name).parts[1:3] == ("Tests", "images")
            if inside and member.isreg() and member.size < 60_000_000:
                number += 1
                name = PurePosixPath(member.name).name
                (folder / f"{number:04d}-{name}").write_bytes(members.extractfile(member).read())
    return number


@pytest.mark.skipif(sys.platform == "win32", reason="the memory limit of a process needs POSIX's resource module")
def test_every_file_reads_or_raises_image_input_error(tmp_path):
    number = unpack(fetch(cache_folder()), tmp_path)
    assert number > 500
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READER, str(tmp_path), str(ADDRESS_SPACE)],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "EXPLORER_PROFILE": "local"},
        check=False,
    )
    assert done.returncode == 0, f"after {done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    *rows, end = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == number
    assert not [row for row in rows if row["outcome"].startswith(("escaped", "odd"))]
    assert not [row for row in rows if row["seconds"] > SECONDS_A_FILE]
    assert sum(row["outcome"] == "read" for row in rows) > 300
    assert end["peak"] < 1_000_000_000
