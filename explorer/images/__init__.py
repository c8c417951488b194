"""Pictures in: from the bytes of any file to a checked, upright RGB array, and the bundled samples."""

from explorer.errors import ImageInputError
from explorer.images.pixels import crop, encode_indexed_png, encode_png, fingerprint, reduce_to, to_grey, to_rgb
from explorer.images.reading import Picture, read, read_image, size_of
from explorer.images.samples import GALLERY, SAMPLE_ALT, SAMPLE_LABELS, SAMPLES, Sample

__all__ = [
    "GALLERY",
    "SAMPLES",
    "SAMPLE_ALT",
    "SAMPLE_LABELS",
    "ImageInputError",
    "Picture",
    "Sample",
    "crop",
    "encode_indexed_png",
    "encode_png",
    "fingerprint",
    "read",
    "read_image",
    "reduce_to",
    "size_of",
    "to_grey",
    "to_rgb",
]
