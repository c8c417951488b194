"""The functions of a program, one for each part of a recipe; a program has those that it uses."""

from explorer.snippets.ascent.plan import Goal, Place
from explorer.snippets.ascent.writing import Lines, number

COLOURS = [
    "# Light, blue-yellow and red-green: colours that vary independently in photos.",
    "colours = np.float32([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])",
    "colours /= np.linalg.norm(colours, axis=0).max()",
]


def unit(goal: Goal) -> Lines:
    """The step's length; of many pictures each has its own."""
    if goal.many:
        axes = ["    axes = list(range(1, len(gradient.shape)))  # each picture for itself"]
        mean = "tf.reduce_mean(gradient**2, axis=axes, keepdims=True)"
    else:
        axes, mean = [], "tf.reduce_mean(gradient**2)"
    return [
        "def unit(gradient):",
        '    """Divided by its root mean square, so that steps are of one length in every layer."""',
        *axes,
        f"    mean = {mean}",
        "    return tf.math.divide_no_nan(gradient, tf.sqrt(mean))",
    ]


INNER = [
    "def inner(maps):",
    '    """Maps without up to two cells at each border, which see the padding."""',
    "    rows, columns = maps.shape[1:3]",
    "    down, across = min(2, (rows - 1) // 4), min(2, (columns - 1) // 4)",
    "    return maps[:, down : rows - down, across : columns - across]",
]

_CUBIC = [
    "def cubic(new, old):",
    '    """Bicubic interpolation as a matrix: how much of each old pixel goes into each new one."""',
    "    at = (np.arange(new) + 0.5) * old / new - 0.5",
    "    first, weights = np.floor(at).astype(int), np.zeros((new, old), np.float32)",
    "    for near in first - 1, first, first + 1, first + 2:",
    "        x = np.abs(at - near)",
    "        inside, outside = 1.25 * x**3 - 2.25 * x**2 + 1, -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)",
    "        near = np.clip(near, 0, old - 1)",
    "        weights[np.arange(new), near] += np.where(x < 1, inside, outside)",
    "    return weights",
    "",
    "",
]


def resizing(place: Place) -> Lines:
    """Other sizes, for octaves: larger, and of a picture to start from smaller too."""
    smaller = [
        "    if height < pixels.shape[1]:",
        '        return tf.image.resize(pixels, (height, width), "area")',
    ]
    return [
        *_CUBIC,
        "def resized(pixels, height, width):",
        *(smaller if place.starts_from_picture else []),
        "    down, across = cubic(height, pixels.shape[1]), cubic(width, pixels.shape[2])",
        '    return tf.einsum("yi,xj,nijc->nyxc", down, across, pixels)',
    ]


def paint(place: Place) -> Lines:
    """Waves → pixels."""
    mixed = " @ colours.T" if place.mixed else ""
    return [
        "def wave_lengths(height, width):",
        "    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)",
        "    lengths = 1 / np.maximum(np.hypot(down, across), 1 / max(height, width))",
        "    return tf.constant(lengths * np.sqrt(height * width), tf.complex64)",
        "",
        "",
        "def paint(waves, height, width):",
        '    """The picture as a sum of waves, long ones made stronger than short ones."""',
        "    spectrum = tf.complex(waves[..., 0], waves[..., 1]) * wave_lengths(height, width)",
        "    planes = tf.signal.irfft2d(spectrum, [height, width]) / 4",
        f"    return 255 * tf.sigmoid(tf.transpose(planes, (0, 2, 3, 1)){mixed})",
    ]


def unpaint(place: Place) -> Lines:
    """Pixels → waves."""
    mixed = " @ np.linalg.inv(colours).T" if place.mixed else ""
    return [
        "def waves_of(pixels):",
        '    """The other way round; black and white are taken as nearly so."""',
        "    share = tf.clip_by_value(pixels / 255, 0.01, 0.99)",
        f"    planes = 4 * tf.math.log(share / (1 - share)){mixed}",
        "    spectrum = tf.signal.rfft2d(tf.transpose(planes, (0, 3, 1, 2)))",
        "    spectrum /= wave_lengths(*pixels.shape[1:3])",
        "    return tf.stack([tf.math.real(spectrum), tf.math.imag(spectrum)], axis=-1)",
    ]


def random_move(place: Place) -> Lines:
    """The draws come in the order of :func:`explorer.ascent.moves.draw_moves`."""
    recipe = place.recipe
    shift = f"    right, down = random.integers(-{recipe.jitter}, {recipe.jitter}, 2, endpoint=True)"
    if not place.turns:
        return ["def random_move(random):", f"{shift}  # pixels", "    return [1, 0, right, 0, 1, down, 0, 0]"]
    shift_x, shift_y = (" + right", " + down") if recipe.jitter else ("", "")
    return [
        "def random_move(random, height, width):",
        '    """A turn about the middle, as eight numbers of a projective transform."""',
        *([shift] if recipe.jitter else []),
        f"    degrees, growth = random.uniform(-1, 1, 2) * ({number(recipe.rotation)}, {number(recipe.scale)})",
        "    cos, sin = (f(np.deg2rad(degrees)) / (1 + growth) for f in (np.cos, np.sin))",
        "    x, y = (width - 1) / 2, (height - 1) / 2",
        f"    x, y = x - cos * x + sin * y{shift_x}, y - sin * x - cos * y{shift_y}",
        "    return [cos, -sin, x, sin, cos, y, 0, 0]",
    ]


MOVED = [
    "def moved(pixels, transforms):",
    '    """What comes in from outside is the mirrored picture."""',
    "    return tf.raw_ops.ImageProjectiveTransformV3(",
    "        images=pixels, transforms=transforms, output_shape=pixels.shape[1:3],",
    '        interpolation="BILINEAR", fill_mode="REFLECT", fill_value=0.0,',
    "    )",
]

GAUSSIAN = [
    "def gaussian(side, width):",
    '    """How much of each pixel goes into each; at the border only what is there counts."""',
    "    apart = np.subtract.outer(np.arange(side), np.arange(side))",
    "    weights = np.exp(-0.5 * (apart / width) ** 2) * (np.abs(apart) <= 4)",
    "    return np.float32(weights / weights.sum(axis=1, keepdims=True))",
]

OPENED = [
    'rule = tf.compat.v1.get_default_graph().unique_name("Opened")',
    "",
    "",
    "@tf.RegisterGradient(rule)",
    "def opened(operation, gradient):",
    '    """A ReLU that is shut in the whole picture is followed as if it were open."""',
    "    before, after = operation.inputs[0], operation.outputs[0]",
    '    top = 6 if operation.type == "Relu6" else np.inf',
    "    through = tf.where((after > 0) & (after < top), gradient, 0.0)",
    "    axes = list(range(1, len(gradient.shape)))",
    "    shut = tf.reduce_all(through == 0, axis=axes, keepdims=True)",
    "    return tf.where(shut & (before <= 0), tf.nn.relu(gradient), through)",
]
"""Otherwise a filter that starts dead would have no gradient; see :mod:`explorer.ascent.steps`."""
