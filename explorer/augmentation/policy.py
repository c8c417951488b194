"""The policy: which random changes are made to pictures, and how strong they are at most."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation import applying, drawing, feeding, mixing
from explorer.augmentation.drawing import Drawn
from explorer.augmentation.registry import CHAINS, GEOMETRY, SUPPLEMENTS, TRANSFORMS
from explorer.errors import AugmentationError, MethodError, shown
from explorer.options import Interval
from explorer.settings import MAX_AUGMENTED_BYTES, MAX_POLICY_BYTES

if TYPE_CHECKING:
    import tensorflow as tf

Images = NDArray[np.uint8]

MAX_SHIFT = 10_000
"""Largest shift in pixels."""
MAX_FACTOR = 10.0
"""Largest zoom and brightness."""
LARGEST = 1e30
"""Of any number: one that is 32 bits wide can still hold it."""
MAX_SHEAR = 80.0
"""At 90° nothing would be left of the picture."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes to pictures, as data.

    Names and meanings of the first thirteen are those of Keras's ``ImageDataGenerator``: each picture draws its own
    values, evenly from the range. The others are described in :data:`~explorer.augmentation.TRANSFORMS`.

    The order: rotation, shifts, shear, zoom, flips and crop, which are one affine map and one resampling; channel
    shift, brightness, contrast; saturation, hue; grey; RandAugment; AugMix; blur; noise; JPEG; erasing; cutout. Then,
    on a batch, MixUp or CutMix, and at the very end ``rescale``.

    Attributes:
        rotation_range: degrees.
        width_shift_range: below 1 a share of the width; from 1 on pixels, whole ones below it if it is an int.
        height_shift_range: likewise, of the height.
        brightness_range: two factors, or None.
        shear_range: degrees.
        zoom_range: z for 1 − z to 1 + z, or the two factors; below 1 enlarges. Width and height draw independently.
        channel_shift_range: levels.
        fill_mode: key of ``FILL_MODES``.
        cval: grey level, 0–255, of the fill mode "constant".
        horizontal_flip: mirror every second picture.
        vertical_flip: turn every second one upside down.
        rescale: what a network is given is multiplied by this; no preview is. None for 1.
        crop_range: the part that is kept has sides of 1 − c to 1 of the picture's; then it is enlarged again.

    Raises:
        AugmentationError: a value is not allowed; the sentence says what is.

    >>> policy = Augmentation(rotation_range=40, horizontal_flip=True)
    >>> images, drawn = policy.sample(np.zeros((8, 8, 3), np.uint8), 4, seed=1)
    >>> images.shape, -40 <= drawn[0]["theta"] <= 40
    ((4, 8, 8, 3), True)
    >>> Augmentation(rotation_range=-1)
    Traceback (most recent call last):
    explorer.errors.AugmentationError: rotation_range is -1; it is a number of degrees from 0 to 360.
    """

    rotation_range: float = 0
    width_shift_range: float = 0
    height_shift_range: float = 0
    brightness_range: tuple[float, float] | None = None
    shear_range: float = 0
    zoom_range: float | tuple[float, float] = 0
    channel_shift_range: float = 0
    fill_mode: str = "nearest"
    cval: float = 0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    rescale: float | None = None
    crop_range: float = 0
    contrast_range: float = 0
    saturation_range: float = 0
    hue_range: float = 0
    grey_probability: float = 0
    blur_range: float = 0
    noise_range: float = 0
    jpeg_quality: int = 100
    erasing_probability: float = 0
    erasing_area: float = 0.33
    cutout: float = 0
    rand_augment: int = 0
    rand_augment_magnitude: int = 9
    aug_mix: int = 0
    aug_mix_severity: int = 3
    mixup: float = 0
    cutmix: float = 0

    def __post_init__(self) -> None:
        """Check every value, and keep plain numbers and tuples only, so that equal policies are equal and hashable."""
        for field in fields(self):
            object.__setattr__(self, field.name, _checked(field.name, getattr(self, field.name)))

    def __eq__(self, other: object) -> bool:
        """Alike in every value, and in whether shifts are whole pixels: 3 and 3.0 draw differently."""
        return isinstance(other, Augmentation) and self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)

    @property
    def _values(self) -> tuple[object, ...]:
        shifts = self.width_shift_range, self.height_shift_range
        return *asdict(self).values(), *(isinstance(span, int) and span >= 1 for span in shifts)

    @property
    def zoom(self) -> tuple[float, float]:
        """The two factors between which width and height are drawn."""
        return self.zoom_range if isinstance(self.zoom_range, tuple) else (1 - self.zoom_range, 1 + self.zoom_range)

    @property
    def active(self) -> tuple[str, ...]:
        """The parameters that change something, in the order of :data:`~explorer.augmentation.TRANSFORMS`.

        >>> Augmentation(rotation_range=5, fill_mode="wrap", cval=9).active
        ('rotation_range', 'fill_mode')
        """
        acting = [name for name in TRANSFORMS if name not in (*SUPPLEMENTS, "fill_mode") and self._acts(name)]
        if any(TRANSFORMS[name].family in (GEOMETRY, CHAINS) and name not in FLIPS_AND_CROP for name in acting):
            acting += ["fill_mode", "cval"] if self.fill_mode == "constant" else ["fill_mode"]
        acting += [more for more, about in SUPPLEMENTS.items() if about in acting and about != "fill_mode"]
        return tuple(name for name in TRANSFORMS if name in acting)

    def _acts(self, name: str) -> bool:
        if name == "zoom_range":
            return self.zoom != (1, 1)
        if name == "brightness_range":
            return self.brightness_range not in (None, (1, 1))
        return bool(getattr(self, name) != getattr(NOTHING, name))

    def but(self, **changes: Any) -> "Augmentation":
        """The same with other values.

        Raises:
            AugmentationError: there is no such parameter, or its value is not allowed.
        """
        _known(changes)
        return replace(self, **changes)

    def to_json(self) -> str:
        """The policy as JSON, which :meth:`from_json` reads back equal.

        >>> Augmentation.from_json(Augmentation(zoom_range=(0.5, 1)).to_json()).zoom_range
        (0.5, 1)
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Augmentation":
        """The policy that a JSON text describes; parameters that it does not name keep their defaults.

        Raises:
            AugmentationError: it is no JSON object, too long, or has parameters or values that are not allowed.
        """
        if len(text) > MAX_POLICY_BYTES:
            raise AugmentationError(f"The policy is longer than {MAX_POLICY_BYTES:,} characters; it needs a thousand.")
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise AugmentationError("The policy is not JSON. Save one from the Augmentation page.") from None
        if not isinstance(content, dict):
            raise AugmentationError("The policy is not a JSON object of parameters and values.")
        _known(content)
        return cls(**content)

    def sample(self, image: NDArray[Any], n: int = 16, seed: int = 0) -> tuple[Images, list[Drawn]]:
        """Random versions of one picture.

        With another ``n`` the first versions stay the same; so do, with another range, what other parameters drew.

        Args:
            image: (H, W, 1 or 3) or (H, W), uint8, or float in 0–255.
            n: how many, at least 1.
            seed: a whole number from 0; the same gives the same.

        Returns:
            uint8 (n, H, W, C), and what was drawn for each: ready for JSON, for :meth:`replay`, and for
            ImageDataGenerator's ``apply_transform``, whose names it bears.

        Raises:
            AugmentationError: the picture, the number or the seed is not allowed.
        """
        picture = applying.as_picture(image)
        if not _is_whole(n) or n < 1 or n * picture.size > MAX_AUGMENTED_BYTES:
            most = MAX_AUGMENTED_BYTES // picture.size
            raise AugmentationError(f"{shown(n)} versions were asked for; of this picture it can be 1 to {most:,}.")
        seed, made = check_seed(seed), np.empty((n, *picture.shape), np.uint8)
        drawn = [drawing.draw(self, picture.shape, seed, index) for index in range(n)]
        for index, one in enumerate(drawn):
            made[index] = applying.apply(self, picture, one)
        return made, drawn

    def replay(self, image: NDArray[Any], parameters: Drawn | Sequence[Drawn]) -> Images:
        """The very pixels that were made when these parameters were drawn.

        Args:
            image: the picture, as for :meth:`sample`.
            parameters: one of what ``sample`` returned, or several. Those of ImageDataGenerator's
                ``get_random_transform`` will do as well; what is missing changes nothing.

        Returns:
            uint8 (H, W, C) for one, (n, H, W, C) for several.

        Raises:
            AugmentationError: the picture or the parameters are not allowed.
        """
        picture = applying.as_picture(image)
        if isinstance(parameters, Mapping):
            return applying.apply(self, picture, drawing.checked(parameters))
        most = MAX_AUGMENTED_BYTES // picture.size
        if not isinstance(parameters, list | tuple) or not 1 <= len(parameters) <= most:
            raise AugmentationError(
                f"The drawn parameters are a dictionary, or a list of 1 to {most:,} of them, as sample() returns it."
            )
        made = np.empty((len(parameters), *picture.shape), np.uint8)
        for index, one in enumerate(parameters):
            made[index] = applying.apply(self, picture, drawing.checked(one))
        return made

    def augment(self, images: NDArray[Any], seed: int) -> Images:
        """One random version of each picture: what :meth:`sample` and :meth:`map` both do.

        Args:
            images: (N, H, W, 1 or 3), uint8, or float in 0–255.
            seed: picture number i draws from the stream (seed, i), as version number i does in :meth:`sample`.

        Returns:
            uint8 (N, H, W, C).

        Raises:
            AugmentationError: there are no pictures, or the seed is not allowed.
        """
        if np.ndim(images) != 4 or np.shape(images)[3] not in (1, 3):
            raise AugmentationError(f"A batch of pictures has the shape (N, H, W, 1 or 3), not {np.shape(images)}.")
        levels, seed = applying.as_levels(np.asarray(images)), check_seed(seed)
        made = np.empty_like(levels)
        for index, picture in enumerate(levels):
            made[index] = applying.apply(self, picture, drawing.draw(self, picture.shape, seed, index))
        return made

    def mix(self, images: Images, labels: NDArray[Any], seed: int) -> mixing.Mixed:
        """MixUp or CutMix on a batch; as it came where the policy has neither.

        Args:
            images: uint8 (N, H, W, C).
            labels: float (N, K), a one or shares that sum to 1 in each row.
            seed: the same gives the same.

        Returns:
            The blended pictures and labels, and what was drawn.
        """
        return mixing.mix(images, labels, mixup=self.mixup, cutmix=self.cutmix, seed=check_seed(seed))

    def map(self, dataset: "tf.data.Dataset", *, seed: int = 0, epoch: int = 0) -> "tf.data.Dataset":
        """A ``tf.data`` pipeline whose pictures are changed, each time it is run through in another way.

        Args:
            dataset: of pictures (H, W, C) or batches (N, H, W, C), or of tuples that begin with them; uint8, or float
                in 0–255. MixUp and CutMix need batches with one-hot labels.
            seed: the same gives the same, epoch by epoch.
            epoch: the number of the first run through, for a training that goes on.

        Returns:
            The same elements in the same order; pictures as float32: the whole levels that :meth:`sample` shows,
            times ``rescale``.

        Raises:
            AugmentationError: the elements are no pictures, or a mixture of pictures is asked for without labels.
                Levels are seen only while the pipeline runs: what is wrong with them is an error of TensorFlow.
        """
        return feeding.mapped(self, dataset, check_seed(seed), check_seed(epoch))


FLIPS_AND_CROP = ("horizontal_flip", "vertical_flip", "crop_range")
"""Geometric changes that leave no gap."""


def check_seed(seed: object) -> int:
    """The seed, if it is one."""
    if not _is_whole(seed) or not 0 <= int(seed) < 2**63:  # type: ignore[call-overload]
        raise AugmentationError(f"The seed is {shown(seed)}; it is a whole number from 0.")
    return int(seed)  # type: ignore[call-overload, no-any-return]


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _number(value: object) -> float | int | None:
    """A finite number as plain Python; None for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    return value


def _known(names: Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise AugmentationError(f"There is no parameter {str(unknown[0])[:60]!r}; there are {', '.join(FIELDS)}.")


def _checked(name: str, value: object) -> Any:
    """The value, if it is allowed."""
    if name in LEAST_AND_MOST:
        least, most, what = LEAST_AND_MOST[name]
        number = _number(value)
        if number is None or not least <= number <= most:
            raise AugmentationError(f"{name} is {shown(value)}; it is {what} from {least:g} to {most:,g}.")
        return number
    if name == "zoom_range":
        return _zoom(value)
    if name == "rescale":
        return _rescale(value)
    if name == "brightness_range" and value is None:
        return None
    option = TRANSFORMS[name].option
    if name == "brightness_range" and isinstance(option, Interval):
        option = replace(option, high=MAX_FACTOR)
    plain = value if (number := _number(value)) is None else number
    try:
        checked = option.check(name, plain)
    except MethodError as error:
        raise AugmentationError(str(error)) from None
    return plain if isinstance(plain, int | float) and not isinstance(plain, bool) else checked


def _zoom(value: object) -> float | tuple[float, float]:
    number = _number(value)
    if number is not None and 0 <= number < 1:
        return number
    ends = [_number(end) for end in value] if isinstance(value, tuple | list) and len(value) == 2 else []
    if len(ends) == 2 and None not in ends and 0 < ends[0] <= ends[1] <= MAX_FACTOR:  # type: ignore[operator]
        return ends[0], ends[1]  # type: ignore[return-value]
    raise AugmentationError(
        f"zoom_range is {shown(value)}; it is a number from 0 to below 1, or two factors above 0 and up to "
        f"{MAX_FACTOR:g}, the smaller one first."
    )


def _rescale(value: object) -> float | None:
    number = _number(value)
    if value is not None and (number is None or number == 0):
        raise AugmentationError(f"rescale is {shown(value)}; it is a number other than 0, such as 1/255, or None.")
    return number


LEAST_AND_MOST: Mapping[str, tuple[float, float, str]] = MappingProxyType(
    {
        "rotation_range": (0, 360, "a number of degrees"),
        "shear_range": (0, MAX_SHEAR, "a number of degrees"),
        "width_shift_range": (0, MAX_SHIFT, "a share below 1 or a number of pixels"),
        "height_shift_range": (0, MAX_SHIFT, "a share below 1 or a number of pixels"),
        "channel_shift_range": (0, 255, "a number of levels"),
    }
)
"""Parameters of which a script may ask for more than a page's widget offers."""

FIELDS = tuple(field.name for field in fields(Augmentation))
NOTHING = Augmentation()
"""The policy that changes nothing."""


@dataclass(frozen=True)
class Preset:
    """A policy that is known by name.

    Attributes:
        title: what a page calls it.
        policy: itself.
        note: where it is from, or what it is for.
    """

    title: str
    policy: Augmentation
    note: str


_TUTORIAL = Augmentation(
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.2,
    shear_range=0.2,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode="nearest",
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "chollet": Preset(
            "Chollet's cats and dogs",
            _TUTORIAL,
            "Deep Learning with Python: 82 % right with it, 72 % without.",
        ),
        "course": Preset(
            "deeplearning.ai course",
            _TUTORIAL.but(rescale=1 / 255),
            "The same ranges; pixels are divided by 255.",
        ),
        "gentle": Preset(
            "Gentle",
            Augmentation(
                rotation_range=8, width_shift_range=0.05, height_shift_range=0.05, zoom_range=0.1, horizontal_flip=True
            ),
            "A little of everything: a start for most photos.",
        ),
        "flip": Preset(
            "Mirror only", Augmentation(horizontal_flip=True), "For most photos the safest change there is."
        ),
        "heavy": Preset(
            "Heavy",
            _TUTORIAL.but(
                rotation_range=60,
                shear_range=20,
                zoom_range=0.4,
                fill_mode="reflect",
                brightness_range=(0.6, 1.4),
                contrast_range=0.4,
                saturation_range=0.5,
                hue_range=20,
                noise_range=15,
                blur_range=1.5,
                erasing_probability=0.5,
            ),
            "More than most pictures bear.",
        ),
        "rand-augment": Preset(
            "RandAugment",
            Augmentation(rand_augment=2, rand_augment_magnitude=9),
            "Two changes drawn from fourteen, at strength 9 of 30.",
        ),
        "aug-mix": Preset("AugMix", Augmentation(aug_mix=3), "Three chains of changes, blended with the picture."),
        "none": Preset("Nothing", Augmentation(), "Every version is the picture itself."),
    }
)
"""Policies by name: from the tutorials and from the papers."""
