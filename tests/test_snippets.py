"""The shown programs are run, and their numbers and pixels compared with the page's."""

import io
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from explorer import figures, images, snippets
from explorer.filtering import Filtering

KERNEL = ((1.0, 0.0, -1.0), (2.0, 0.1, -2.0), (1.0, 0.0, -1.0))
EVEN = ((0.25, -1.0), (0.333333343, 0.5))
FLAT = ((-1.0, -0.5, 0.0, 0.5, 1.0),)
TALL = ((1.0,), (-2.0,), (1.0,), (0.125,))
BLUR = ((1 / 25,) * 5,) * 5

CASES = {
    "plain": (Filtering(weights=KERNEL), "signed", False),
    "dark": (Filtering(weights=KERNEL), "signed", True),
    "even, stride 2": (Filtering(weights=EVEN, stride=2, channels="red"), "absolute", False),
    "flat, stride 3": (Filtering(weights=FLAT, stride=3, channels="green"), "stretched", True),
    "tall, dilation 2": (Filtering(weights=TALL, dilation=2, channels="blue"), "signed", False),
    "stride and dilation": (Filtering(weights=KERNEL, stride=2, dilation=2, bias=7.5), "clipped", False),
    "stride and dilation, valid": (Filtering(weights=EVEN, stride=3, dilation=4, padding="valid"), "absolute", False),
    "reflect": (Filtering(weights=BLUR, padding="reflect", stride=2), "clipped", False),
    "edge": (Filtering(weights=FLAT, padding="edge", dilation=3, channels="rgb"), "signed", False),
    "valid": (Filtering(weights=TALL, padding="valid", channels="rgb"), "absolute", True),
    "flip": (Filtering(weights=KERNEL, flip=True, channels="rgb"), "stretched", False),
    "flip, not square": (Filtering(weights=FLAT, flip=True, bias=-12.25), "signed", True),
    "relu": (Filtering(weights=KERNEL, relu=True, bias=-50), "absolute", False),
    "max": (Filtering(weights=KERNEL, pooling="max", pool_size=3, relu=True), "clipped", False),
    "average": (Filtering(weights=EVEN, pooling="average", pool_size=4, channels="rgb"), "clipped", False),
    "average, stride": (Filtering(weights=BLUR, stride=2, pooling="average", pool_size=5), "signed", False),
    "nothing": (Filtering(weights=((0.0,),)), "signed", False),
    "nothing stretched": (Filtering(weights=((0.0,),), bias=3), "stretched", False),
}


def photo():
    random = np.random.default_rng(11)
    smooth = cv2.resize(random.integers(0, 256, (5, 6, 3)).astype(np.uint8), (41, 34), interpolation=cv2.INTER_CUBIC)
    smooth[8:14, 9:20] = random.integers(0, 256, (6, 11, 3))
    return smooth


def run_here(program, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["program.py"])
    exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102
    return read_back(folder)


def run_alone(program, folder, *arguments):
    (folder / "program.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-I", "program.py", *arguments]
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("shape ")
    return read_back(folder)


def read_back(folder):
    pixels = cv2.cvtColor(cv2.imread(str(folder / "result.png")), cv2.COLOR_BGR2RGB)
    return np.load(folder / "result.npy"), pixels


def assert_same_picture(pixels, expected):
    """Equal, but for a few that lie one step of the colour scale apart because two sums round differently."""
    assert pixels.shape == expected.shape
    apart = np.abs(pixels.astype(int) - expected).max(axis=2)
    assert apart.max() <= 5  # one of 256 steps between colours as far apart as 6 anchors' are
    assert np.mean(apart > 0) <= 0.01


@pytest.mark.parametrize("library", snippets.LIBRARIES)
@pytest.mark.parametrize("case", CASES)
def test_the_program_makes_the_pages_numbers_and_pixels(case, library, tmp_path, monkeypatch):
    filtering, display, dark = CASES[case]
    picture = photo()
    (tmp_path / "picture.png").write_bytes(images.encode_png(picture))
    program = snippets.kernel_program(filtering, display, library=library, dark=dark)
    result, pixels = run_here(program, tmp_path, monkeypatch)
    expected = filtering.apply(picture).result
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-3)
    assert result.shape == expected.shape
    assert_same_picture(pixels, figures.DISPLAYS[display].draw(expected, dark=dark).pixels)


@pytest.mark.parametrize("library", snippets.LIBRARIES)
def test_the_program_runs_alone_on_a_file_named_on_the_command_line(library, tmp_path):
    filtering, display, dark = CASES["stride and dilation"]
    picture = photo()
    (tmp_path / "mine.png").write_bytes(images.encode_png(picture))
    program = snippets.kernel_program(filtering, display, library=library, dark=dark)
    assert "explorer" not in program
    result, pixels = run_alone(program, tmp_path, "mine.png")
    expected = filtering.apply(picture).result
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-3)
    assert_same_picture(pixels, figures.DISPLAYS[display].draw(expected, dark=dark).pixels)


@pytest.mark.parametrize(
    "link",
    [
        {},
        {"kernels.preset": "laplacian-8", "kernels.channels": "rgb", "kernels.display": "absolute"},
        {
            "kernels.image": "text",
            "kernels.weights": "1,0.5,-1.25;0,0.1,0;3,-2,-1",
            "kernels.flip": "1",
            "kernels.stride": "2",
            "kernels.padding": "edge",
            "kernels.bias": "-12.5",
            "kernels.relu": "1",
            "kernels.pooling": "average",
            "kernels.pool_size": "3",
        },
    ],
    ids=["as opened", "rgb", "everything"],
)
def test_the_programs_on_the_page_make_what_the_page_shows_and_downloads(link, open_page, sent, tmp_path, monkeypatch):
    link = {"kernels.image": "chelsea"} | link
    at = open_page(link=link)
    source = images.read_image(images.SAMPLES[link["kernels.image"]].read_bytes())
    (tmp_path / "picture.png").write_bytes(images.encode_png(source))
    downloaded = images.read_image(sent.download("result.png"))
    numbers = np.load(io.BytesIO(sent.download("result.npy")))
    shown = images.read_image(sent.pictures[at.image[1].value[0]])
    larger = len(shown) // len(downloaded)
    np.testing.assert_array_equal(shown[::larger, ::larger], downloaded)
    assert len(at.code) == len(snippets.LIBRARIES)
    for code in at.code:
        result, pixels = run_here(code.value, tmp_path, monkeypatch)
        np.testing.assert_allclose(result, numbers, rtol=1e-5, atol=2e-3)
        assert_same_picture(pixels, downloaded)
