"""The whole network at a glance, in a real browser: its numbers against Keras, and what hands and keys do to it."""

import random
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import by_keras
import glance_page
import keras
import numpy as np
import pytest
from conftest import IDLE, see

from explorer import overview

HERE = Path(__file__).parent
BUNDLED = "EfficientNetLite0"
PATIENCE = 90_000
"""For TensorFlow to wake and a network to be built, in milliseconds."""
READ = """(root) => {
  const all = (name) => [...root.querySelectorAll(`[data-testid=${name}]`)];
  const title = (node) => [...node.children].filter((each) => each.localName === "title").map((each) => each.textContent)[0];
  const number = (node) => (node ? Number(node.dataset.value) : null);
  const cells = (name) => all(name).map((each) => ({
    at: [Number(each.dataset.row), Number(each.dataset.col)], value: number(each),
    padding: each.dataset.padding === "true", source: Number(each.dataset.source),
  }));
  const middle = (node) => { const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };
  const ring = [...root.querySelectorAll("[data-testid=unit-arithmetic] rect[fill=none][visibility=visible]")][0];
  const near = (node) => Math.hypot(...middle(node).map((each, k) => each - middle(ring)[k]));
  const won = ring && all("unit-patch").reduce((best, node) => (near(best) <= near(node) ? best : node));
  const row = (node) => ({ value: number(node), name: title(node.parentNode), source: Number(node.dataset.source) });
  return {
    path: root.dataset.path, channel: Number(root.dataset.channel), form: root.dataset.form,
    at: [Number(root.dataset.row), Number(root.dataset.col)],
    patch: cells("unit-patch"), weights: cells("unit-weight"), products: cells("unit-product"),
    rows: all("unit-row").map(title), parts: all("unit-part").map(row),
    terms: all("unit-term").map((node) => ({ ...row(node), input: Number(node.dataset.input), weight: Number(node.dataset.weight) })),
    rest: number(all("unit-rest")[0]), bias: number(all("unit-bias")[0]), sum: number(all("unit-sum")[0]),
    steps: all("unit-step").map((node) => ({ path: node.dataset.path, kind: node.dataset.kind, value: number(node) })),
    output: number(all("unit-output")[0]), keras: number(all("unit-keras")[0]),
    equal: all("unit-keras").map((node) => node.dataset.equal)[0],
    won: won ? [Number(won.dataset.row), Number(won.dataset.col)] : null,
    softmax: all("unit-softmax").map((node) => ({ name: title(node.parentNode), share: number(node), logit: Number(node.dataset.logit) })),
  };
}"""


@pytest.fixture(scope="module")
def server(serve):
    return serve(HERE / "glance_page.py")


@pytest.fixture
def visit(page, server):
    """``visit(network, **choices)`` opens the page for a network and waits until it is drawn."""

    def start(network, at=page, **choices):
        at.set_default_timeout(PATIENCE)
        own = {} if network == BUNDLED else {"network": network, "feature_maps.model": "own"}
        query = own | {f"feature_maps.{name}": value for name, value in choices.items()}
        at.goto(f"{server}/?{urlencode(query)}")
        drawn(at)
        return at

    return start


def drawn(page):
    see(page.locator("[data-testid=glance][data-drawn]"))
    see(page.locator(IDLE))


def tile(page, path, channel):
    return page.locator(f'.glance .base .tile[data-path="{path}"][data-channel="{channel}"]')


def unit(page, path, channel):
    return page.locator(f'[data-testid=unit-panel] [data-testid=unit][data-path="{path}"][data-channel="{channel}"]')


def unfold(page, path, channel):
    """Press Enter on a channel; what is then shown of it."""
    tile(page, path, channel).press("Enter")
    see(unit(page, path, channel))
    return read(page, path, channel)


def read(page, path, channel):
    return unit(page, path, channel).evaluate(READ)


# The shown numbers agree with Keras


@cache
def network(name):
    """A network of the page, and one pass of the page's picture through it, layer by layer."""
    classifier = glance_page.classifier(name)
    return classifier, by_keras.Recorded(classifier.model, glance_page.photo(classifier))


def close(shown, expected, among):
    """To a ten-thousandth of the largest value of the map that the number is from."""
    scale = max(1.0, float(np.abs(among).max()))
    assert abs(shown - expected) <= 1e-4 * scale, f"{shown} is shown, Keras has {expected}; the map goes to {scale}"


def index_of(name, colours):
    """``stem_relu 12`` is the channel 12; ``red`` is what the network's colours say."""
    name = name.partition(":")[0]
    return colours.index(name) if name in colours else int(name.rsplit(" ", 1)[-1])


class Expected:
    """What Keras has for one channel, beside what is shown of it."""

    def __init__(self, name, path, channel):
        self.classifier, self.run = network(name)
        self.path, self.channel = path, channel
        self.call, self.after = self.run.unit(path)
        self.colours = ("blue", "green", "red") if name in ("VGG16", "ResNet50") else by_keras.COLOURS
        self.colours = ("grey",) if self.classifier.input_shape[2] == 1 else self.colours
        self.is_class = path == list(self.run.calls)[-1]
        one_unit = self.run.output.shape == (1,)
        self.opposite = one_unit and self.is_class and channel == 0
        self.unit = 0 if one_unit and self.is_class else channel

    def agrees(self, shown):
        kind = None if self.call is None else self.call.kind
        at = tuple(shown["at"]) if self.run.calls[self.path].values.ndim == 3 else ()
        if kind == "Dense":
            self.dense(shown)
        elif kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D"):
            self.convolution(shown, at)
        elif kind is not None and "Pooling" in kind:
            self.pooling(shown, at)
        elif kind in ("Add", "Multiply"):
            self.joined(shown, at)
        elif kind == "Concatenate":
            self.copied(shown, at)
        else:
            assert kind is None, f"{kind} is not looked at here"
            self.picture(shown, at)
        self.steps(shown, at)
        if self.is_class:
            self.softmax(shown)
        return shown["form"]

    def steps(self, shown, at):
        own = getattr(self.call and self.call.layer, "activation", None)
        calls = [*([self.call] if own not in (None, keras.activations.linear) else []), *self.after]
        assert [step["path"] for step in shown["steps"]] == [call.path for call in calls]
        kinds = {"BatchNormalization": "normalisation", "Rescaling": "scaling", "Dropout": "same"}
        for step, call in zip(shown["steps"], calls, strict=True):
            assert step["kind"] == kinds.get(call.kind, "other" if "Prepro" in call.kind else "activation")
            values = call.values[..., self.unit]
            expected = 1 - values if self.opposite else values
            close(step["value"], expected[at], expected)
        values = self.run.calls[self.path].values[..., self.unit]
        expected = -values if self.opposite and not calls else 1 - values if self.opposite else values
        close(shown["output"], expected[at], expected)
        close(shown["keras"], expected[at], expected)
        assert shown["equal"] == "true"

    def convolution(self, shown, at):
        assert shown["form"] == "convolution"
        inputs, weights = by_keras.slices(self.call, self.channel)
        parts = by_keras.apart(self.call, self.channel)
        told = [inputs.index(index_of(part["name"], self.colours)) for part in shown["parts"]]
        assert [index_of(row, self.colours) for row in shown["rows"]] == [inputs[which] for which in told]
        self.strongest(told, np.abs(parts).sum(axis=(0, 1)))
        for part, which in zip(shown["parts"], told, strict=True):
            close(part["value"], parts[(*at, which)], parts[..., which])
        self.added(shown, parts, told, at)
        total = keras.ops.conv(
            self.call.given()[np.newaxis][..., inputs], weights[..., np.newaxis],
            strides=self.window[1], padding=self.window[3], dilation_rate=self.window[2],
        )  # fmt: skip
        total = np.asarray(total)[0, ..., 0] + by_keras.bias(self.call, self.channel)
        close(shown["sum"], total[at], total)
        if self.call.layer.activation is keras.activations.linear:
            close(shown["sum"], self.call.values[(*at, self.channel)], total)
        which = told[shown["patch"][0]["source"]]
        self.cells(shown, self.call.given()[..., inputs[which]], weights[..., which], at)
        alone = keras.ops.conv(
            self.call.given()[np.newaxis][..., inputs[which], np.newaxis], weights[..., which, np.newaxis, np.newaxis],
            strides=self.window[1], padding=self.window[3], dilation_rate=self.window[2],
        )  # fmt: skip
        close(sum(cell["value"] for cell in shown["products"]), np.asarray(alone)[0][(*at, 0)], parts[..., which])

    @property
    def window(self):
        return by_keras.shape_of(self.call)

    def cells(self, shown, one, weights, at):
        """Patch, slice and products of the input that is looked at."""
        patch = by_keras.patches(one, *self.window)[at]
        inside = by_keras.patches(np.ones_like(one), *self.window)[at] > 0
        assert [tuple(cell["at"]) for cell in shown["patch"]] == list(np.ndindex(patch.shape))
        for cell, weight, product in zip(shown["patch"], shown["weights"], shown["products"], strict=True):
            where = tuple(cell["at"])
            assert tuple(weight["at"]) == tuple(product["at"]) == where
            assert cell["padding"] == (not inside[where])
            close(cell["value"], patch[where], one)
            close(weight["value"], weights[where], weights)
            close(product["value"], patch[where] * weights[where], patch * weights)

    def strongest(self, told, flows):
        """The inputs that are shown one by one are the strongest, in order."""
        assert len(told) == len(set(told))
        assert len(told) >= min(2, len(flows))
        given = flows[told]
        assert (given[:-1] >= given[1:] * (1 - 1e-4)).all()
        assert np.delete(flows, told).max(initial=0) <= given.min() * (1 + 1e-4)

    def added(self, shown, parts, told, at):
        """What the others give together, and the bias."""
        hidden = np.delete(parts, told, axis=-1)
        assert (shown["rest"] is not None) == bool(hidden.shape[-1])
        if hidden.shape[-1]:
            rest = hidden.sum(axis=-1, dtype=np.float64)
            close(shown["rest"], rest[at], rest)
        sign = -1 if self.opposite else 1
        close(shown["bias"], sign * by_keras.bias(self.call, self.unit), 1)
        whole = sum(each["value"] for each in shown["parts"] or [term for term in shown["terms"]])
        close(whole + (shown["rest"] or 0) + shown["bias"], shown["sum"], parts.sum(axis=-1))

    def dense(self, shown):
        assert shown["form"] == "dense"
        sign = -1 if self.opposite else 1
        given, weights = self.call.given(), sign * np.asarray(self.call.layer.kernel)[:, self.unit]
        told = [index_of(term["name"], self.colours) for term in shown["terms"]]
        self.strongest(told, np.abs(given * weights))
        for term, which in zip(shown["terms"], told, strict=True):
            close(term["input"], given[which], given)
            close(term["weight"], weights[which], weights)
            close(term["value"], given[which] * weights[which], given * weights)
            place = self.run.place(self.call, which)
            assert (place is None) == (":" not in term["name"])
            if place is not None:
                assert term["name"].endswith(": channel {}, row {}, column {}".format(*place))
        self.added(shown, given * weights, told, ())
        close(shown["sum"], given @ weights + sign * by_keras.bias(self.call, self.unit), given * weights)

    def pooling(self, shown, at):
        given, pooled = self.call.given()[..., self.channel], self.call.values[..., self.channel]
        largest = "Max" in self.call.kind
        assert shown["form"] == ("max" if largest else "mean")
        close(shown["sum"], pooled[at], given)
        if "Global" in self.call.kind:
            patch, inside = given, np.ones_like(given, bool)
        else:
            patch = by_keras.patches(given, *self.window)[at]
            inside = by_keras.patches(np.ones_like(given), *self.window)[at] > 0
        assert patch.size > 256 or len(shown["patch"]) == patch.size
        for cell in shown["patch"]:
            where = tuple(cell["at"])
            assert cell["padding"] == (not inside[where])
            if inside[where]:
                close(cell["value"], patch[where], given)
        if largest and shown["patch"]:
            assert patch[tuple(shown["won"])] == pytest.approx(patch[inside].max(), rel=1e-5)
            assert inside[tuple(shown["won"])]

    def joined(self, shown, at):
        every = [self.call.given(index)[..., self.channel] for index in range(len(self.call.inputs))]
        assert shown["form"] == ("product" if self.call.kind == "Multiply" else "sum")
        assert len(shown["rows"]) == len(shown["parts"]) == len(every)
        for part in shown["parts"]:
            maker = part["name"].rpartition(" ")[0]
            (which,) = (index for index, tensor in enumerate(self.call.inputs) if self.run.maker(tensor).path == maker)
            assert index_of(part["name"], ()) == self.channel
            close(part["value"], every[which][at], every[which])
        close(shown["sum"], self.call.values[(*at, self.channel)], self.call.values[..., self.channel])

    def copied(self, shown, at):
        assert shown["form"] == "copy"
        before = np.cumsum([0, *(tensor.shape[-1] for tensor in self.call.inputs)])
        which = int(np.searchsorted(before, self.channel, side="right")) - 1
        maker = self.run.maker(self.call.inputs[which])
        assert shown["rows"][0].startswith(f"{maker.path} {self.channel - before[which]}:")
        values = maker.values[..., self.channel - before[which]]
        close(shown["sum"], values[at], values)

    def picture(self, shown, at):
        assert shown["form"] == "picture"
        given = glance_page.photo(self.classifier)[0][..., self.channel]
        close(shown["sum"], given[at], given)

    def softmax(self, shown):
        """Bars of the likeliest classes, with this one among them, as the network itself says."""
        picture = glance_page.photo(self.classifier)
        shares, logits = self.classifier.predict(picture)[0], self.classifier.logits(picture)[0]
        names = self.classifier.class_names
        told = [names.index(bar["name"]) for bar in shown["softmax"]]
        assert self.channel in told
        assert len(told) == min(8, len(names))
        assert told[: len(told) - 1] == np.argsort(-shares, kind="stable")[: len(told) - 1].tolist()
        for bar, index in zip(shown["softmax"], told, strict=True):
            assert bar["share"] == pytest.approx(shares[index], abs=1e-5)
            close(bar["logit"], logits[index], logits)
        close(shown["sum"], logits[self.channel], logits)


def twelve(name, seed):
    """Random stages unfolded, random channels of the columns that there are then, and two classes."""
    classifier, run = network(name)
    plan = overview.plan(classifier.model, input_shape=classifier.input_shape)
    chance = random.Random(f"{name} {seed}")
    opened = []
    for group in plan.groups():
        above = group.id.rpartition(".")[0]
        if group.parts and (not above or above in opened) and chance.random() < 0.6:
            opened.append(group.id)
    opened = opened or [group.id for group in plan.groups() if group.parts]
    columns = [column.group.told.path for column in plan.columns(opened)[1:-1]]
    paths = chance.sample(columns, 10) if len(columns) > 10 else [columns[k % len(columns)] for k in range(10) if columns]
    wanted = {(path, chance.randrange(run.calls[path].values.shape[-1])) for path in paths}
    last = plan.classes.told.path
    best = np.argsort(-classifier.predict(glance_page.photo(classifier))[0])[:8].tolist()
    classes = {(last, each) for each in [best[0], *chance.sample(best[1:], min(len(best) - 1, 12 - len(wanted) - 1))]}
    return opened, sorted(wanted), sorted(classes)


def all_agree(visit, name, seed=0):
    """Unfold the twelve, compare each, look elsewhere in some and compare again; the forms that were met."""
    opened, wanted, classes = twelve(name, seed)
    pinned = {"pinned": ",".join(f"{path}:{channel}" for path, channel in wanted)} if wanted else {}
    page = visit(name, **pinned, **({"opened": ",".join(opened)} if opened else {}))
    forms = []
    for number, (path, channel) in enumerate([*wanted, *classes]):
        expected = Expected(name, path, channel)
        forms.append(expected.agrees(unfold(page, path, channel)))
        if number % 3 == 0 and look_elsewhere(page, unit(page, path, channel)):
            expected.agrees(read(page, path, channel))
    return forms


def look_elsewhere(page, shown):
    """Look at the last input, and at another place; False where there is only one place."""
    rows = shown.get_by_test_id("unit-row")
    if rows.count() > 1:
        rows.last.dispatch_event("pointerenter")
    before = shown.get_attribute("data-row"), shown.get_attribute("data-col")
    body = page.locator(".unit-body")
    for key in ("ArrowUp", "ArrowLeft", "ArrowUp"):
        body.press(key)
    if (shown.get_attribute("data-row"), shown.get_attribute("data-col")) == before:
        for key in ("ArrowDown", "ArrowRight"):
            body.press(key)
    return (shown.get_attribute("data-row"), shown.get_attribute("data-col")) != before


QUICK = (BUNDLED, "grey", "mlp", "transfer", "branches", "one")


@pytest.mark.parametrize("name", QUICK)
def test_the_shown_numbers_agree_with_keras(visit, name):
    forms = all_agree(visit, name)
    assert len(forms) >= 12 or name == "one"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["VGG16", "ResNet50", "InceptionV3", "MobileNetV2", "nested"])
def test_the_shown_numbers_of_large_networks_agree_with_keras(visit, name):
    assert len(all_agree(visit, name)) >= 12
