"""The program of a gradient ascent in Keras: of the recipe's parts, the lines of those that take part."""

import re

from explorer.snippets.ascent import parts
from explorer.snippets.ascent.plan import Goal, Place
from explorer.snippets.ascent.writing import Lines, file_name, indented, number, times


def keras_lines(place: Place, goal: Goal) -> Lines:
    """The whole program."""
    reads = goal.reads or place.starts_from_picture
    functions = [line for function in _functions(place, goal) if function for line in ("", "", *function)]
    climb = _climb_lines(place, goal)
    climb = [goal.each, *indented(climb)] if goal.each else climb
    return [
        *["import keras", "import numpy as np", "import tensorflow as tf"],
        "from PIL import Image, ImageOps" if reads else "from PIL import Image",
        *(["", *place.reach.imports] if place.reach.imports else []),
        "",
        'model = keras.saving.load_model("network.keras")  # it reads pixels of 0 to 255',
        *place.reach.lines,
        "",
        *_size_lines(place, [*functions, *climb]),
        *(_picture_lines(place) if reads else []),
        *goal.settings,
        *goal.target,
        *(parts.COLOURS if place.mixed else []),
        *functions,
        *["", ""],
        *climb,
    ]


def _size_lines(place: Place, body: Lines) -> Lines:
    """Numbers that the whole program knows, those that it uses."""
    used = set(re.findall(r"\w+", "\n".join(line for line in body if not line.startswith("def "))))
    sides = {} if place.grows else {"height": place.size[0], "width": place.size[1]}
    known = {name: value for name, value in {**sides, "seed": place.seed}.items() if name in used}
    lines = [f"{', '.join(known)} = {', '.join(map(str, known.values()))}"] if known else []
    if not place.grows:
        return lines
    octaves = [f"({high}, {wide}, range({steps.start}, {steps.stop}))," for high, wide, steps in place.octaves()]
    return [*lines, "octaves = [  # height, width, steps", *indented(octaves), "]"]


def _picture_lines(place: Place) -> Lines:
    """The picture as the network reads it."""
    height, width = place.size
    kind, more = ("L", ", ..., None") if place.colours == 1 else ("RGB", "")
    return [
        f'picture = Image.open("picture.png").convert("{kind}")',
        f"picture = ImageOps.fit(picture, ({width}, {height}), Image.Resampling.BICUBIC)",
        f"picture = tf.constant(np.float32(picture)[None{more}])",
    ]


def _functions(place: Place, goal: Goal) -> list[Lines]:
    """The program's functions, those that it uses."""
    recipe = place.recipe
    return [
        parts.unit(goal),
        parts.INNER if place.reach.rank == 4 and recipe.objective != "centre" and not goal.whole else [],
        parts.resizing(place) if place.grows else [],
        parts.paint(place) if place.waves else [],
        parts.unpaint(place) if place.returns_to_waves else [],
        parts.random_move(place) if place.moves else [],
        parts.MOVED if place.moves else [],
        parts.GAUSSIAN if recipe.blur else [],
        parts.OPENED if place.reach.has_relu else [],
        _look(place, goal),
    ]


def score(place: Place, channels: str, *, many: bool = False) -> Lines:
    """The score, or of many pictures the scores, in terms of the layer's output.

    Args:
        place: where it is climbed.
        channels: an index that takes one channel, the name of a list of several, or nothing for all.
        many: a score for each picture.
    """
    values, rank, lines = place.output, place.reach.rank, []
    if rank == 4 and place.recipe.objective == "centre":
        values, rank, lines = "maps[:, rows // 2, columns // 2]", 2, ["rows, columns = maps.shape[1:3]"]
    elif rank == 4:
        values = f"inner({values})"
    if channels.startswith("["):
        values += channels
    elif channels:
        values = f"tf.gather({values}, {channels}, axis=-1)"
    if place.recipe.objective == "dream":
        values += " ** 2"
    if not many:
        return [*lines, f"score = tf.reduce_mean({values})"]
    axes = {2: "", 3: ", axis=1", 4: ", axis=(1, 2)"}[rank]
    return [*lines, f"score = tf.reduce_mean({values}{axes})" if axes else f"score = {values}"]


def _look(place: Place, goal: Goal) -> Lines:
    """One look at the network: the score, and the way up."""
    recipe, output = place.recipe, place.output
    names = [place.held, *goal.arguments, *(["transforms"] if place.moves else [])]
    names += ["height", "width"] if place.waves and place.grows else []
    sign, why, way = ("", "", "up") if place.direction > 0 else ("-", "  # what it likes least", "down")
    seen = [f"{output} = {place.reach.ask('moved(pixels, transforms)' if place.moves else 'pixels')}"]
    if place.reach.has_relu:
        rules = 'tf.compat.v1.get_default_graph().gradient_override_map({"Relu": rule, "Relu6": rule})'
        seen = [f"with {rules}:", *indented(seen)]
    up = [f"uphill = unit({sign}tf.gradients(score, pixels)[0]){why}"]
    if goal.diversity:
        up += [*_alike(output), f"uphill -= {times(goal.diversity)}unit(tf.gradients(alike, pixels)[0])"]
    if recipe.total_variation:
        up += [*_ROUGH, f"uphill -= {times(recipe.total_variation)}tf.gradients(rough, pixels)[0]"]
    if recipe.l2:
        up.append(f"uphill -= {times(recipe.l2)}(pixels - 127.5) / 127.5  # towards grey")
    if place.waves:
        up.append("uphill = tf.gradients(pixels, waves, grad_ys=uphill)[0]")
    return [
        "@tf.function(autograph=False)  # compiled: many times faster",
        f"def look({', '.join(names)}):",
        f'    """The score, and the way {way}: its gradient by the {place.held}."""',
        *(["    pixels = paint(waves, height, width)"] if place.waves else []),
        *indented(seen),
        *indented(goal.score),
        *indented(up),
        "    return score, uphill",
    ]


_ROUGH = [
    "down = pixels[:, 1:, :-1] - pixels[:, :-1, :-1]",
    "across = pixels[:, :-1, 1:] - pixels[:, :-1, :-1]",
    "rough = tf.reduce_sum(tf.sqrt(down**2 + across**2 + 1))  # total variation",
]


def _alike(output: str) -> Lines:
    """How alike the pictures are to the layer."""
    return [
        f"cells = tf.reshape({output}, (count, -1, {output}.shape[-1]))",
        "grams = tf.reshape(tf.matmul(cells, cells, transpose_a=True), (count, -1))",
        "grams = tf.math.l2_normalize(grams, axis=1)  # which channels fire together",
        "alike = tf.reduce_sum(tf.matmul(grams, grams, transpose_b=True))  # cosines of all pairs",
    ]


def _climb_lines(place: Place, goal: Goal) -> Lines:
    """From the start to the saved picture."""
    steps = _step(place, goal)
    adam = ["first = second = 0.0  # Adam's moments"] if place.recipe.rule == "adam" else []
    if not place.grows:
        loop = [*adam, f"for step in range({place.recipe.steps}):", *indented(steps)]
        return [*_start(place, goal), *loop, *_saving(place, goal)]
    counted = "count, step in enumerate(steps, 1)" if adam else "step in steps"
    octave = [
        *_next_octave(place),
        *(["waves = waves_of(pixels)"] if place.waves else []),
        *adam,
        f"for {counted}:",
        *indented(steps),
        *(["pixels = paint(waves, height, width)"] if place.waves else []),
    ]
    return [
        *_start(place, goal),
        "for height, width, steps in octaves:",
        *indented(octave),
        *_saving(place, goal),
    ]


def _start(place: Place, goal: Goal) -> Lines:
    """The pictures to start from: pixels, or waves where they are held so and no octave follows."""
    if place.starts_from_picture:
        lines = ["pixels = tf.repeat(picture, count, axis=0)" if goal.many else "pixels = picture"]
        lines += ["before = picture"] if place.grows else []
    else:
        lines = ["height, width, _ = octaves[0]"] if place.grows else []
        lines += _random_start(place, goal)
    if place.grows:
        return [*lines, *(["pixels = paint(waves, height, width)"] if place.starts_as_waves else [])]
    return [*lines, *(["waves = waves_of(pixels)"] if place.waves and not place.starts_as_waves else [])]


def _random_start(place: Place, goal: Goal) -> Lines:
    """Grey, noise, or waves of random strength."""
    recipe = place.recipe
    grey, noise = (recipe.grey, recipe.noise) if recipe.start == "grey" else (127.5, 127.5)
    if place.starts_as_waves:
        held, shape, drawn = "waves", f"{place.colours}, height, width // 2 + 1, 2", "random.normal(0, 0.01, ({}))"
    else:
        held, shape = "pixels", f"height, width, {place.colours}"
        drawn = f"{number(grey)} + random.uniform(-{number(noise)}, {number(noise)}, ({{}}))"
        if not noise:
            return [f"pixels = tf.fill(({goal.count}, {shape}), {float(grey)})"]
    if goal.many:
        draws = f"draws = [{_generator(goal, '0')} for n in range(count)]"
        lines = [draws, f"{held} = [{drawn.format(shape)} for random in draws]"]
    else:
        lines = [f"random = {_generator(goal, '0')}", f"{held} = {drawn.format(f'1, {shape}')}"]
    return [*lines, f"{held} = tf.constant({held}, tf.float32)"]


def _next_octave(place: Place) -> Lines:
    """The pictures of one octave as the start of the next."""
    if not place.starts_from_picture:
        return ["pixels = resized(pixels, height, width)"]
    return [
        "grown = resized(pixels - before, height, width)",
        "before = resized(picture, height, width)  # with the picture's own detail at this size",
        "pixels = before + grown",
    ]


def _step(place: Place, goal: Goal) -> Lines:
    """One step of the pictures."""
    recipe = place.recipe
    lines: Lines = []
    if place.moves:
        sides = ", height, width" if place.turns else ""
        if goal.many:
            lines += [
                f"draws = [{_generator(goal, 'step + 1')} for n in range(count)]",
                f"transforms = np.float32([random_move(random{sides}) for random in draws])",
            ]
        else:
            lines += [
                f"random = {_generator(goal, 'step + 1')}",
                f"transforms = np.float32([random_move(random{sides})])",
            ]
    given = [place.held, *goal.arguments.values(), *(["transforms"] if place.moves else [])]
    given += ["height", "width"] if place.waves and place.grows else []
    lines.append(f"score, uphill = look({', '.join(given)})")
    across = " @ colours" if place.mixed and not place.waves else ""
    if recipe.rule == "adam":
        count = "count" if place.grows else "(step + 1)"
        lines += [
            *([f"uphill = uphill{across}"] if across else []),
            "first = 0.9 * first + 0.1 * uphill",
            "second = 0.999 * second + 0.001 * uphill**2",
            f"uphill = first / (1 - 0.9 ** {count})",
            f"uphill /= tf.sqrt(second / (1 - 0.999 ** {count})) + 1e-8",
        ]
    elif across or place.waves or recipe.total_variation or recipe.l2 or goal.diversity:
        lines.append(f"uphill = unit(uphill{across})")
    shrunk = f" * (1 - {number(recipe.decay)} * step / {max(1, recipe.steps - 1)})" if recipe.decay else ""
    length = f"{number(recipe.step_size)}{shrunk} * " if shrunk else times(recipe.step_size)
    lines.append(f"{place.held} += {length}uphill{' @ colours.T' if across else ''}")
    return [*lines, *_after_step(place)]


def _after_step(place: Place) -> Lines:
    """Blur, and what keeps pixels in their range."""
    recipe = place.recipe
    clip = ["pixels = tf.clip_by_value(pixels, 0.0, 255.0)"] if recipe.clip and not place.waves else []
    if not recipe.blur:
        return clip
    every = "" if recipe.blur_every == 1 else f"(step + 1) % {recipe.blur_every} == 0 and "
    blur = [
        f"if {every}step + 1 < {recipe.steps}:",
        f"    blur = {number(recipe.blur)} * (1 - (step + 1) / {recipe.steps})",
        "    down, across = gaussian(height, blur), gaussian(width, blur)",
        '    pixels = tf.einsum("yi,xj,nijc->nyxc", down, across, pixels)',
    ]
    if place.waves:
        return ["pixels = paint(waves, height, width)", *blur, "waves = waves_of(pixels)"]
    return [*blur, *clip]


def _saving(place: Place, goal: Goal) -> Lines:
    """The finished pictures, as the page shows them."""
    recipe = place.recipe
    paint = ["pixels = paint(waves, height, width)"] if place.waves and not place.grows else []
    stretch = f"127.5 + (shown - shown.mean()) / (shown.std() + 1e-5) * ({number(recipe.contrast)} * 255)"
    picture = [
        *([f"shown = {stretch}"] if recipe.contrast else []),
        "shown = np.uint8(np.clip(np.rint(shown), 0, 255))",
        f"Image.fromarray(shown{'[..., 0]' if place.colours == 1 else ''}).save({file_name(goal.file)})",
    ]
    score = [f'print({goal.says}"score", {"score.numpy()" if goal.many else "float(score)"})  # before the last step']
    if goal.many:
        return [*paint, *score, "for number, shown in enumerate(pixels.numpy()):", *indented(picture)]
    return [*paint, *score, "shown = pixels[0].numpy()", *picture]


def _generator(goal: Goal, step: str) -> str:
    return f"np.random.default_rng({goal.random.format(step=step)})"
