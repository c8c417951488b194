"""The Filters page's programs are run where they will be: beside the network and the picture, and nothing else."""

import ast
import builtins
import contextlib
import io
import os
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import explorer.models
from explorer import images
from explorer.ascent import DREAMING, INVERTING, OPTIONS, PRESETS, Recipe, ascend, diversify, dream, invert
from explorer.errors import LayerError
from explorer.models import Classifier, layer_paths, load_pretrained, save_classifier, tap
from explorer.models.preprocessing import preprocessing_layer
from explorer.options import Choice, Flag
from explorer.snippets import ascent_programs, diversify_programs, dream_programs, invert_programs
from explorer.snippets.ascent.reaching import reach
from tests.models.networks import NETWORKS, pictures, seeded

L = keras.layers

SHORT = {name: preset.recipe.but(steps=3, blur_every=2) for name, preset in PRESETS.items()}
PLAIN = Recipe(steps=2, contrast=0.0)


def both_signs(model, name=None, seed=3):
    """A classifier around a network whose kernels have negative weights too, so that channels differ."""
    random = np.random.default_rng(seed)
    weights = [weight * random.choice([-1, 1], weight.shape, p=[0.4, 0.6]) if weight.ndim > 1 else weight
               for weight in model.get_weights()]  # fmt: skip
    model.set_weights(weights)
    return Classifier(model, tuple(f"class {i}" for i in range(max(2, model.outputs[0].shape[-1]))), name or model.name)


@pytest.fixture(scope="module")
def networks():
    """One of each, kept with what it has compiled."""
    return {name: both_signs(build()) for name, build in NETWORKS.items()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs programs in a folder of their own; gives the files that each writes, and what the Keras one leaves."""

    def start(network, programs, files, picture=None):
        (tmp_path / "network.keras").write_bytes(save_classifier(network))
        if picture is not None:
            (tmp_path / "picture.png").write_bytes(images.encode_png(picture))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(explorer.models, "load_classifier", lambda *_: network)  # the file is opened by the other
        found = {}
        for library, program in programs.items():
            (tmp_path / "program.py").write_text(program, encoding="utf-8")
            with contextlib.redirect_stdout(io.StringIO()) as said:
                runpy.run_path("program.py")
            found[library] = np.stack([np.atleast_3d(np.array(Image.open(file))) for file in files])
            for file in files:
                (tmp_path / file).unlink()
            if library == "Keras":
                found["said"] = said.getvalue()
        return found

    return start


def assert_same(found, frames):
    """Both programs make the pictures of the last frame, to a grey level; and the score is that of the frame before."""
    first, *_, before, last = frames
    assert np.ptp(last.images) > 10, "a blank picture proves nothing"
    if first.pixels.shape == last.pixels.shape:
        assert np.abs(first.pixels - last.pixels).max() > 1, "nothing was climbed"
    for library in ("Keras", "ConvNet Explorer"):
        apart = np.abs(found[library].astype(int) - last.images)
        assert apart.max() <= 1, (library, apart.max())
    said = [float(word.strip("[]")) for word in found["said"].split() if word.strip("[]")[-1].isdigit()]
    scores = said[1::2] if "channel" in found["said"] else said
    np.testing.assert_allclose(scores, before.scores, rtol=1e-3, atol=1e-3)


def grown(run, network, layer, channels, recipe, *, size=None, seed=7, direction=1, picture=None):
    """The programs of an ascent and the ascent itself."""
    size = size or network.input_shape[:2]
    programs = ascent_programs(network, layer, channels, recipe, size=size, seed=seed, direction=direction)
    frames = list(ascend(network, layer, channels, preset=recipe, size=size, seed=seed, direction=direction,
                         image=picture))  # fmt: skip
    found = run(network, programs, [f"pattern_{channel}.png" for channel in channels], picture)
    assert_same(found, frames)
    return programs["Keras"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_pictures_are_those_of_each_preset(preset, networks, run):
    program = grown(run, networks["flat"], "relu2", [1], SHORT[preset])
    assert "explorer" not in program
    assert "import cv2" not in program


EVERYTHING = Recipe(
    steps=4, rule="adam", step_size=0.05, decay=0.5, start="noise", parameterisation="fourier", decorrelate=True,
    jitter=2, scale=0.1, total_variation=0.1, l2=0.3, blur=1.0, blur_every=1, octaves=2, contrast=0.2,
)  # fmt: skip
PIXELS = Recipe(
    steps=4, rule="adam", step_size=3.0, decorrelate=True, rotation=20.0, start="picture", octaves=2, clip=True,
    objective="centre", contrast=0.0, l2=0.5,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "layer", "channels", "recipe", "size"),
    [
        ("two_levels", "features.base.norm", [2], EVERYTHING, (20, 27)),
        ("transfer", "base.relu", [1, 3], PIXELS, (29, 24)),
        ("mlp", "hidden", [0, 3], PLAIN.but(noise=0.0, grey=90.0, blur=1.0, blur_every=1, objective="dream"), (4, 4)),
    ],
)
def test_every_part_of_a_recipe(  # noqa: PLR0917
    name, layer, channels, recipe, size, networks, run
):
    picture = pictures(networks[name].model, 1)[0] if recipe.start == "picture" else None
    if picture is not None:
        picture = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC))
    program = grown(run, networks[name], layer, channels, recipe, size=size, picture=picture)
    assert "explorer" not in program


def test_what_a_channel_likes_least_is_followed_before_the_relu(networks, run):
    program = grown(run, networks["flat"], "conv1", [0], PLAIN, direction=-1)
    assert "model.get_layer('conv1').activation = keras.activations.linear" in program.splitlines()


def test_a_channel_may_be_grown_several_times(networks, run):
    options = {"size": (28, 28), "seed": 1}
    programs = ascent_programs(networks["grey"], "classes", [4, 2, 4], PLAIN, **options)
    frames = list(ascend(networks["grey"], "classes", [4, 2, 4], preset=PLAIN, **options))
    found = run(networks["grey"], programs, [f"pattern_{name}.png" for name in ("4_0", "2_0", "4_1")])
    assert_same(found, frames)
    assert np.ptp(found["Keras"][[0, 2]].astype(int), axis=0).max() > 10


def test_several_answers(networks, run):
    recipe = PLAIN.but(jitter=2, parameterisation="fourier", decorrelate=True, step_size=0.4)
    options = {"count": 3, "diversity": 1.5, "size": (12, 12), "seed": 2}
    programs = diversify_programs(networks["flat"], "relu2", 0, recipe, **options)
    frames = list(diversify(networks["flat"], "relu2", 0, preset=recipe, **options))
    assert_same(run(networks["flat"], programs, [f"answer_{number}.png" for number in range(3)]), frames)


@pytest.mark.parametrize(
    ("name", "layer", "channels", "recipe", "size"),
    [
        ("flat", "relu2", [3, 1, 3], DREAMING.but(steps=4, octaves=2, jitter=2), (30, 25)),
        ("mlp", "hidden", None, DREAMING.but(steps=2, octaves=1, jitter=0), (4, 4)),
    ],
)
def test_a_dream(  # noqa: PLR0917
    name, layer, channels, recipe, size, networks, run
):
    colours = networks[name].input_shape[2]
    picture = np.random.default_rng(0).integers(0, 256, (*size, colours), np.uint8)
    programs = dream_programs(networks[name], layer, channels, recipe, size=size, seed=3)
    frames = list(dream(networks[name], layer, picture, channels=channels, recipe=recipe, size=size, seed=3))
    assert_same(run(networks[name], programs, ["dream.png"], picture), frames)


@pytest.mark.parametrize(
    ("name", "layer", "recipe"),
    [("grey", "pool", INVERTING.but(steps=3, octaves=2)), ("shared", "conv#2", PLAIN.but(start="picture", l2=0.2))],
)
def test_an_inversion(name, layer, recipe, networks, run):
    picture = pictures(networks[name].model, 1)[0]
    options = {"size": picture.shape[:2], "seed": 5}
    programs = invert_programs(networks[name], layer, recipe, **options)
    frames = list(invert(networks[name], layer, picture, recipe=recipe, **options))
    assert_same(run(networks[name], programs, ["inversion.png"], picture), frames)
    assert ("explorer" in programs["Keras"]) is (name == "shared")


def asked(file, reached, pixels):
    """What the program's lines give for some pictures."""
    known = {"pixels": pixels, "keras": keras}
    lines = [*reached.imports, f"model = keras.saving.load_model({str(file)!r})", *reached.lines]
    exec("\n".join([*lines, f"found = {reached.ask('pixels')}"]), known)  # noqa: S102
    return np.asarray(known["found"])


@pytest.mark.parametrize(
    ("name", "path", "own", "other"),
    [
        ("flat", "relu2", True, True),
        ("flat", "classes", True, True),
        ("without_input", "logits", True, None),
        ("transfer", "base.relu", True, True),
        ("transfer", "base", True, True),
        ("transfer", "dog", True, True),
        ("two_levels", "features.base.conv", True, True),
        ("two_levels", "features.mix", True, True),
        ("two_levels", "features", False, False),
        ("branches", "operation", True, True),
        ("shared", "conv#2", False, False),
        ("shared", "average", True, False),
        ("grey", "conv", True, True),
        ("mlp", "hidden", True, None),
    ],
)
def test_the_layer_may_be_anywhere(name, path, own, other, networks, tmp_path):  # noqa: PLR0917
    """Whether Keras alone reaches it, at the network's own size and at another; None where that does not go."""
    network, file = networks[name], tmp_path / "network.keras"
    path = next(path for path in layer_paths(network.model) if "multiply" in path) if path == "operation" else path
    file.write_bytes(save_classifier(network))
    below = path in {"relu2", "base.relu", "conv", "hidden"}
    height, width, colours = network.input_shape
    for size, alone in {(height, width): own, (height + 5, width + 2): other}.items():
        if alone is None:
            continue
        pixels = np.random.default_rng(1).uniform(0, 255, (2, *size, colours)).astype(np.float32)
        expected = tap(network.model, [path], logits=True, before_relu=[path] if below else ())(pixels)[path].numpy()
        reached = reach(network.model, path, size, octaves=False, below=below)
        assert (reached.rank, bool(reached.imports)) == (expected.ndim, not alone)
        found = asked(file, reached, pixels)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


ENDINGS = {
    "softmax layer": [L.Dense(3), L.Softmax(name="last")],
    "activation layer": [L.Dense(3), L.Activation("sigmoid", name="last")],
    "something after": [L.Dense(3, "softmax", name="dense"), L.Dropout(0.5, name="last")],
    "convolution": [L.Reshape((1, 1, 4)), L.Conv2D(3, 1, activation="softmax"), L.Flatten(name="last")],
}


@pytest.mark.parametrize(("ending", "sequential"), list(zip(ENDINGS, [True, False, True, False], strict=True)))
def test_logits_are_followed_however_the_network_ends(ending, sequential, tmp_path):
    layers = [L.Conv2D(4, 3, name="conv"), L.GlobalAveragePooling2D(), *ENDINGS[ending]]
    layers = [type(layer).from_config(layer.get_config()) for layer in layers]
    inputs = x = keras.Input((6, 6, 3))
    for layer in layers:
        x = layer(x)
    model = keras.Sequential([inputs, *layers]) if sequential else keras.Model(inputs, x)
    network = both_signs(seeded(model), ending)
    (tmp_path / "network.keras").write_bytes(save_classifier(network))
    pixels = pictures(model).astype(np.float32)
    reached = reach(model, "last", (6, 6), octaves=False, below=False)
    found, expected = asked(tmp_path / "network.keras", reached, pixels), network.logits(pixels)
    np.testing.assert_allclose(found.reshape(2, 3), expected, rtol=1e-4, atol=1e-4)
    assert bool(reached.imports) is (ending == "convolution")


def test_a_network_in_the_way_that_reads_one_size_only_is_left_to_this_project(tmp_path):
    inputs, inside = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    fixed = keras.Model(inside, L.Conv2D(3, 1, name="mix")(inside), name="fixed")
    x = L.Conv2D(2, 3, name="conv")(fixed(inputs))
    network = both_signs(seeded(keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))), "fixed")
    (tmp_path / "network.keras").write_bytes(save_classifier(network))
    for size in ((8, 8), (11, 9)):
        pixels = np.random.default_rng(1).uniform(0, 255, (1, *size, 3)).astype(np.float32)
        reached = reach(network.model, "conv", size, octaves=False, below=False)
        assert bool(reached.imports) is (size != (8, 8))
        expected = tap(network.model, ["conv"])(pixels)["conv"]
        np.testing.assert_allclose(asked(tmp_path / "network.keras", reached, pixels), expected, rtol=1e-4)


def test_a_network_that_begins_with_this_project_s_preprocessing():
    layers = [keras.Input((8, 8, 3)), preprocessing_layer("caffe"), L.Conv2D(3, 3, name="conv"), L.Flatten()]
    network = both_signs(keras.Sequential([*layers, L.Dense(2)]), "caffe")
    program = ascent_programs(network, "conv", [0], PLAIN, size=(8, 8), seed=0)["Keras"]
    assert "import explorer.models.preprocessing  # the network's first layer" in program.splitlines()


HOSTILE = (
    "a' + undefined + \"",
    "b\nraise SystemExit\n#",
    "c" + "\\" + "'" * 3,
    "d{undefined}",
    "e\u2028" + "long " * 40,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_a_file_are_no_part_of_the_programs(name, tmp_path):
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(3, 3, name=name)], name=f"net {name}")
    outputs = L.Dense(2, name="last")(L.Flatten()(inner(L.Rescaling(1 / 255, name=f"scale {name}")(inputs))))
    network = both_signs(keras.Model(inputs, outputs), "hostile")
    path = f"net {name}.{name}"
    options = {"size": (8, 8), "seed": 0}
    made = [
        *ascent_programs(network, path, range(3), PLAIN, **options).values(),
        *diversify_programs(network, path, 0, PLAIN, count=2, diversity=1.0, **options).values(),
        *dream_programs(network, path, [0], DREAMING, **options).values(),
        *invert_programs(network, path, INVERTING, **options).values(),
    ]
    usual = {"keras", "numpy", "tensorflow", "PIL", "explorer.ascent", "explorer.models"}
    for program in made:
        tree = ast.parse(program.encode("utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert path in texts or {f"net {name}", f"scale {name}"} <= texts
        assert not {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"undefined", "SystemExit"}
        imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert {getattr(node, "module", None) or node.names[0].name for node in imported} <= usual
        assert max(map(len, program.split("\n"))) <= 100


def every_choice():
    """Recipes in which each part takes each of its kinds of values."""
    random = np.random.default_rng(0)
    for _ in range(18):
        parts = {}
        for name, option in OPTIONS.items():
            if isinstance(option, Choice):
                parts[name] = str(random.choice(list(option.choices)))
            elif isinstance(option, Flag):
                parts[name] = bool(random.integers(2))
            elif option.whole:
                parts[name] = int(random.choice([option.low, option.high]))
            else:
                parts[name] = float(random.choice([option.low, option.high, option.low + option.step * 3]))
        yield Recipe(**parts)


KINDS = {
    "ascent": lambda *asked, **where: ascent_programs(*asked[:2], range(64), asked[2], direction=-1, **where),
    "diversify": lambda *asked, **where: diversify_programs(
        *asked[:2], 0, asked[2], count=9, diversity=0.35, direction=-1, **where
    ),
    "dream": lambda *asked, **where: dream_programs(*asked[:2], range(64), asked[2], **where),
    "invert": invert_programs,
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_recipe_makes_a_program_of_short_lines_that_names_only_what_it_has(kind, networks):
    for number, recipe in enumerate(every_choice()):
        network = networks[["flat", "grey", "mlp"][number % 3]]
        layer = layer_paths(network.model)[1]
        for program in KINDS[kind](network, layer, recipe, size=(300, 200), seed=2**32 - 1).values():
            assert max(map(len, program.splitlines())) <= 100
            assert_tidy(program)


def assert_tidy(program):
    """Everything that is used was made before, and everything that is made is used."""
    tree = ast.parse(program)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    made |= {alias.name if alias.asname is None else alias.asname for node in ast.walk(tree)
             if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}  # fmt: skip
    made = {"np" if name == "numpy" else "tf" if name == "tensorflow" else name for name in made}
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert used - made <= set(dir(builtins)), used - made
    assert made - used <= {"_", "step", "opened"}, made - used


def test_only_what_the_recipe_uses_is_in_the_program(networks):
    def program(network="flat", layer="conv2", **parts):
        where = {"size": networks[network].input_shape[:2], "seed": 0}
        return ascent_programs(networks[network], layer, [0], PLAIN.but(**parts), **where)["Keras"]

    words = ("random_move", "paint", "second", "colours", "octaves", "gaussian", "total variation", "clip_by",
             "resized", "Ops", "waves_of", "std()", "towards grey", "clone_model")  # fmt: skip
    assert not [word for word in words if word in program()]
    assert len(program().splitlines()) <= 65
    assert len(program("two_levels", "features.base.norm").splitlines()) <= 50
    parts = {"jitter": "random_move", "l2": "towards grey", "blur": "gaussian", "contrast": "std()"}
    for part, word in parts.items():
        assert [found for found in words if found in program(**{part: 1 if part == "jitter" else 0.2})] == [word]
    assert "rule" in program(layer="relu2")
    assert "rule" not in program("two_levels", "features.base.norm")
    with pytest.raises(LayerError, match="conv9"):
        program(layer="conv9")


@pytest.mark.slow
def test_the_bundled_network_s_program_runs_without_this_package(tmp_path):
    network = load_pretrained("EfficientNetLite0")
    recipe = PRESETS["smooth"].recipe.but(steps=3, blur_every=2)
    where = {"size": (96, 96), "seed": 4}
    (tmp_path / "network.keras").write_bytes(save_classifier(network))
    program = ascent_programs(network, "block2a_expand_relu", [3, 8], recipe, **where)["Keras"]
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, last = ascend(network, "block2a_expand_relu", [3, 8], preset=recipe, **where)
    found = np.stack([np.array(Image.open(tmp_path / f"pattern_{channel}.png")) for channel in (3, 8)])
    assert np.percentile(np.abs(found.astype(int) - last.images), 99) <= 2
