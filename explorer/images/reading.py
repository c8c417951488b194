"""From the bytes of a file to upright RGB pixels, in steps that each guard the next.

The order matters: bytes counted → format recognised → header's cost → size checked → decoded → upright →
16-bit and float rescaled → transparency and colours → RGB. Nothing is decoded before its size is known.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageFile

from explorer.errors import ImageInputError
from explorer.images.formats import ALLOWED, check_cost, has_no_pixels, plugin, recognise
from explorer.settings import MEGABYTE, MEGAPIXEL, Settings, current

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Picture:
    """A picture that was read.

    Attributes:
        pixels: uint8 (H, W, 3), upright RGB, contiguous.
        notes: a short sentence for each thing that was done to the picture on the way.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def read_image(data: bytes, *, background: tuple[int, int, int] = WHITE) -> np.ndarray:
    """The upright RGB pixels of a picture file.

    Args:
        data: the whole PNG, JPEG, WebP, BMP, GIF or TIFF file.
        background: red, green, blue in 0–255, shown where the picture is transparent.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ImageInputError: as for :func:`read`, and nothing else, whatever the bytes.

    >>> from explorer.images import encode_png
    >>> read_image(encode_png(np.full((2, 3), 7, np.uint8))).shape
    (2, 3, 3)
    """
    return read(data, background=background).pixels


def read(data: bytes, *, background: tuple[int, int, int] = WHITE, limits: Settings | None = None) -> Picture:
    """The upright RGB pixels of a picture file, with notes on what was done to it.

    The picture is turned as its EXIF orientation says, transparency is laid over ``background``, CMYK becomes
    RGB, and of an animation or a many-page TIFF the first frame is taken.

    Grey pictures of 16 or 32 bits or floats are rescaled, not clipped. When their values lie in the full
    range (0–65535 for integers, 0–1 for floats) and use more than a sixteenth of it, the full range goes to
    0–255, so that a photo keeps its brightness. Otherwise (12-bit cameras, measurements, negative numbers)
    the smallest value goes to 0 and the largest to 255. NaN goes to the low end. Of 16-bit colour the upper
    eight bits are kept.

    Args:
        data: the whole PNG, JPEG, WebP, BMP, GIF or TIFF file.
        background: red, green, blue in 0–255, shown where the picture is transparent.
        limits: the most bytes and pixels; ``settings.current()`` when not given.

    Returns:
        A :class:`Picture`.

    Raises:
        ImageInputError: the bytes are no such picture, damaged, cut short, or over the limits.

    >>> read(b"")
    Traceback (most recent call last):
    explorer.errors.ImageInputError: The file is empty. PNG, JPEG, WebP, BMP, GIF and TIFF can be read.
    """
    limits = limits or current()
    _check_arguments(data, background, limits)
    data = bytes(data)
    name = recognise(data)
    check_cost(name, data, limits.max_image_pixels)
    _silence_pillow()
    image = _open(name, data, limits)
    _check_size(image.size, limits)
    try:
        return _decode(image, tuple(background))
    except MemoryError as error:
        raise ImageInputError(f"There is not enough memory to decode this {name} file. Make it smaller.") from error
    except Exception as error:  # Pillow's decoders raise many kinds; each means that these bytes are no picture.
        raise ImageInputError(
            f"This {name} file is damaged, cut short or of an unusual kind: its pixels could not be decoded. "
            "Save or download it again and try that."
        ) from error


def size_of(data: bytes) -> tuple[int, int]:
    """Height and width that a picture file's header says, without decoding it; (0, 0) where it says none.

    >>> from explorer.images import encode_png
    >>> size_of(encode_png(np.full((2, 3), 7, np.uint8))), size_of(b"")
    ((2, 3), (0, 0))
    """
    limits = current()
    try:
        _check_arguments(data, WHITE, limits)
        width, height = _open(recognise(data), data, limits).size
    except ImageInputError:
        return 0, 0
    return int(height), int(width)


def _check_arguments(data: object, background: object, limits: Settings) -> None:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ImageInputError(f"A picture is read from the bytes of its file, not from {type(data).__name__}.")
    if not data:
        raise ImageInputError(f"The file is empty. {ALLOWED}.")
    size = memoryview(data).nbytes
    if size > limits.max_image_bytes:
        raise ImageInputError(
            f"The file is {size / MEGABYTE:.1f} MB; the limit is {limits.max_image_bytes / MEGABYTE:g} MB. "
            "Make it smaller and try again."
        )
    levels = list(background) if isinstance(background, tuple | list) else []
    if len(levels) != 3 or not all(isinstance(level, int) and 0 <= level <= 255 for level in levels):
        raise ImageInputError(f"The background is {background!r}; it must be three whole numbers in 0–255.")


def _silence_pillow() -> None:
    # Pillow warns about odd metadata, which a stranger's picture may be full of. catch_warnings is not
    # thread-safe before Python 3.14, so one narrow filter is put first, and left there.
    module = r"PIL\."
    if not warnings.filters or getattr(warnings.filters[0][3], "pattern", None) != module:
        warnings.filterwarnings("ignore", module=module)


def _open(name: str, data: bytes, limits: Settings) -> ImageFile.ImageFile:
    try:
        return plugin(name)(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise ImageInputError(
            f"The picture is far above the limit of {limits.max_image_pixels / MEGAPIXEL:g} megapixels. "
            "Make it smaller and try again."
        ) from error
    except Exception as error:
        if has_no_pixels(name, data):
            raise ImageInputError("The picture has no pixels: it is zero wide or zero high.") from error
        raise ImageInputError(
            f"This file starts like a {name} picture but is damaged, cut short or of an unusual kind. "
            "Save or download it again and try that."
        ) from error


def _check_size(size: tuple[int, int], limits: Settings) -> None:
    width, height = size
    if width * height > limits.max_image_pixels:
        raise ImageInputError(
            f"The picture is {width * height / MEGAPIXEL:.1f} megapixels ({width} × {height}); "
            f"the limit is {limits.max_image_pixels / MEGAPIXEL:g}. Make it smaller and try again."
        )


def _decode(image: ImageFile.ImageFile, background: tuple[int, ...]) -> Picture:
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("Only the first of several frames is shown.")
    # Pillow turns a TIFF itself, and forgets how. Asking a PNG for its EXIF decodes it and hides what went
    # wrong, so that must come after load.
    turn = _orientation(image) if image.format == "TIFF" else None
    image.load()
    pixels, more = _to_rgb(image, background)
    if image.format != "TIFF" and (turn := _orientation(image)) is not None:
        pixels = np.array(Image.fromarray(pixels).transpose(turn))
    if turn is not None:
        notes.append("Turned upright as its EXIF says.")
    return Picture(pixels, (*notes, *more))


def _orientation(image: Image.Image) -> Image.Transpose | None:
    # EXIF 2.32, tag 0x0112: where row 0 and column 0 of the stored picture belong.
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  broken EXIF is no reason to refuse a picture
        return None


def _to_rgb(image: Image.Image, background: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    if image.mode.startswith("I") or image.mode == "F":
        grey, note = _rescale(np.asarray(image), full=1.0 if image.mode == "F" else 65535.0)
        notes = [note]
        pixels = np.repeat(grey[:, :, None], 3, axis=2)
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            pixels[np.asarray(image) == transparent] = background
            notes.append(_on(background))
        return pixels, notes
    if image.mode in ("CMYK", "YCbCr", "HSV"):
        return np.array(image.convert("RGB")), [f"Converted from {image.mode} to RGB."]
    if not image.has_transparency_data:
        return np.array(image.convert("RGB")), []
    layer = image.convert("RGBA")
    alpha = layer.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return np.array(layer.convert("RGB")), []
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(layer.convert("RGB"), mask=alpha)
    return np.array(canvas), [_on(background)]


def _on(background: tuple[int, ...]) -> str:
    return f"Transparent parts are shown on {'white' if background == WHITE else f'the colour {background}'}."


def _rescale(values: np.ndarray, full: float) -> tuple[np.ndarray, str]:
    """Values of any range (H, W) to uint8 (H, W) by the rule in :func:`read`, and a sentence about it."""
    scaled = values.astype(np.float64)
    finite = scaled[np.isfinite(scaled)]
    smallest, largest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    low, high = smallest, largest
    if low == high or (low >= 0 and full / 16 < high <= full):
        low, high = 0.0, full
    scaled = np.nan_to_num(scaled, copy=False, nan=low, posinf=high, neginf=low)
    scaled -= low
    scaled *= 255 / (high - low)
    kind = "Float" if values.dtype.kind == "f" else f"{8 * values.dtype.itemsize}-bit"
    note = f"{kind} values {smallest:g}–{largest:g} were rescaled: {low:g} is shown as 0 and {high:g} as 255."
    if finite.size < values.size:
        note += " Values that are not finite numbers are shown at the ends of that range."
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8), note
