"""The programs of the Augmentation page: a policy by this project, by Keras's layers, by ImageDataGenerator.

Each reads ``picture.png`` and writes sixteen versions of it into ``versions.png``.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType

from explorer.augmentation import TRANSFORMS, Augmentation
from explorer.augmentation.registry import OF_COLOURS

VERSIONS = 16
"""Versions that a program makes, four in a row."""
WIDTH = 100
"""Characters in a line of a program, where it can be helped."""


def augmentation_programs(policy: Augmentation, *, seed: int = 0, channels: int = 3) -> Mapping[str, str]:
    """All programs for a policy.

    Args:
        policy: the choices.
        seed: of what is drawn.
        channels: 1 where the picture is grey, 3 where it has colours.

    Returns:
        library → program.

    >>> list(augmentation_programs(Augmentation(rotation_range=40)))
    ['This project', 'Keras layers', 'ImageDataGenerator']
    """
    return {
        "This project": explorer_program(policy, seed=seed, channels=channels),
        "Keras layers": keras_layers(policy, seed=seed, channels=channels),
        "ImageDataGenerator": image_data_generator(policy, seed=seed, channels=channels),
    }


# ---- this project ----


def explorer_program(policy: Augmentation, *, seed: int = 0, channels: int = 3) -> str:
    """The policy by this project: the versions that the page shows, their replay, and the way into training.

    Args:
        policy: the choices; only what is not as usual is written.
        seed: of what is drawn.
        channels: 1 where the picture is grey, 3 where it has colours.

    >>> "policy = Augmentation(rotation_range=40)" in explorer_program(Augmentation(rotation_range=40))
    True
    """
    named = {field.name: getattr(policy, field.name) for field in fields(policy)}
    both = "(pictures, labels)"
    classes = f"classes={VERSIONS}, " if policy.mixup or policy.cutmix else ""
    return _lines(
        "from pathlib import Path",
        "",
        "import numpy as np",
        "import tensorflow as tf",
        "",
        "from explorer import images",
        "from explorer.augmentation import Augmentation, describe, feeds",
        "",
        *_call("policy", "Augmentation", {name: value for name, value in named.items() if value != _USUAL[name]}),
        f'picture = images.read_image(Path("picture.png").read_bytes()){"[..., :1]" if channels == 1 else ""}',
        f"versions, drawn = policy.sample(picture, {VERSIONS}, seed={seed})",
        "for one in drawn:",
        '    print(", ".join(describe(policy, one)) or "as it is")',
        'print("replayed alike:", np.array_equal(policy.replay(picture, drawn), versions))',
        "",
        "# Training sees what the same code makes, in every epoch anew; what is judged by stays as it is.",
        f"pictures, labels = np.stack([picture] * {VERSIONS}), np.arange({VERSIONS})",
        f"train, validation = feeds({both}, {both}, policy, batch_size=8, {classes}seed={seed})",
        "# Any other pipeline of batches is changed by map; MixUp and CutMix need such labels.",
        f"dataset = tf.data.Dataset.from_tensor_slices((pictures, np.eye({VERSIONS}, dtype=np.float32))).batch(8)",
        f"changed = policy.map(dataset, seed={seed})",
        "",
        *_grid("versions"),
        'Path("versions.png").write_bytes(images.encode_png(grid))',
    )


# ---- Keras's layers ----


@dataclass(frozen=True)
class _Step:
    """One change in Keras: an expression that gives a layer, what is to be known of it, and a function it may need."""

    layer: str
    notes: Sequence[str] = ()
    function: Sequence[str] = ()


def keras_layers(policy: Augmentation, *, seed: int = 0, channels: int = 3) -> str:
    """The policy in Keras's preprocessing layers, with a comment wherever they do something else.

    What no layer does is a function of TensorFlow. The layers come in the order in which the policy changes a picture.

    Args:
        policy: the choices.
        seed: of what is drawn.
        channels: 1 where the picture is grey, 3 where it has colours.

    >>> "keras.layers.RandomRotation(40 / 360" in keras_layers(Augmentation(rotation_range=40))
    True
    """
    functions, augmentation = as_layers(policy, channels)
    return _lines(
        "import keras",
        "import numpy as np",
        *(["import tensorflow as tf"] if functions else []),
        "",
        f"keras.utils.set_random_seed({seed % 2**32})",
        _read(channels),
        "height, width, channels = picture.shape",
        *functions,
        *([""] if functions else []),
        "",
        *augmentation,
        f"versions = augmentation(np.stack([picture] * {VERSIONS}), training=True)",
        *_mixing(policy),
        *_rescaling(policy),
        "# For training, on a tf.data.Dataset of batches, and never on the pictures to judge by:",
        "# train = train.map(lambda images, labels: (augmentation(images, training=True), labels))",
        "",
        *_save("keras.ops.convert_to_numpy(versions)"),
    )


def as_layers(policy: Augmentation, channels: int) -> tuple[Sequence[str], Sequence[str]]:
    """The functions of TensorFlow that a policy needs, and ``augmentation``, a ``keras.Sequential`` of layers.

    The functions come after ``height, width, channels``, which layers refer to; blank lines are before each of them.
    """
    active = [name for name in policy.active if channels == 3 or name not in OF_COLOURS]
    steps = [step(policy) for names, step in _STEPS.items() if any(name in active for name in names)]
    resampling = sum("fill_mode" in step.layer for step in steps)
    return [line for step in steps if step.function for line in ("", "", *step.function)], [
        *_comment("Each layer that moves pixels resamples anew and blurs a little; the policy does it once.")[
            : resampling > 1
        ],
        *_comment("Keras's wrap repeats all pixels; the policy's lays the last one on the first.")[: _wraps(policy)],
        "augmentation = keras.Sequential([",
        *(line for step in steps for line in (*(f"    # {note}" for note in step.notes), f"    {step.layer},")),
        *([] if steps else ["    keras.layers.Identity(),"]),
        "])",
    ]


def _wraps(policy: Augmentation) -> bool:
    return policy.fill_mode == "wrap" and "fill_mode" in policy.active


def _fill(policy: Augmentation) -> str:
    value = f", fill_value={policy.cval!r}" if policy.fill_mode == "constant" else ""
    return f'fill_mode="{policy.fill_mode}"{value}'


def _rotation(policy: Augmentation) -> _Step:
    return _Step(
        f"keras.layers.RandomRotation({policy.rotation_range!r} / 360, {_fill(policy)})", ["Shares of a full turn."]
    )


def _translation(policy: Augmentation) -> _Step:
    height, some = _share(policy.height_shift_range, "height")
    width, others = _share(policy.width_shift_range, "width")
    return _Step(
        f"keras.layers.RandomTranslation({height}, {width}, {_fill(policy)})",
        ["Up and down; sideways.", *{*some, *others}],
    )


def _share(span: float, side: str) -> tuple[str, Sequence[str]]:
    """The span of a shift as a share of the side, as an expression; and what is to be known of it."""
    if span < 1:
        return repr(span), ()
    if isinstance(span, int):
        return f"min(1, {span - 1} / {side})", ["The policy moves by whole pixels, Keras by any part of one."]
    return f"min(1, {span!r} / {side})", ()


def _shear(policy: Augmentation) -> _Step:
    return _Step(
        f"keras.layers.RandomShear(x_factor=np.sin(np.radians({policy.shear_range!r})), {_fill(policy)})",
        [
            "A slope, not degrees; about the corner at the top left, so that the picture slides too.",
            "The policy shears about the centre, and makes the picture higher by 1 / cos of the angle.",
        ],
    )


def _zoom(policy: Augmentation) -> _Step:
    notes = ["Below 0 enlarges, above 0 shrinks; with one factor alone, both sides would change alike."]
    factor = repr(policy.zoom_range)
    if isinstance(policy.zoom_range, tuple):
        low, high = (f"{end!r} - 1" if end <= 2 else "1" for end in policy.zoom_range)
        factor = f"({low}, {high})"
        notes += ["Keras shrinks to half the size at most."] * (policy.zoom_range[1] > 2)
    return _Step(f"keras.layers.RandomZoom({factor}, {factor}, {_fill(policy)})", notes)


def _crop(policy: Augmentation) -> _Step:
    return _Step(
        "keras.layers.Lambda(crop)",
        function=[
            "def crop(images):  # keras.layers.RandomCrop cuts a batch at one place, and enlarges nothing",
            "    count = tf.shape(images)[0]",
            f"    side = tf.random.uniform([count], 1 - {policy.crop_range!r}, 1)",
            "    top, left = tf.unstack((1 - side) * tf.random.uniform([2, count]))",
            "    boxes = tf.stack([top, left, top + side, left + side], axis=1)",
            "    parts = tf.image.crop_and_resize(images, boxes, tf.range(count), tf.shape(images)[1:3])",
            "    return tf.ensure_shape(parts, images.shape)",
        ],
    )


def _channel_shift(policy: Augmentation) -> _Step:
    return _Step(
        "keras.layers.Lambda(channel_shift)",
        function=[
            "def channel_shift(images):  # no layer of Keras does it",
            "    low = tf.reduce_min(images, axis=[1, 2, 3], keepdims=True)",
            "    high = tf.reduce_max(images, axis=[1, 2, 3], keepdims=True)",
            f"    step = {_drawn(f'-{policy.channel_shift_range!r}, {policy.channel_shift_range!r}')}",
            "    return tf.clip_by_value(images + step, low, high)",
        ],
    )


def _brightness(policy: Augmentation) -> _Step:
    low, high = policy.brightness_range or (1, 1)
    return _Step(
        "keras.layers.Lambda(brightness)",
        function=[
            "def brightness(images):  # keras.layers.RandomBrightness adds; the policy multiplies",
            f"    factor = {_drawn(f'{low!r}, {high!r}')}",
            "    return tf.clip_by_value(images * factor, 0, 255)",
        ],
    )


def _drawn(ends: str) -> str:
    """A number for each picture of a batch, as an expression."""
    return f"tf.random.uniform([tf.shape(images)[0], 1, 1, 1], {ends})"


def _contrast(policy: Augmentation) -> _Step:
    span = policy.contrast_range
    return _Step(
        f"keras.layers.RandomContrast(({span!r}, {span!r}))", ["Less, more; with one number Keras only gives more."]
    )


def _saturation(policy: Augmentation) -> _Step:
    span = policy.saturation_range
    less_and_more = f"((1 - {span!r}) / (2 - {span!r}), (1 + {span!r}) / (2 + {span!r}))"
    return _Step(
        f"keras.layers.RandomSaturation({less_and_more}, value_range=(0, 1))",
        [
            "x multiplies saturation by x / (1 - x): the policy's ends, but not evenly between them.",
            "The range is that of the saturation; with (0, 255) levels fall below 0.",
        ],
    )


def _hue(policy: Augmentation) -> _Step:
    return _Step(f"keras.layers.RandomHue({policy.hue_range!r} / 180)", ["Shares of half a turn."])


def _grey(policy: Augmentation) -> _Step:
    return _Step(f"keras.layers.RandomGrayscale({policy.grey_probability!r})")


def _rand_augment(policy: Augmentation) -> _Step:
    return _Step(
        f"keras.layers.RandAugment(num_ops={policy.rand_augment!r}, factor={policy.rand_augment_magnitude!r} / 30)",
        [
            "Not the paper's: eleven changes, the same for a whole batch; gaps are reflections.",
            "A factor f turns by up to f × 360°, moves by up to f, brightens: never the other way.",
        ],
    )


def _aug_mix(policy: Augmentation) -> _Step:
    return _Step(
        f"keras.layers.AugMix(num_chains={policy.aug_mix!r}, factor={policy.aug_mix_severity!r} / 10, all_ops=False)",
        [
            "The same chains for a whole batch; inside dataset.map for all of them, because Python draws them.",
            "A factor f turns by up to f × 360° and moves by up to f, never the other way; gaps are reflections.",
        ],
    )


def _blur(policy: Augmentation) -> _Step:
    span = policy.blur_range
    return _Step(
        f"keras.layers.RandomGaussianBlur((1.0, 1.0), 2 * int(np.ceil(3 * {span!r})) + 1, sigma=(0, {span!r}))",
        [
            "Always; with 1.0 alone every second picture. One strength for the whole batch, another sideways",
            "than up and down; and what lies outside is black, so that borders get darker.",
        ],
    )


def _noise(policy: Augmentation) -> _Step:
    return _Step(
        "keras.layers.Lambda(noise)",
        function=[
            "def noise(images):  # keras.layers.GaussianNoise has one strength for all pictures, 1 at most",
            f"    strength = {_drawn(f'0, {policy.noise_range!r}')}",
            "    return tf.clip_by_value(images + strength * tf.random.normal(tf.shape(images)), 0, 255)",
        ],
    )


def _jpeg(policy: Augmentation) -> _Step:
    return _Step(
        "keras.layers.Lambda(jpeg)",
        function=[
            "def jpeg(images):  # no layer of Keras does it; the best quality here is 99",
            "    def saved(picture):",
            f"        return tf.image.random_jpeg_quality(picture, {policy.jpeg_quality!r}, 100)",
            "",
            "    levels = tf.cast(tf.round(tf.clip_by_value(images, 0, 255)), tf.uint8)",
            "    return tf.ensure_shape(tf.cast(tf.map_fn(saved, levels), images.dtype), images.shape)",
        ],
    )


def _erasing(policy: Augmentation) -> _Step:
    share = policy.erasing_probability
    return _Step(
        f"keras.layers.RandomErasing(({share!r}, {share!r}), scale=(0.02, {policy.erasing_area!r}))",
        [
            "A share of the pictures; a single number would halve it, because Keras draws the share too.",
            "Half of the noise is black. Height and width each draw a share, the root of a number of the scale.",
        ],
    )


def _cutout(policy: Augmentation) -> _Step:
    side = policy.cutout
    return _Step(
        f"keras.layers.RandomErasing((1.0, 1.0), scale=({side!r} ** 2, {side!r} ** 2), fill_value=128)",
        ["A part of the picture's proportions, wholly inside; the policy's is a square that may stick out."],
    )


_STEPS: Mapping[tuple[str, ...], Callable[[Augmentation], _Step]] = MappingProxyType(
    {
        ("rotation_range",): _rotation,
        ("width_shift_range", "height_shift_range"): _translation,
        ("shear_range",): _shear,
        ("zoom_range",): _zoom,
        ("horizontal_flip",): lambda _: _Step('keras.layers.RandomFlip("horizontal")'),
        ("vertical_flip",): lambda _: _Step('keras.layers.RandomFlip("vertical")'),
        ("crop_range",): _crop,
        ("channel_shift_range",): _channel_shift,
        ("brightness_range",): _brightness,
        ("contrast_range",): _contrast,
        ("saturation_range",): _saturation,
        ("hue_range",): _hue,
        ("grey_probability",): _grey,
        ("rand_augment",): _rand_augment,
        ("aug_mix",): _aug_mix,
        ("blur_range",): _blur,
        ("noise_range",): _noise,
        ("jpeg_quality",): _jpeg,
        ("erasing_probability",): _erasing,
        ("cutout",): _cutout,
    }
)
"""What parameters become in Keras, in the order in which a policy changes a picture."""
"""Parameters that leave a grey picture as it is."""


def _mixing(policy: Augmentation) -> Sequence[str]:
    """MixUp and CutMix, which need labels: each version is taken for a class of its own."""
    layers, notes = mixing_layers(policy)
    if not layers:
        return ()
    chosen = layers[0] if len(layers) == 1 else f"{layers[0]} if np.random.random() < 0.5 else {layers[1]}"
    return [
        *(f"# {note}" for note in notes),
        f"mix = {chosen}",
        f'labels = np.eye({VERSIONS}, dtype="float32")  # each version a class of its own: who was blended with whom',
        'mixed = mix({"images": versions, "labels": labels}, training=True)',
        'versions, labels = mixed["images"], mixed["labels"]',
    ]


def mixing_layers(policy: Augmentation) -> tuple[Sequence[str], Sequence[str]]:
    """Keras's layers for MixUp and CutMix, and what is to be known of them."""
    layers = [f"keras.layers.MixUp({policy.mixup!r})"] * bool(policy.mixup)
    notes = []
    if policy.cutmix:
        alpha = min(1, policy.cutmix)
        layers.append(f"keras.layers.CutMix(({alpha!r}, {alpha!r}))")
        notes.append("With one number CutMix would draw α too; its boxes lie wholly inside.")
        notes += ["Its α is 1 at most."] * (policy.cutmix > 1)
    notes += ["A coin for each batch."] * (len(layers) == 2)
    return layers, notes


def _rescaling(policy: Augmentation) -> Sequence[str]:
    if policy.rescale is None:
        return ()
    return [f"given = keras.layers.Rescaling({policy.rescale!r})(versions)  # to the network, last of all"]


# ---- ImageDataGenerator ----


def image_data_generator(policy: Augmentation, *, seed: int = 0, channels: int = 3) -> str:
    """The call of Keras's deprecated ``ImageDataGenerator``, and what of the policy it has not.

    Args:
        policy: the choices.
        seed: of what is drawn.
        channels: 1 where the picture is grey, 3 where it has colours.

    >>> "ImageDataGenerator(horizontal_flip=True)" in image_data_generator(Augmentation(horizontal_flip=True))
    True
    """
    known = [name for name in policy.active if TRANSFORMS[name].legacy]
    missing = [name for name in policy.active if name not in known]
    arguments = {name: getattr(policy, name) for name in known}
    if policy.rescale is not None:
        arguments["rescale"] = policy.rescale
    shown = "versions" if policy.rescale is None else f"versions / {policy.rescale!r}"
    return _lines(
        *_comment("Deprecated: Keras 3 keeps it among its legacy modules, for old programs. It needs SciPy 1."),
        "import keras",
        "import numpy as np",
        "from keras.src.legacy.preprocessing.image import ImageDataGenerator",
        "",
        _read(channels),
        "height, width, channels = picture.shape",
        "",
        *_faults(known),
        *_call("generator", "ImageDataGenerator", arguments),
        *(_comment(f"It has no {', '.join(missing)}.") if missing else ()),
        f"pictures = np.stack([picture] * {VERSIONS})",
        f"versions = next(generator.flow(pictures, batch_size={VERSIONS}, shuffle=False, seed={seed % 2**32}))",
        "",
        *_save(shown),
    )


def _faults(known: Sequence[str]) -> Sequence[str]:
    """What Keras 3's version does wrong with these parameters, as comments."""
    sentences = []
    if "width_shift_range" in known or "height_shift_range" in known:
        sentences.append("It takes the shifts for each other: width_shift_range moves up and down, the other sideways.")
    if any(name in known for name in ("rotation_range", "shear_range", "zoom_range")):
        sentences.append("It changes a picture that is not square about another point than its centre.")
    return [line for sentence in sentences for line in _comment(sentence)]


# ---- what they share ----

_USUAL = {field.name: field.default for field in fields(Augmentation)}


def _lines(*lines: str) -> str:
    return "\n".join([*lines, ""])


def _call(name: str, function: str, arguments: Mapping[str, object]) -> Sequence[str]:
    """An assignment, in one line where it fits."""
    values = {key: f'"{value}"' if isinstance(value, str) else repr(value) for key, value in arguments.items()}
    pairs = [f"{argument}={value}" for argument, value in values.items()]
    line = f"{name} = {function}({', '.join(pairs)})"
    return [line] if len(line) <= WIDTH else [f"{name} = {function}(", *(f"    {pair}," for pair in pairs), ")"]


def _comment(sentence: str) -> Sequence[str]:
    return textwrap.wrap(sentence, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _read(channels: int) -> str:
    colours = ', color_mode="grayscale"' if channels == 1 else ""
    return f'picture = keras.utils.img_to_array(keras.utils.load_img("picture.png"{colours}))  # 0 to 255'


def _grid(levels: str) -> Sequence[str]:
    """Four rows of four."""
    return [
        "height, width, channels = picture.shape",
        f"grid = {levels}.reshape(4, 4, *picture.shape).swapaxes(1, 2).reshape(4 * height, 4 * width, channels)",
    ]


def _save(versions: str) -> Sequence[str]:
    return [
        f"levels = np.clip(np.rint({versions}), 0, 255).astype(np.uint8)",
        _grid("levels")[1],
        'keras.utils.save_img("versions.png", grid, scale=False)',
    ]
