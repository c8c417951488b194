"""The Kernels page: every option without an exception, pictures in, shapes, links, limits and experiments."""

import io
import itertools
import re
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import datasets, images, settings, windows
from explorer.kernels import KERNELS
from explorer.ui import kernel_options

KEYS = {
    "image", "upload", "preset", "size", "weights", "stride", "padding", "dilation", "bias", "channels", "flip",
    "display", "relu", "pooling",
}  # fmt: skip
"""The names that tests and links hang on."""


EDGES_COMPARED = {"kernels.family": "Edges", "kernels.tab": "compare"}


def png(pixels):
    return images.encode_png(np.asarray(pixels, np.uint8))


def noise(seed, shape=(20, 30, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def chunk(name, contents):
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def upload(at, contents, name="mine.png"):
    return at.file_uploader(key="kernels.upload").set_value((name, contents, "image/png")).run()


def url(at):
    return {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}


def captions(at):
    assert not at.exception
    return "\n".join(caption.value for caption in at.caption)


def shape_in(at):
    found = re.search(r"\*\*In\*\* · (\d+) × (\d+) × (\d)", captions(at))
    return tuple(map(int, found.groups()))


def shapes_out(at):
    found = re.search(r"\*\*Out\*\* · ([\d × →]+) ·", captions(at))[1]
    *stages, channels = found.rsplit(" × ", 1)
    return [tuple(map(int, stage.split(" × "))) for stage in stages[0].split(" → ")], int(channels)


def given(at, sent):
    """The picture that the page shows as its input, at its own size."""
    shown = images.read_image(sent.pictures[next(iter(at.main.get("image"))).value[0]])
    height, width, _ = shape_in(at)
    return shown[:: len(shown) // height, :: shown.shape[1] // width]


def test_tensorflow_is_not_imported_for_the_first_screen():
    program = """
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("app.py", default_timeout=60).run()
at = at.switch_page("pages/kernels.py").run()
assert not at.exception
assert at.title[0].value == "Kernels" and len(at.image) >= 2
print(sorted({"tensorflow", "keras", "torch", "jax"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=settings.ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_promised_keys_are_there_on_the_page(open_page):
    at = open_page()
    drawn = {key for key in at.session_state.keys() if key.startswith("kernels.")}  # noqa: SIM118
    assert {f"kernels.{key}" for key in KEYS} <= drawn
    assert {f"kernels.{key}" for key in KEYS if key != "upload"} <= {c.key for c in kernel_options.CONTROLS}


COMBINATIONS = [
    {"stride": 3, "padding": "valid"},
    {"dilation": 2, "channels": "rgb", "display": "signed"},
    {"stride": 2, "dilation": 3, "padding": "reflect", "flip": True, "display": "absolute"},
    {"padding": "edge", "bias": -100.0, "relu": True, "pooling": "max", "display": "stretched"},
    {"channels": "blue", "pooling": "average", "pool_size": 3, "display": "clipped"},
]


def test_every_preset_with_some_options_gives_a_picture_of_the_right_size(open_page):
    at = open_page()
    for preset, combination in zip(KERNELS, itertools.cycle(COMBINATIONS)):
        options = {"stride": 1, "padding": "same", "dilation": 1, "bias": 0.0, "channels": "grey", "flip": False}
        options |= {"relu": False, "pooling": "none", "pool_size": 2, "display": "auto"} | combination
        chosen = [(control, options.get(control.key.partition(".")[2])) for control in kernel_options.CONTROLS]
        link = {control.key: control.text(value) for control, value in chosen if value is not None}
        at.query_params = {"kernels.image": "digit", "kernels.preset": preset} | link
        at.run()
        assert not at.exception, preset
        assert not at.info, preset
        size = at.number_input(key="kernels.size").value
        fits = options["padding"] != "valid" or size <= 16
        assert bool(at.error) != fits
        if fits:
            stages, channels = shapes_out(at)
            out = windows.output_size(16, size, options["stride"], options["padding"], options["dilation"])
            pooled = [(out // options["pool_size"],) * 2] if options["pooling"] != "none" else []
            assert stages == [(16, 16), (out, out), *pooled], preset
            assert channels == (3 if options["channels"] == "rgb" else 1)


def test_the_captions_shapes_and_range_are_those_of_the_numbers(open_page, sent):
    link = {"kernels.image": "rocket", "kernels.stride": "3", "kernels.padding": "valid", "kernels.dilation": "2"}
    at = open_page(link=link | {"kernels.pooling": "max", "kernels.channels": "rgb"})
    result = np.load(io.BytesIO(sent.download("result.npy")))
    height, width = images.read_image(images.SAMPLES["rocket"].read_bytes()).shape[:2]
    assert shape_in(at) == (height, width, 3)
    rows, columns = ((side - 5) // 3 + 1 for side in (height, width))
    assert shapes_out(at) == ([(height, width), (rows, columns), (rows // 2, columns // 2)], 3)
    assert result.shape == (rows // 2, columns // 2, 3)
    assert f"min **{result.min():.4g}**" in captions(at)
    assert f"max **{result.max():.4g}**" in captions(at)
    assert f"**{np.mean(result < 0):.0%}** negative" in captions(at)


def test_the_share_clipped_is_the_displays_own(open_page, sent):
    at = open_page(link={"kernels.display": "clipped", "kernels.bias": "200"})
    result = np.load(io.BytesIO(sent.download("result.npy")))
    assert f"**{np.mean((result < 0) | (result > 255)):.1%}** clipped" in captions(at)


def test_a_picture_of_nothing_says_so(open_page):
    assert "there is nothing to see" in captions(open_page(link={"kernels.weights": "0"}))


@pytest.mark.parametrize(
    "options",
    [
        {"kernels.padding": "valid", "kernels.dilation": "4", "kernels.preset": "gaussian"},
        {"kernels.stride": "8", "kernels.pooling": "max", "kernels.pool_size": "8"},
    ],
)
def test_a_window_larger_than_the_picture_is_a_sentence_that_can_be_put_right(open_page, options):
    at = open_page(link=options)
    assert len(at.error) == 1
    assert "window" in at.error[0].value or "pooling block" in at.error[0].value
    at.selectbox(key="kernels.padding").set_value("same").run()
    at.button_group(key="kernels.pooling").set_value("none").run()
    assert not at.error
    assert shapes_out(at)


BAD = {
    "not an image": (b"Dear diary, " * 100, "not a picture of a kind"),
    "empty": (b"", "empty"),
    "truncated": (png(noise(1))[:400], "cut short|damaged|cannot be"),
    "bomb": (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b""),
        "megapixels",
    ),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG"),
    "web page": (b"<!doctype html><script>alert(1)</script>", "web page"),
}


def test_bad_files_are_refused_with_a_sentence_and_the_picture_stays(open_page, sent):
    at = upload(open_page(), png(noise(2)))
    for name, (contents, sentence) in BAD.items():
        at = upload(at, contents, f"{name}.png")
        assert not at.exception, name
        assert len(at.error) == 1, name
        assert re.search(sentence, at.error[0].value), name
        assert shape_in(at) == (20, 30, 1)
        assert at.run().error[0].value, name  # it is still said after another rerun
    at = at.file_uploader(key="kernels.upload").set_value(None).run()
    assert not at.error
    assert shape_in(at) == (20, 30, 1)


@pytest.mark.parametrize("profile", ["local", "hosted"])
def test_the_byte_cap_is_checked_on_the_server(open_page, monkeypatch, profile):
    monkeypatch.setenv("EXPLORER_PROFILE", profile)
    large = png(noise(3)) + bytes(settings.HOSTED.max_image_bytes)
    at = upload(open_page(), large + profile.encode())
    refused = profile == "hosted"
    assert bool(at.error) == refused
    assert shape_in(at)[:2] == ((16, 16) if refused else (20, 30))
    assert at.file_uploader(key="kernels.upload").proto.max_upload_size_mb == (15 if refused else 50)


def test_the_hosted_pixel_limit_holds(open_page, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = upload(open_page(), cv2.imencode(".png", np.zeros((4100, 4000), np.uint8))[1].tobytes())
    assert "16" in at.error[0].value
    assert shape_in(at) == (16, 16, 1)


def test_an_unknown_profile_is_a_sentence(open_page, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "nonsense")
    assert "local or hosted" in open_page().error[0].value


def test_an_upload_replaces_the_picture_and_previous_brings_it_back(open_page, sent):
    one, other = noise(4), noise(5, (18, 24, 3))
    at = upload(open_page(link={"kernels.channels": "rgb"}), png(one), "one.png")
    np.testing.assert_array_equal(given(at, sent), one)
    assert r"one.png" in captions(at)
    assert url(at)["kernels.image"] == "own"
    at = upload(at, png(other), "other.png")
    np.testing.assert_array_equal(given(at, sent), other)
    for expected in (one, other, one):
        at = at.button(key="kernels.previous").click().run()
        np.testing.assert_array_equal(given(at, sent), expected)
    at = at.button_group(key="kernels.image").set_value("face").run()
    assert shape_in(at) == (24, 24, 3)
    at = at.button(key="kernels.previous").click().run()
    np.testing.assert_array_equal(given(at, sent), one)


def test_an_image_of_a_dataset_becomes_the_picture(open_page, sent):
    at = open_page(link={"kernels.channels": "rgb"})
    at = at.number_input(key="kernels.dataset_image").set_value(7).run()
    at = at.button(key="kernels.take_dataset_image").click().run()
    assert not at.exception
    shapes = datasets.load("shapes")
    np.testing.assert_array_equal(given(at, sent), shapes.test.images[7])
    assert shapes.class_names[shapes.test.labels[7]] in captions(at)


def test_transparent_parts_are_shown_on_the_chosen_background(open_page, sent):
    clear = cv2.imencode(".png", np.zeros((20, 30, 4), np.uint8))[1].tobytes()
    at = upload(open_page(link={"kernels.channels": "rgb"}), clear)
    for name, level in (("white", 255), ("black", 0), ("grey", 128)):
        at = at.button_group(key="kernels.background").set_value(name).run()
        assert not at.exception
        assert np.unique(given(at, sent)).tolist() == [level]


def test_a_sample_pressed_before_an_upload_can_be_pressed_again(open_page):
    at = open_page(link={"kernels.image": "chelsea"})
    at = at.button_group(key="kernels.image").set_value("face").run()
    at = upload(at, png(noise(4)))
    assert shape_in(at) == (20, 30, 1)
    assert at.button_group(key="kernels.image").value is None
    at = at.button_group(key="kernels.image").set_value("face").run()
    assert shape_in(at) == (24, 24, 1)
    assert shape_in(at.run()) == (24, 24, 1)


def test_the_picture_and_every_choice_follow_to_another_page_and_back(open_app, sent):
    at = upload(open_app("kernels"), png(noise(6)))
    at = at.number_input(key="kernels.stride").set_value(2).run()
    at = at.selectbox(key="kernels.preset").set_value("gaussian").run()
    link, numbers = url(at), sent.download("result.npy")
    at.query_params = {}  # as the browser does it
    at = at.switch_page("pages/home.py").run()
    assert at.title[0].value == "ConvNet Explorer"
    at = at.switch_page("pages/kernels.py").run()
    assert shape_in(at) == (20, 30, 1)
    assert at.number_input(key="kernels.stride").value == 2
    assert sent.download("result.npy") == numbers
    assert url(at) == link


def test_another_session_sees_nothing_of_ours(open_page, sent):
    ours = upload(open_page(), png(noise(7)))
    theirs = open_page(link=url(ours))  # even with our link
    assert shape_in(theirs) != shape_in(ours)
    assert len(theirs.info) == 1
    assert "link never carries" in theirs.info[0].value
    assert theirs.button(key="kernels.previous").disabled or shape_in(theirs)[:2] == (300, 451)
    theirs = upload(theirs, png(noise(8, (12, 14, 3))))
    assert shape_in(ours.run()) == (20, 30, 1)
    assert shape_in(theirs.run()) == (12, 14, 1)


def test_a_file_name_is_text_and_nothing_else(open_page):
    at = upload(open_page(), png(noise(9)), "![x](http://127.0.0.1/x) <b>**$y$**.png")
    line = next(caption.value for caption in at.caption if caption.value.startswith("**In**"))
    assert r"\!" in line or r"\[x\]" in line
    assert r"\<b\>" in line
    assert r"\*\*" in line


HOSTILE = [99, -1, 0, 10**30, float("nan"), "x", "../../etc/passwd", None, True, [], {"a": 1}, (1, 2), b"x", object()]


TYPED_BY_HAND = [control for control in kernel_options.CONTROLS if control.key != "kernels.weights"]


@pytest.mark.parametrize("control", TYPED_BY_HAND, ids=lambda control: control.key)
def test_nonsense_in_the_session_never_raises(control):
    place = TYPED_BY_HAND.index(control)
    for value in (HOSTILE * 2)[place % len(HOSTILE) :: 5][:2]:
        at = AppTest.from_file(str(settings.ROOT / "pages" / "kernels.py"), default_timeout=60)
        at.session_state["kernels.image"] = "digit"
        at.session_state[control.key] = value
        at.run()
        assert not at.exception, (control.key, value)
        assert not at.error, (control.key, value)


def test_a_hostile_link_gives_defaults_and_notes(open_page):
    link = {control.key: "<img src=x onerror=alert(1)>" for control in kernel_options.CONTROLS}
    at = open_page(link=link | {"kernels.nothing": "1"})
    assert len(at.info) == len(kernel_options.CONTROLS) + 1
    assert not any("onerror" in note.value for note in at.info)
    assert url(at) == {}
    assert not at.run().info


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, {"kernels.image": "brick", "kernels.preset": "sobel-y", "kernels.display": "signed"}),
        (1, {"kernels.preset": "gaussian", "kernels.stride": "4", "kernels.display": "clipped"}),
        (2, {"kernels.preset": "sobel-x", "kernels.relu": "1", "kernels.pooling": "max"}),
    ],
)
def test_each_experiment_sets_up_what_it_speaks_of(open_page, number, expected):
    at = open_page(link={"kernels.weights": "1,2;3,4", "kernels.size": "2"})
    at = at.button(key=f"kernels.try_{number}").click().run()
    assert not at.exception
    assert not at.error
    defaults = {control.key: control.text(control.default) for control in kernel_options.CONTROLS if control.default}
    link = defaults | url(at)
    assert {key: link[key] for key in expected} == expected
    assert "kernels.weights" not in url(at)
    assert at.selectbox(key="kernels.preset").value == expected["kernels.preset"]
    again = open_page(link={"kernels.image": "chelsea"} | url(at))
    assert shapes_out(again) == shapes_out(at) if number == 0 else shapes_out(again)


def test_the_formula_has_the_pages_own_numbers(open_page):
    at = open_page(link={"kernels.stride": "2", "kernels.dilation": "3", "kernels.padding": "valid"})
    text = "\n".join(block.value for block in at.markdown)
    assert r"\frac{16 - 7}{2} \right\rfloor + 1 = 5" in text


@pytest.mark.parametrize("family", sorted({kernel.family for kernel in KERNELS.values()}))
def test_comparing_shows_every_kernel_of_the_family(open_page, family):
    at = open_page(link={"kernels.family": family, "kernels.tab": "compare"})
    members = [slug for slug, kernel in KERNELS.items() if kernel.family == family]
    buttons = {button.key for button in at.button}
    assert {f"kernels.use_{slug}" for slug in members} == {key for key in buttons if key.startswith("kernels.use_")}


def test_a_kernel_of_the_comparison_that_does_not_fit_spoils_nothing_else(open_page):
    at = open_page(link=EDGES_COMPARED | {"kernels.padding": "valid", "kernels.dilation": "3"})
    assert not at.error
    assert captions(at).count("larger than the picture") == 1  # the Laplacian of Gaussian: 9 cells, 25 pixels wide
    assert len(at.code) == 2
