"""Pictures in: known values for every kind of file, and a sentence for every kind of trouble."""

import io
import struct
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from explorer import images
from explorer.errors import ExplorerError
from explorer.images import ImageInputError, read, read_image
from explorer.settings import HOSTED, LOCAL, Settings

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def saved(image, form, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width, height, *, raw=b"", depth=8, kind=2):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def tiff(*tags):
    """A little-endian TIFF with one directory of LONG tags and no pixels."""
    body = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + bytes(64)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WebP"])
def test_lossless_files_give_back_their_pixels(form):
    options = {"lossless": True} if form == "WebP" else {}
    picture = read(saved(COLOUR, form, **options))
    assert np.array_equal(picture.pixels, COLOUR)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.flags.writeable
    assert picture.notes == ()


def test_jpeg_agrees_with_opencv():
    smooth = cv2.resize(COLOUR, (70, 50))
    data = saved(smooth, "JPEG", quality=95)
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert np.abs(read_image(data).astype(int) - theirs).max() <= 2


# What undoes each orientation: EXIF says where the stored row 0 and column 0 belong.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WebP"])
def test_orientation(orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WebP" else {}
    picture = read(saved(COLOUR, form, exif=exif, **options))
    assert np.array_equal(picture.pixels, UPRIGHT[orientation](COLOUR))
    assert picture.pixels.flags.c_contiguous
    assert picture.notes == (("Turned upright as its EXIF says.",) if orientation > 1 else ())


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_exif_does_not_know_turns_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_image(saved(COLOUR, "PNG", exif=exif)), COLOUR)


def test_broken_exif_is_no_reason_to_refuse():
    assert read_image(saved(COLOUR, "PNG", exif=b"Exif\0\0II*\0garbage")).shape == COLOUR.shape


def test_alpha_is_laid_over_the_background():
    layer = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    data = saved(layer, "PNG")
    assert read_image(data).tolist() == [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]
    assert read_image(data, background=(0, 50, 250)).tolist() == [[[200, 100, 0], [0, 50, 250], [40, 60, 200]]]
    assert read(data).notes == ("Transparent parts are shown on white.",)
    assert read(data, background=(0, 50, 250)).notes == ("Transparent parts are shown on the colour (0, 50, 250).",)


def test_an_opaque_alpha_channel_needs_no_note():
    layer = np.dstack([COLOUR, np.full(COLOUR.shape[:2], 255, np.uint8)])
    picture = read(saved(layer, "PNG"))
    assert np.array_equal(picture.pixels, COLOUR)
    assert picture.notes == ()


def test_grey_with_alpha():
    layer = Image.merge("LA", [Image.new("L", (1, 1), 100), Image.new("L", (1, 1), 51)])
    assert read_image(saved(layer, "PNG"), background=(0, 0, 0)).tolist() == [[[20, 20, 20]]]


@pytest.mark.parametrize(
    ("mode", "colour", "transparency"), [("L", 9, 9), ("RGB", (9, 8, 7), (9, 8, 7)), ("P", 3, 3), ("1", 0, 0)]
)
def test_one_transparent_colour(mode, colour, transparency):
    image = Image.new(mode, (2, 1), colour)
    if mode == "P":
        image.putpalette([0] * 12)
    assert read_image(saved(image, "PNG", transparency=transparency), background=(1, 2, 3)).tolist() == [
        [[1, 2, 3], [1, 2, 3]]
    ]


def test_palette_and_one_bit():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert read_image(saved(image, "PNG")).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert read_image(saved(np.array([[True, False]]), "PNG")).tolist() == [[[255] * 3, [0] * 3]]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_divided_by_257(form):
    values = np.array([[0, 257, 25_700, 65_535]], np.uint16)
    picture = read(saved(values, form))
    assert picture.pixels[:, :, 1].tolist() == [[0, 1, 100, 255]]
    assert picture.notes == ("16-bit values 0–65535 were rescaled: 0 is shown as 0 and 65535 as 255.",)


def test_twelve_bits_in_sixteen_are_stretched():
    picture = read(saved(np.array([[12, 2021, 4031]], np.uint16), "TIFF"))
    assert picture.pixels[0, :, 0].tolist() == [0, 127, 255]
    assert picture.notes == ("16-bit values 12–4031 were rescaled: 12 is shown as 0 and 4031 as 255.",)


def test_sixteen_bits_with_a_transparent_value():
    data = saved(np.array([[0, 65_535]], np.uint16), "PNG", transparency=65_535)
    assert read_image(data, background=(1, 2, 3)).tolist() == [[[0, 0, 0], [1, 2, 3]]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.2, 1], [0, 51, 255]),
        ([-1, 0, 1], [0, 128, 255]),
        ([0, 100, 1000], [0, 26, 255]),
        ([np.nan, 0.4, 1, np.inf, -np.inf], [0, 102, 255, 255, 0]),
        ([np.nan, np.nan], [0, 0]),
        ([7, 7], [255, 255]),
        ([-3e38, 0, 3e38], [0, 128, 255]),
    ],
)
def test_floats_are_rescaled(values, expected):
    picture = read(saved(np.array([values], np.float32), "TIFF"))
    assert picture.pixels[0, :, 2].tolist() == expected
    assert picture.notes[0].startswith("Float values")
    assert ("not finite" in picture.notes[0]) == (not np.isfinite(values).all())


def test_thirty_two_bit_integers_are_stretched():
    assert read_image(saved(np.array([[-100_000, 0, 100_000]], np.int32), "TIFF"))[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


def test_cmyk_becomes_rgb():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for data in (saved(cmyk, "TIFF"), saved(cmyk, "JPEG", quality=100)):
        picture = read(data)
        assert np.abs(picture.pixels[4, 4].astype(int) - [255, 0, 0]).max() <= 2
        assert picture.notes == ("Converted from CMYK to RGB.",)


@pytest.mark.parametrize("form", ["GIF", "WebP", "PNG", "TIFF"])
def test_first_frame(form):
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("#ff0000", "#0000ff", "#00ff00")]
    options = {"lossless": True} if form == "WebP" else {}
    picture = read(saved(frames[0], form, save_all=True, append_images=frames[1:], **options))
    assert (picture.pixels == [255, 0, 0]).all()
    assert picture.pixels.shape == (2, 3, 3)
    assert picture.notes == ("Only the first of several frames is shown.",)


def sentence(data, **options):
    with pytest.raises(ImageInputError) as caught:
        read(data, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "file is empty"),
        (b"hello, world", "not a picture of a kind"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), "HEIC"),
        (b"\x00\x00\x00\x18ftypmif1" + bytes(20), "HEIC"),
        (b"\x00\x00\x00\x18ftypavif" + bytes(20), "AVIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE svg>\n<svg >", "SVG"),
        (b"\xef\xbb\xbf  <!-- drawn -->\n<svg\n>", "SVG"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04" + bytes(40), "not a picture of a kind"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"GIF89a", "damaged"),
        (b"BM", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"RIFF\0\0\0\0WEBP", "damaged"),
        (b"II*\0", "damaged"),
        (b"MM\0+", "damaged"),
        ("text", "not from str"),
        (None, "not from NoneType"),
    ],
)
def test_what_is_no_picture_is_told(data, words):
    told = sentence(data)
    assert words in told
    assert told.endswith(".")
    assert told[0].isupper()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF"])
def test_a_file_cut_short(form):
    noise = RNG.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    data = saved(noise, form)
    assert "damaged" in sentence(data[: len(data) // 2]) or form == "TIFF"


def test_a_picture_that_breaks_off_inside_is_not_half_shown():
    rows = b"".join(b"\0" + bytes(RNG.integers(0, 256, 300, dtype=np.uint8)) for _ in range(100))
    assert read_image(png(100, 100, raw=rows)).shape == (100, 100, 3)
    assert "damaged" in sentence(png(100, 100, raw=rows[:15_000]))
    broken = bytearray(png(100, 100, raw=rows))
    broken[20_000:20_100] = bytes(100)
    assert "damaged" in sentence(bytes(broken))


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (0, 0)])
def test_no_pixels(size):
    gif = b"GIF89a" + struct.pack("<HHBBB", *size, 0, 0, 0) + b","
    gif += struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x02\x44\x01\x00;"
    assert "no pixels" in sentence(gif)
    assert "no pixels" in sentence(png(*size))


def test_too_many_bytes():
    small = Settings(max_image_bytes=1_000_000)
    assert sentence(bytes(1_500_000), limits=small).startswith("The file is 1.5 MB; the limit is 1 MB.")


def test_a_bomb_is_refused_before_it_is_decoded():
    bomb = png(8_770, 8_770, raw=bytes(8_770 * (3 * 8_770 + 1)))
    assert len(bomb) < 300_000
    tracemalloc.start()
    told = sentence(bomb)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert told == "The picture is 76.9 megapixels (8770 × 8770); the limit is 40. Make it smaller and try again."


@pytest.mark.parametrize("side", [10_000, 60_000, 2_000_000_000])
def test_huge_headers_neither_warn_nor_decode(side):
    assert "the limit is 40" in sentence(png(side, side)).replace("limit of", "limit is")


def test_the_profile_sets_the_limits(monkeypatch):
    data = png(5_000, 4_000, raw=bytes(4_000 * 5_001), kind=0)
    assert read(data, limits=LOCAL).pixels.shape == (4_000, 5_000, 3)
    assert "the limit is 16" in sentence(data, limits=HOSTED)
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    assert "the limit is 16" in sentence(data)


def test_a_jpeg_of_many_scans():
    segment = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    data = saved(COLOUR, "JPEG", progressive=True)
    assert read_image(data).shape == COLOUR.shape
    assert "scans" in sentence(data[:-2] + 100 * (segment + b"\x12\x34") + b"\xff\xd9")


def test_scans_in_metadata_and_after_the_end_do_not_count():
    data = saved(COLOUR, "JPEG")
    note = b"\xff\xda" * 1000
    data = data[:2] + b"\xff\xe5" + struct.pack(">H", len(note) + 2) + note + data[2:] + note
    assert read_image(data).shape == COLOUR.shape


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([(256, 1, 10), (257, 1, 10), (322, 1, 60_000), (323, 1, 60_000)], "tiles of 60000 × 60000"),
        ([(256, 1, 10), (257, 1, 10), (273, 12_000_000, 8)], "more than 100,000 strips"),
    ],
)
def test_hostile_tiffs(tags, words):
    assert words in sentence(tiff(*tags))


@pytest.mark.parametrize("background", [(1, 2), (0, 0, 256), "red", None, (0.5, 0, 0)])
def test_a_bad_background(background):
    assert "three whole numbers" in sentence(saved(COLOUR, "PNG"), background=background)


def test_mutations_only_raise_the_error_for_the_person():
    rng = np.random.default_rng(1)
    noise = cv2.resize(COLOUR, (24, 18))
    forms = ["PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF"]
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = [saved(noise, form, exif=exif) if form in ("JPEG", "PNG", "WebP") else saved(noise, form) for form in forms]
    whole.append(saved(noise, "TIFF", compression="tiff_lzw"))
    small = Settings(max_image_pixels=1_000_000)
    outcomes = {"read": 0, "refused": 0}
    for turn in range(420):
        data = bytearray(whole[turn % len(whole)])
        for at in rng.integers(0, min(len(data), 200 if turn % 2 else len(data)), rng.integers(1, 6)):
            data[at] = rng.integers(0, 256)
        try:
            picture = read(bytes(data), limits=small)
        except ImageInputError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert picture.pixels.dtype == np.uint8
            assert picture.pixels.ndim == 3
    assert min(outcomes.values()) > 40


def test_pillow_and_its_globals_are_left_alone():
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    sentence(png(20_000, 20_000))
    read_image(saved(COLOUR, "PNG"))
    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


def test_the_warning_filter_is_narrow_and_added_once():
    read_image(saved(COLOUR, "PNG"))
    before = list(warnings.filters)
    read_image(saved(COLOUR, "PNG"))
    assert warnings.filters == before
    with pytest.raises(UserWarning, match="ours"):
        warnings.warn("ours", stacklevel=1)


def test_threads():
    files = [saved(np.full((40, 40, 3), level, np.uint8), "PNG") for level in range(16)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(read_image, files * 4))
    assert [int(result[0, 0, 0]) for result in results] == [*range(16)] * 4


def test_bytes_in_other_clothes():
    data = saved(COLOUR, "PNG")
    assert np.array_equal(read_image(bytearray(data)), COLOUR)
    assert np.array_equal(read_image(memoryview(data)), COLOUR)


def test_samples():
    assert next(iter(images.SAMPLES)) == "chelsea"
    assert isinstance(images.SAMPLES, MappingProxyType)
    shapes = {name: read_image(path.read_bytes()).shape for name, path in images.SAMPLES.items()}
    assert shapes["digit"] == (16, 16, 3)
    assert shapes["face"] == (24, 24, 3)
    assert shapes["chelsea"] == (300, 451, 3)
    assert sum(min(shape[:2]) > 100 for shape in shapes.values()) >= 6
    folder = images.SAMPLES["chelsea"].parent
    assert set(images.SAMPLES.values()) == set(folder.iterdir())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000
    licences = (folder.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in licences for path in images.SAMPLES.values())
    assert set(images.SAMPLES) == set(images.SAMPLE_LABELS) == set(images.SAMPLE_ALT)
    assert all(alt.endswith(".") for alt in images.SAMPLE_ALT.values())


def test_grey_is_luminance():
    one_each = np.array([[[100, 0, 0], [0, 100, 0], [0, 0, 100], [255, 255, 255]]], np.uint8)
    grey = images.to_grey(one_each)
    assert grey.dtype == np.float32
    assert grey == pytest.approx(np.array([[29.9, 58.7, 11.4, 255]]), abs=1e-3)
    assert np.array_equal(images.to_grey(one_each[:, :, 0]), one_each[:, :, 0])
    with pytest.raises(ExplorerError, match="shape"):
        images.to_grey(np.zeros((2, 2, 4)))


def test_fingerprint():
    picture = np.zeros((1000, 1000, 3), np.uint8)
    first = images.fingerprint(picture)
    assert len(first) == 64
    assert first == images.fingerprint(picture.copy())
    assert first == images.fingerprint(np.asfortranarray(picture))
    picture[777, 333, 1] = 1
    assert first != images.fingerprint(picture)
    assert images.fingerprint(np.zeros(4, np.uint8)) != images.fingerprint(np.zeros(4, np.int8))


def test_reduce_to_averages_areas():
    picture = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    blocks = picture.reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(images.reduce_to(picture, 15) - blocks).max() <= 0.5
    assert images.reduce_to(picture, 60) is picture
    assert images.reduce_to(picture[:, :, :1], 30).shape == (20, 30, 1)
    assert images.reduce_to(np.zeros((1000, 2), np.uint8), 10).shape == (10, 1)
    with pytest.raises(ImageInputError, match="at least 1"):
        images.reduce_to(picture, 0)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((1, 2, 2, 3), (1, 3), (2, 5)),
        ((-9, -9, 2, 2), (0, 2), (0, 2)),
        ((99, 99, 2, 2), (3, 5), (5, 7)),
        ((0, 0, 99, 99), (0, 5), (0, 7)),
        ((2, 2, 0, -3), (2, 3), (2, 3)),
    ],
)
def test_crop_stays_inside(box, rows, columns):
    assert np.array_equal(images.crop(COLOUR, *box), COLOUR[slice(*rows), slice(*columns)])


@pytest.mark.parametrize("picture", [COLOUR, COLOUR[:, :, 0], COLOUR[:, :, :1], COLOUR[::2, ::-1]])
def test_encode_png_is_what_pillow_reads(picture):
    theirs = np.asarray(Image.open(io.BytesIO(images.encode_png(picture))))
    assert np.array_equal(theirs, picture.squeeze())


@pytest.mark.parametrize("picture", [np.zeros((2, 2)), np.zeros((0, 2), np.uint8), np.zeros((2, 2, 2), np.uint8)])
def test_encode_png_refuses_the_rest(picture):
    with pytest.raises(ImageInputError):
        images.encode_png(picture)
