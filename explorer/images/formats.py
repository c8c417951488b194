"""What kind of file the bytes are, told by their first bytes, and what a hostile header would cost.

Nothing is decoded here. Pillow 13 already bounds the metadata that it reads; the two checks below are for
what it leaves open: a JPEG may ask for a million passes over the picture, and a TIFF for millions of strips
or one giant tile.
"""

import re
import struct
from typing import NoReturn

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from explorer.errors import ImageInputError

ALLOWED = "PNG, JPEG, WebP, BMP, GIF and TIFF can be read"

MAX_JPEG_SCANS = 100
"""Progressive JPEGs have about 10 scans; each one costs a pass over the whole picture."""
MAX_TIFF_VALUES = 100_000
"""Most numbers in one TIFF tag; Pillow makes Python objects of every strip's offset."""

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "TIFF"),
)

# Pillow's own classes, and not Image.open, which warns above 89 megapixels: the limits are ours and checked
# by us, and Python's warnings cannot be silenced in one thread only.
_CLASSES: tuple[tuple[str, type[ImageFile.ImageFile]], ...] = (
    ("PNG", PngImagePlugin.PngImageFile),
    ("JPEG", JpegImagePlugin.JpegImageFile),
    ("GIF", GifImagePlugin.GifImageFile),
    ("BMP", BmpImagePlugin.BmpImageFile),
    ("WebP", WebPImagePlugin.WebPImageFile),
    ("TIFF", TiffImagePlugin.TiffImageFile),
)

_STRANGERS = (
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml.*?|<!--.*?|<!doctype svg.*?)?<svg[\s>]", re.DOTALL | re.IGNORECASE),
        "This is an SVG drawing, which has shapes and no pixels. Export it as PNG and try again.",
    ),
    (
        re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
        "This is a HEIC picture, which cannot be read here. Save or export it as JPEG and try again.",
    ),
    (
        re.compile(rb".{4}ftypavi[fs]", re.DOTALL),
        "This is an AVIF picture, which cannot be read here. Save or export it as PNG or JPEG and try again.",
    ),
    (
        re.compile(rb"%PDF"),
        f"This is a PDF document, not a picture; {ALLOWED}. Export a page as PNG and try again.",
    ),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype )?html", re.IGNORECASE),
        f"This is a web page, not a picture; {ALLOWED}. Save the picture itself and try again.",
    ),
)


def recognise(data: bytes) -> str:
    """The name of the format that the bytes start like: PNG, JPEG, GIF, BMP, WebP or TIFF.

    Raises:
        ImageInputError: they start like none of these; SVG, HEIC and AVIF have their own sentence.

    >>> recognise(b"GIF89a...")
    'GIF'
    """
    for signature, name in _SIGNATURES:
        if signature.match(data):
            return name
    for signature, sentence in _STRANGERS:
        if signature.match(data[:4096]):
            raise ImageInputError(sentence)
    raise ImageInputError(f"This file is not a picture of a kind that is known here; {ALLOWED}.")


def plugin(name: str) -> type[ImageFile.ImageFile]:
    """Pillow's class for a format that :func:`recognise` named."""
    return dict(_CLASSES)[name]


def has_no_pixels(name: str, data: bytes) -> bool:
    """Whether the header of a PNG, GIF or BMP says that the picture is zero pixels wide or high.

    >>> has_no_pixels("GIF", b"GIF89a" + bytes(4))
    True
    """
    layout = {"PNG": (">II", 16), "GIF": ("<HH", 6), "BMP": ("<ii", 18)}
    if name not in layout:
        return False
    fields, at = layout[name]
    return len(data) >= at + struct.calcsize(fields) and 0 in struct.unpack_from(fields, data, at)


def check_cost(name: str, data: bytes, max_pixels: int) -> None:
    """Refuse a file whose header asks for more work than its picture is worth.

    Args:
        name: the format, as :func:`recognise` named it.
        data: the whole file.
        max_pixels: most pixels (height × width) of a picture, and so of one TIFF tile.

    Raises:
        ImageInputError: too many JPEG scans, or too many strips or too large tiles in a TIFF.

    >>> check_cost("GIF", b"GIF89a", 40_000_000)
    """
    if name == "JPEG":
        _check_scans(data)
    elif name == "TIFF":
        _check_tags(data, max_pixels)


def _check_scans(data: bytes) -> None:
    # Inside a scan a byte FF is followed by 00 or by a restart marker, so what matches is a segment.
    marker = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]")
    scans, at = 0, 2
    while (found := marker.search(data, at)) and found[0] != b"\xff\xd9":
        scans += found[0] == b"\xff\xda"
        if scans > MAX_JPEG_SCANS:
            raise ImageInputError(
                f"This JPEG has over {MAX_JPEG_SCANS} scans, too many to decode. Save it again and try that."
            )
        at = found.end() + max(2, int.from_bytes(data[found.end() : found.end() + 2]))


def _check_tags(data: bytes, max_pixels: int) -> None:
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    tile = {322: 1, 323: 1}
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (number,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        for index in range(min(number, 65_535)):
            at = start + (8 + 20 * index if big else 2 + 12 * index)
            tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
            if count > MAX_TIFF_VALUES and kind not in (1, 2, 6, 7):  # bytes and text may be long
                _refuse_tiff(f"lists more than {MAX_TIFF_VALUES:,} strips or other numbers")
            if tag in tile:
                value = "H" if kind == 3 else "I" if kind == 4 else "Q"
                (tile[tag],) = struct.unpack_from(order + value, data, at + (12 if big else 8))
    except (struct.error, OverflowError, ValueError):
        _refuse_tiff("is damaged or cut short in its header")
    if tile[322] * tile[323] > max_pixels:
        _refuse_tiff(f"is made of tiles of {tile[322]} × {tile[323]} pixels; {max_pixels:,} pixels is the limit")


def _refuse_tiff(reason: str) -> NoReturn:
    raise ImageInputError(f"This TIFF file {reason}. Save it again as PNG and try that.")
