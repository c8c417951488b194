"""The whole network at a glance, in a real browser: its numbers against Keras, and what hands and keys do to it."""

import re
import time
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree as ET

import by_keras
import cv2
import glance_page
import keras
import numpy as np
import pytest
from conftest import DESKTOP, PHONE, becomes, see, settle, watched_pages
from playwright.sync_api import expect
from test_training_page import end_runs

from explorer import overview, training

HERE = Path(__file__).parent
BUNDLED = "EfficientNetLite0"
PATIENCE = 90_000
"""For TensorFlow to wake and a network to be built, in milliseconds."""
READ = """(root) => {
  const all = (name) => [...root.querySelectorAll(`[data-testid=${name}]`)];
  const titles = (node) => [...node.children].filter((each) => each.localName === "title");
  const title = (node) => titles(node).map((each) => each.textContent)[0];
  const number = (node) => (node ? Number(node.dataset.value) : null);
  const cells = (name) => all(name).map((each) => ({
    at: [Number(each.dataset.row), Number(each.dataset.col)], value: number(each),
    padding: each.dataset.padding === "true", source: Number(each.dataset.source),
  }));
  const middle = (node) => {
    const box = node.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const ring = [...root.querySelectorAll("[data-testid=unit-arithmetic] rect[fill=none][visibility=visible]")][0];
  const near = (node) => Math.hypot(...middle(node).map((each, k) => each - middle(ring)[k]));
  const won = ring && all("unit-patch").reduce((best, node) => (near(best) <= near(node) ? best : node));
  const row = (node) => ({ value: number(node), name: title(node.parentNode), source: Number(node.dataset.source) });
  return {
    path: root.dataset.path, channel: Number(root.dataset.channel), form: root.dataset.form,
    at: [Number(root.dataset.row), Number(root.dataset.col)],
    patch: cells("unit-patch"), weights: cells("unit-weight"), products: cells("unit-product"),
    rows: all("unit-row").map(title), parts: all("unit-part").map(row),
    terms: all("unit-term").map((node) => (
      { ...row(node), input: Number(node.dataset.input), weight: Number(node.dataset.weight) }
    )),
    planes: all("unit-plane").map((node) => ({ ...row(node), channel: Number(node.dataset.channel) })),
    cell: all("unit-cell").map(({ dataset }) => Object.fromEntries(
      ["row", "col", "number", "value", "weight", "product"].map((name) => [name, Number(dataset[name])])
    ))[0],
    rest: number(all("unit-rest")[0]), bias: number(all("unit-bias")[0]), sum: number(all("unit-sum")[0]),
    steps: all("unit-step").map((node) => ({ path: node.dataset.path, kind: node.dataset.kind, value: number(node) })),
    output: number(all("unit-output")[0]), keras: number(all("unit-keras")[0]),
    equal: all("unit-keras").map((node) => node.dataset.equal)[0],
    won: won ? [Number(won.dataset.row), Number(won.dataset.col)] : null,
    softmax: all("unit-softmax").map((node) => (
      { name: title(node.parentNode), share: number(node), logit: Number(node.dataset.logit) }
    )),
  };
}"""


@pytest.fixture(scope="module")
def server(serve):
    return serve(HERE / "glance_page.py")


@pytest.fixture(scope="module")
def person(profile):
    """A page that the tests of this file share."""
    with watched_pages() as open_in:
        yield open_in(profile("this person", viewport=DESKTOP))


@pytest.fixture(scope="module")
def visit(person, server):
    """``visit(network, **choices)`` opens the page for a network and waits until it is drawn.

    Args:
        at: another person's page.
        whole: with what stands below the picture of the network.
        fails: nothing is drawn.
    """
    left = {}

    def start(network, at=person, *, whole=False, fails=False, **choices):
        own = {"network": network, "feature_maps.model": "own"}
        if network == BUNDLED or network.startswith("run:"):
            own = {"feature_maps.model": network}
        query = own | ({} if whole else {"alone": "1"})
        query |= {f"feature_maps.{name}": value for name, value in choices.items()}
        address = f"{server}/?{urlencode(query)}"
        if (
            at is person
            and left == {address: at.url}
            and at.get_by_test_id("unit-panel").is_visible() == ("unfolded" in choices)
        ):
            at.mouse.move(4, 4)
            return at  # as the test before has left it
        at.set_default_timeout(PATIENCE)
        at.goto(address)
        if not fails:
            drawn(at)
        if at is person:
            left.clear()
            left[address] = at.url
        return at

    return start


def drawn(page):
    see(page.locator("[data-testid=glance][data-drawn]"))
    settle(page)


def tile(page, path, channel):
    return page.locator(f'.glance .base .tile[data-path="{path}"][data-channel="{channel}"]')


def unit(page, path, channel):
    return page.locator(f'[data-testid=unit-panel] [data-testid=unit][data-path="{path}"][data-channel="{channel}"]')


def grown(shown):
    """Wait until a channel is unfolded, and its panel has its size."""
    see(shown)
    shown.evaluate(
        "(node) => Promise.all(node.closest('[data-testid=unit-panel]').getAnimations().map((each) => each.finished))"
    )


def unfold(page, path, channel):
    """Press Enter on a channel; what is then shown of it."""
    tile(page, path, channel).press("Enter")
    shown = unit(page, path, channel)
    grown(shown)
    if not shown.get_by_test_id("unit-by-maps").count():
        return read(page, path, channel)
    shown.get_by_test_id("unit-by-maps").press("Enter")
    by_map = read(page, path, channel)
    shown.get_by_test_id("unit-by-numbers").press("Enter")
    return read(page, path, channel) | {"by_map": by_map}


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
        whole = sum(each["value"] for each in shown["parts"] or shown["terms"])
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
        shape = self.run.shape_before(self.call)
        assert (shape is not None) == ("by_map" in shown)
        if shape is not None:
            self.planes(shown["by_map"], given.reshape(shape), weights.reshape(shape))

    def planes(self, shown, given, weights):
        """The same sum map by map, and one cell of the first map."""
        assert not shown["terms"]
        sums = (given * weights).sum(axis=(0, 1), dtype=np.float64)
        told = [plane["channel"] for plane in shown["planes"]]
        self.strongest(told, np.abs(sums))
        for plane in shown["planes"]:
            close(plane["value"], sums[plane["channel"]], given * weights)
        rest = np.delete(sums, told)
        assert (shown["rest"] is not None) == bool(rest.size)
        close(shown["rest"] or 0, rest.sum(), given * weights)
        close(sums.sum() + shown["bias"], shown["sum"], given * weights)
        cell = shown["cell"]
        at = cell["row"], cell["col"], told[0]
        assert cell["number"] == np.ravel_multi_index(at, given.shape)
        close(cell["value"], given[at], given)
        close(cell["weight"], weights[at], weights)
        close(cell["product"], given[at] * weights[at], given * weights)

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
            maker = part["name"].rpartition(" · ")[0]
            (which,) = (index for index, tensor in enumerate(self.call.inputs) if self.run.maker(tensor).path == maker)
            assert index_of(part["name"], ()) == self.channel
            close(part["value"], every[which][at], every[which])
        close(shown["sum"], self.call.values[(*at, self.channel)], self.call.values[..., self.channel])

    def copied(self, shown, at):
        assert shown["form"] == "copy"
        before = np.cumsum([0, *(tensor.shape[-1] for tensor in self.call.inputs)])
        which = int(np.searchsorted(before, self.channel, side="right")) - 1
        maker = self.run.maker(self.call.inputs[which])
        assert shown["rows"][0].startswith(f"{maker.path} · {self.channel - before[which]}:")
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


def some(chance, things, count):
    """So many of them, none twice, or all where there are no more."""
    return [things[index] for index in chance.permutation(len(things))[:count]]


def twelve(name):
    """Random stages unfolded, random channels of the columns that there are then, and at least two classes."""
    classifier, run = network(name)
    plan = overview.plan(classifier.model, input_shape=classifier.input_shape)
    chance = np.random.default_rng(list(name.encode()))
    opened = []
    for stage in some(chance, [stage for stage in plan.stages if stage.parts], 2):
        opened += [stage.id, *(part.id for part in stage.parts if part.parts and chance.random() < 0.6)]
    columns = [column.group.told.path for column in plan.columns(opened)[1:-1]]
    every = {path: some(chance, range(run.calls[path].values.shape[-1]), 10) for path in some(chance, columns, 10)}
    wanted = [(path, channels[turn]) for turn in range(10) for path, channels in every.items() if turn < len(channels)]
    likeliest = np.argsort(-classifier.predict(glance_page.photo(classifier))[0])[:8].tolist()
    classes = [likeliest[0], *some(chance, likeliest[1:], 11 - len(wanted[:10]))]
    return opened, wanted[:10], [(plan.classes.told.path, index) for index in classes]


def all_agree(visit, name):
    """Unfold the twelve, compare each, look elsewhere in some and compare again; the forms that were met."""
    opened, wanted, classes = twelve(name)
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


@pytest.mark.parametrize(
    ("name", "count"), [(BUNDLED, 12), ("grey", 12), ("transfer", 10), ("branches", 12), ("one", 4)]
)
def test_the_shown_numbers_agree_with_keras(visit, name, count):
    assert len(all_agree(visit, name)) == count  # the small ones have no more


@pytest.mark.slow
@pytest.mark.parametrize("name", ["VGG16", "ResNet50", "InceptionV3", "MobileNetV2", "nested", "mlp"])
def test_the_shown_numbers_of_more_networks_agree_with_keras(visit, name):
    assert len(all_agree(visit, name)) == 12


@pytest.mark.slow
def test_heads_leave_out_the_name_of_the_one_nested_network(visit):
    page = visit("nested", opened="4")
    heads = page.locator(".glance-head")
    titles = heads.locator("title").all_text_contents()
    assert len([words for words in titles if words.startswith("base.")]) == len(titles) - 2  # picture and classes
    assert not [words for words in heads.locator("text").all_text_contents() if "base." in words]
    expect(page.locator(".glance .bracket").first).to_have_text("block_8")


RARER = {
    "layer": ("convolution", ["normalisation"]),
    "most": ("maximum", []),
    "least": ("minimum", []),
    "groups": ("convolution", ["normalisation"]),
    "multiply": ("convolution", ["scaling", "activation", "scaling"]),
    "repeated": ("copy", []),
}
"""Layers and operations of the network ``rarer``: how each gathers, and what follows."""


@cache
def rare(path):
    """What Keras has for a layer or an operation of that network, (H, W, C)."""
    classifier = network("rarer")[0]
    operation = next(each for each in classifier.model.operations if each.name == path)
    return np.asarray(keras.Model(classifier.model.inputs[0], operation.output)(glance_page.photo(classifier)))[0]


def test_what_fewer_networks_have_is_told_in_numbers_too(visit):
    classifier = network("rarer")[0]
    opened = [group.id for group in overview.plan(classifier.model).groups()]
    page = visit("rarer", opened=",".join(opened))
    seen = {}
    for path in RARER:
        channel = int(page.locator(f'.glance .base .tile[data-path="{path}"]').last.get_attribute("data-channel"))
        values = rare(path)[..., channel]
        shown = [unfold(page, path, channel)]
        look_elsewhere(page, unit(page, path, channel))
        shown.append(read(page, path, channel))
        for told in shown:
            close(told["output"], values[tuple(told["at"])], values)
            close(told["keras"], values[tuple(told["at"])], values)
            assert told["equal"] == "true"
            if path in {"most", "least"}:
                parts = {part["name"].split(" ")[0]: part["value"] for part in told["parts"]}
                assert told["sum"] == (max if path == "most" else min)(parts.values())
                for parent in ("left", "right"):
                    close(parts[parent], rare(parent)[(*told["at"], channel)], rare(parent))
        seen[path] = (told["form"], [step["kind"] for step in told["steps"]])
    assert seen == RARER


def test_a_transposed_convolution_slides_over_a_map_with_zeros_between(visit):
    page = visit("rarer")
    up = network("rarer")[1].calls["up"]
    shown = unfold(page, "layer", 2)
    at = (*shown["at"], 2)
    close(shown["sum"], up.values[at], up.values)
    colour = by_keras.COLOURS.index(shown["parts"][0]["name"])
    alone = np.zeros_like(up.given())
    alone[..., colour] = up.given()[..., colour]
    gives = np.asarray(up.layer(alone[np.newaxis]))[0][at] - np.asarray(up.layer.bias)[2]
    assert shown["patch"][0]["source"] == 0
    close(sum(cell["value"] for cell in shown["products"]), gives, up.values)
    close(shown["parts"][0]["value"], gives, up.values)


# Pointing, keys and touch

LIT = """(svg) => {
  const at = (node) => node.getAttribute("transform");
  const every = [...svg.querySelectorAll(".base .tile")];
  const tiles = new Map(every.map((node) => [at(node), `${node.dataset.path}:${node.dataset.channel}`]));
  const boxes = every.map((node) => ({ name: tiles.get(at(node)), box: node.getBoundingClientRect() }));
  const origin = svg.getBoundingClientRect();
  const whose = (x, y) => boxes.reduce((best, each) => {
    const across = ({ box }) => Math.max(box.left - origin.left - x, x - box.right + origin.left, 0);
    const off = (each) => across(each) + 2 * Math.abs((each.box.top + each.box.bottom) / 2 - origin.top - y);
    return best && off(best) <= off(each) ? best : each;
  }, null).name;
  return {
    base: Number(svg.querySelector(".base").style.opacity),
    tiles: [...svg.querySelectorAll(".lit > .tile")].map((node) => tiles.get(at(node))),
    edges: [...svg.querySelectorAll(".lit > path")].map((node) => {
      const points = node.getAttribute("d").match(/-?[\\d.]+/g).map(Number);
      return {
        from: whose(...points.slice(0, 2)), to: whose(...points.slice(-2)),
        width: Number(node.getAttribute("stroke-width")), colour: node.getAttribute("stroke"),
      };
    }),
  };
}"""


def lit(page):
    return page.get_by_test_id("glance-picture").evaluate(LIT)


def shown_channels(page, path):
    tiles = page.locator(f'.glance .base .tile[data-path="{path}"]')
    return [int(channel) for channel in tiles.evaluate_all("(found) => found.map((each) => each.dataset.channel)")]


def test_pointing_at_a_channel_lights_what_feeds_it_by_strength_and_what_it_feeds(visit):
    page = visit("grey")
    _, run = network("grey")
    inputs, channels = shown_channels(page, "max_pooling_1"), shown_channels(page, "convolution_2")
    parts = np.stack([by_keras.apart(run.calls["convolution_2"], channel)[..., inputs] for channel in channels])
    flows, net = np.abs(parts).sum(axis=(1, 2)), parts.sum(axis=(1, 2))
    assert lit(page)["base"] == 1
    for place in (0, 7):
        channel = channels[place]
        tile(page, "convolution_2", channel).hover()
        found = lit(page)
        assert found["base"] < 0.5
        share = dict(zip(inputs, flows[place] / flows.max(), strict=True))
        sign = dict(zip(inputs, np.sign(net[place]), strict=True))
        expected = {f"max_pooling_1:{each}" for each in inputs if share[each] >= 0.03}
        feeding = [edge for edge in found["edges"] if edge["to"] == f"convolution_2:{channel}"]
        assert {edge["from"] for edge in feeding} == expected
        assert len(feeding) == len(expected)
        fed = {edge["to"] for edge in found["edges"] if edge["from"] == f"convolution_2:{channel}"}
        assert fed == {f"max_pooling_2:{channel}"} & {
            f"max_pooling_2:{each}" for each in shown_channels(page, "max_pooling_2")
        }
        assert set(found["tiles"]) == {f"convolution_2:{channel}"} | expected | fed
        by_width = [int(edge["from"].rpartition(":")[2]) for edge in sorted(feeding, key=lambda edge: edge["width"])]
        strengths = [share[each] for each in by_width]
        assert strengths == pytest.approx(sorted(strengths), abs=0.01)
        colours = {(sign[int(edge["from"].rpartition(":")[2])], edge["colour"]) for edge in feeding}
        assert len(colours) == len({which for which, _ in colours}) == len({colour for _, colour in colours})
    page.mouse.move(4, 4)
    assert lit(page)["base"] == 1


FOCUSED = """(root) => {
  const at = root.getRootNode().activeElement;
  return at && (at.dataset.path ? `${at.dataset.path}:${at.dataset.channel}` : at.className);
}"""


def focused(page):
    return page.get_by_test_id("glance").evaluate(FOCUSED)


def test_keys_lead_from_channel_to_channel_unfold_look_around_and_fold(visit):
    page = visit("grey")
    channels = {path: shown_channels(page, path) for path in ("rescaling", "convolution_1", "max_pooling_1")}
    tile(page, "rescaling", 0).focus()
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("convolution_1:")
    page.keyboard.press("Home")
    becomes("rescaling:0", focused, page)
    tile(page, "convolution_1", channels["convolution_1"][0]).focus()
    page.keyboard.press("ArrowDown")
    becomes(f"convolution_1:{channels['convolution_1'][1]}", focused, page)
    assert lit(page)["base"] < 0.5
    page.keyboard.press("ArrowRight")
    becomes(f"max_pooling_1:{channels['max_pooling_1'][1]}", focused, page)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    shown = unit(page, "convolution_1", channels["convolution_1"][1])
    grown(shown)
    page.wait_for_url(lambda url: "feature_maps.channel" in url)
    assert not parameters(page).get("layer")  # the page opens with this layer
    assert parameters(page)["channel"] == str(channels["convolution_1"][1])
    page.locator(".unit-body").focus()
    at = [int(shown.get_attribute(f"data-{axis}")) for axis in ("row", "col")]
    page.keyboard.press("ArrowUp" if at[0] else "ArrowDown")
    page.keyboard.press("ArrowLeft" if at[1] else "ArrowRight")
    moved = [at[0] + (-1 if at[0] else 1), at[1] + (-1 if at[1] else 1)]
    assert [int(shown.get_attribute(f"data-{axis}")) for axis in ("row", "col")] == moved
    page.keyboard.press("Escape")
    page.get_by_test_id("unit-panel").wait_for(state="hidden")
    becomes(f"convolution_1:{channels['convolution_1'][1]}", focused, page)
    page.wait_for_url(lambda url: "unfolded" not in url)


def parameters(page):
    found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    return {key.removeprefix("feature_maps."): value for key, value in found.items()}


def test_a_pointer_on_a_map_looks_elsewhere_a_click_pins_play_slides_the_window_and_a_second_click_folds(visit):
    page = visit("grey")
    channel = shown_channels(page, "convolution_2")[3]
    tile(page, "convolution_2", channel).click()
    shown = unit(page, "convolution_2", channel)
    grown(shown)
    maps = shown.get_by_test_id("unit-map")
    box = maps.last.bounding_box()

    def point(row, col, rows=11, cols=11):
        page.mouse.move(box["x"] + box["width"] * (col + 0.5) / cols, box["y"] + box["height"] * (row + 0.5) / rows)

    def place():
        return [int(shown.get_attribute(f"data-{axis}")) for axis in ("row", "col")]

    point(2, 9)
    assert place() == [2, 9]
    Expected("grey", "convolution_2", channel).agrees(read(page, "convolution_2", channel))
    page.mouse.down()
    page.mouse.up()
    point(7, 1)
    assert place() == [2, 9]
    expect(shown).to_have_attribute("data-pinned", "true")
    shown.get_by_test_id("unit-play").click()
    see(shown.locator("xpath=self::*[@data-playing='true']"))
    page.wait_for_timeout(200)
    assert place() != [2, 9]
    Expected("grey", "convolution_2", channel).agrees(read(page, "convolution_2", channel))
    shown.get_by_test_id("unit-play").click()
    tile(page, "convolution_2", channel).click()
    page.get_by_test_id("unit-panel").wait_for(state="hidden")


def marks_in_the_row(shown):
    """Which of the 576 numbers are coloured in the strip, by where their marks are."""
    strip = shown.get_by_test_id("unit-flat-strip")
    bar = strip.locator("rect").first
    top, height = (float(bar.get_attribute(name)) for name in ("y", "height"))
    paths = "".join(each.get_attribute("d") for each in strip.locator("g path").all())
    return [round((float(y) - top) / height * 576 - 0.5) for y in re.findall(r"M[\d.]+,([\d.]+)", paths)]


def test_a_dense_layer_behind_maps_is_told_map_by_map_and_each_cell_has_its_place_in_the_row(visit):
    page = visit("grey")
    _, run = network("grey")
    channel = shown_channels(page, "dense_1")[0]
    tile(page, "dense_1", channel).click()
    shown = unit(page, "dense_1", channel)
    grown(shown)
    maps = shown.get_by_test_id("unit-flat-map")  # three squares a line: map, weights, products
    expect(maps).to_have_count(3 * 6)
    page.locator(".unit-body").focus()
    box = maps.nth(4).bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    found = read(page, "dense_1", channel)
    second, cell = found["planes"][1]["channel"], found["cell"]
    assert (cell["row"], cell["col"]) == (0, 2)
    assert cell["number"] == 2 * 64 + second
    call = run.calls["dense_1"]
    close(cell["value"], call.given()[cell["number"]], call.given())
    close(cell["weight"], np.asarray(call.layer.kernel)[cell["number"], channel], 1)
    assert sorted(marks_in_the_row(shown)) == sorted(
        cell * 64 + plane["channel"] for plane in found["planes"] for cell in range(9)
    )
    assert shown.get_by_test_id("unit-flat-fan").get_attribute("d").count("M") == 9
    page.locator(".unit-body").press("ArrowDown")
    assert read(page, "dense_1", channel)["cell"]["number"] == (3 + 2) * 64 + second
    assert shown.get_by_test_id("unit-keras").text_content().endswith("✓")
    shown.get_by_test_id("unit-flat-row").nth(3).focus()
    assert read(page, "dense_1", channel)["cell"]["number"] == (3 + 2) * 64 + found["planes"][3]["channel"]
    pinned = maps.nth(7).bounding_box()
    centre = (pinned["x"] + pinned["width"] / 2, pinned["y"] + pinned["height"] / 2)
    page.mouse.click(*centre)
    kept, told = (3 + 1) * 64 + found["planes"][2]["channel"], shown.get_by_test_id("unit-cell")
    assert read(page, "dense_1", channel)["cell"]["number"] == kept
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    assert told.text_content().endswith("(pinned)")
    assert read(page, "dense_1", channel)["cell"]["number"] == kept
    page.mouse.click(*centre)
    assert not told.text_content().endswith("(pinned)")
    shown.get_by_test_id("unit-flat-row").nth(3).focus()
    page.locator(".unit-body").press("ArrowDown")
    high = shown.bounding_box()["height"]
    shown.get_by_test_id("unit-by-numbers").click()
    assert shown.bounding_box()["height"] == high
    shown.get_by_test_id("unit-by-maps").click()
    assert read(page, "dense_1", channel)["cell"]["number"] == (2 * 3 + 1) * 64 + found["planes"][3]["channel"]
    shown.get_by_test_id("unit-by-numbers").click()
    assert len(read(page, "dense_1", channel)["terms"]) == 12
    assert focused(page) is not None
    tile(page, "dense_1", channel).click()
    page.get_by_test_id("unit-panel").wait_for(state="hidden")


def test_two_quick_clicks_unfold_the_second_and_a_quick_escape_stays_with_what_was_clicked(visit):
    page = visit("grey", whole=True)
    first, second = shown_channels(page, "convolution_1")[2], shown_channels(page, "convolution_3")[4]
    tile(page, "convolution_1", first).dispatch_event("click")
    page.wait_for_timeout(60)
    tile(page, "convolution_3", second).dispatch_event("click")
    grown(unit(page, "convolution_3", second))
    page.wait_for_url(lambda url: "convolution_3" in url)
    settle(page)
    tile(page, "convolution_1", first).dispatch_event("click")
    grown(unit(page, "convolution_1", first))
    page.keyboard.press("Escape")
    page.get_by_test_id("glance").get_by_test_id("unit-fold").dispatch_event("click")
    page.get_by_test_id("unit-panel").wait_for(state="hidden")
    page.wait_for_url(lambda url: "unfolded" not in url)
    settle(page)
    found = parameters(page)
    assert found.get("layer", "convolution_1") == "convolution_1"
    assert found["channel"] == str(first)


def test_a_quick_click_back_into_the_layer_of_before_stays_with_its_channel(visit):
    page = visit("grey", whole=True)
    (first, back), between = shown_channels(page, "convolution_1")[2:4], shown_channels(page, "convolution_3")[4]
    tile(page, "convolution_1", first).dispatch_event("click")
    grown(unit(page, "convolution_1", first))
    page.wait_for_url(lambda url: f"channel={first}&" in f"{url}&")
    settle(page)
    tile(page, "convolution_3", between).dispatch_event("click")
    see(unit(page, "convolution_3", between))
    tile(page, "convolution_1", back).dispatch_event("click")  # the browser's list of layers still says convolution_1
    grown(unit(page, "convolution_1", back))
    page.wait_for_url(lambda url: f"channel={back}&" in f"{url}&")
    settle(page)
    page.wait_for_timeout(300)
    assert parameters(page)["channel"] == str(back)
    expect(unit(page, "convolution_1", back)).to_be_visible()


def test_a_finger_unfolds_looks_elsewhere_and_folds_and_the_phone_does_not_scroll_sideways(visit, new_page):
    phone = visit("grey", new_page(**PHONE))
    channel = shown_channels(phone, "convolution_2")[2]
    touched = tile(phone, "convolution_2", channel)
    touched.scroll_into_view_if_needed()
    touched.tap()
    shown = unit(phone, "convolution_2", channel)
    grown(shown)
    Expected("grey", "convolution_2", channel).agrees(read(phone, "convolution_2", channel))
    panel = phone.get_by_test_id("unit-panel").bounding_box()
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= 390
    target = shown.get_by_test_id("unit-map").last
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    phone.touchscreen.tap(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    assert [shown.get_attribute(f"data-{axis}") for axis in ("row", "col")] == ["4", "6"]
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.get_by_role("button", name="Fold this channel").tap()
    phone.get_by_test_id("unit-panel").wait_for(state="hidden")


def test_play_goes_on_when_what_it_plays_is_drawn_anew(visit):
    page = visit("grey", layer="convolution_1", channel=3, unfolded=1)
    shown, play = unit(page, "convolution_1", 3), page.get_by_test_id("unit-play")
    grown(shown)
    play.click()
    page.wait_for_function(
        "(node) => Number(node.dataset.row) >= 2 && Number(node.dataset.row) < 20", arg=shown.element_handle()
    )
    before = int(shown.get_attribute("data-row"))
    for _ in range(2):
        page.get_by_test_id("glance-notes").click()
        expect(play).to_have_attribute("aria-pressed", "true")
        assert int(shown.get_attribute("data-row")) >= before
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")


def test_notes_can_be_switched_off_and_on(visit):
    page = visit("grey", layer="convolution_1", channel=3, unfolded=1)
    grown(unit(page, "convolution_1", 3))
    notes = page.locator(".glance [data-note]")
    assert notes.count() > 0
    switch = page.get_by_test_id("glance-notes")
    for pressed in ("false", "true"):
        switch.click()
        expect(switch).to_have_attribute("aria-pressed", pressed)
        assert bool(notes.count()) == (pressed == "true")
    page.keyboard.press("Escape")
    page.get_by_test_id("unit-panel").wait_for(state="hidden")
    see(page.locator(".note-of-glance").first)
    switch.click()
    expect(page.locator(".note-of-glance")).to_have_count(0)
    page.wait_for_url(re.compile(r"feature_maps\.notes=0"))
    page.goto(page.url + "&network=grey&alone=1")
    drawn(page)
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".note-of-glance")).to_have_count(0)


# Words, files, names


def test_the_alt_text_says_the_answer_and_the_way_of_the_strongest_flow(visit):
    page = visit("grey")
    classifier, run = network("grey")
    shares = classifier.predict(glance_page.photo(classifier))[0]
    best = int(shares.argmax())
    says, _, flow = page.get_by_test_id("glance-picture").get_attribute("aria-label").partition(" The strongest flow: ")
    assert says == f"grey convnet says digit {best}, {100 * shares[best]:.1f} %."
    steps = [step.rsplit(" ", 2) for step in flow.removesuffix(".").split(", ")]
    assert flow.startswith(("rescaling grey, ", "picture grey, "))
    way = {name: int(channel) for name, _, channel in steps[1:]}
    assert {name for name, what, _ in steps[1:] if what == "unit"} == {"dense_1"}
    assert list(way) == [call for call in run.calls if call not in ("rescaling", "flatten_1", "classes")]
    for path, channel in way.items():
        assert channel in shown_channels(page, path)
    terms = run.calls["dense_1"].values * np.asarray(run.calls["classes"].layer.kernel)[:, best]
    assert way["dense_1"] == max(shown_channels(page, "dense_1"), key=lambda each: abs(terms[each]))
    flows = np.abs(by_keras.apart(run.calls["convolution_3"], way["convolution_3"])).sum(axis=(0, 1))
    assert way["max_pooling_2"] == max(shown_channels(page, "max_pooling_2"), key=lambda each: flows[each])
    assert way["max_pooling_1"] == way["convolution_1"]


def save(page, kind):
    with page.expect_download() as download:
        page.get_by_test_id(f"glance-save-{kind}").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def references(tree):
    """Whatever a picture refers to: addresses and ``url(…)`` of all its attributes."""
    for node in tree.iter():
        for name, value in node.attrib.items():
            if name.rpartition("}")[2] in ("href", "src"):
                yield value
            yield from re.findall(r"url\(['\"]?([^'\")]*)", value)


@pytest.mark.parametrize("name", ["grey", "hostile"])
def test_the_picture_can_be_saved_with_what_is_unfolded(visit, name):
    layer, words = {"grey": ("convolution_1", "digit 3"), "hostile": ("a>b-onerror", glance_page.HOSTILE)}[name]
    page = visit(name, layer=layer, channel=3, unfolded=1)
    grown(unit(page, layer, 3))
    file_name, content = save(page, "svg")
    assert re.fullmatch(r"[\w.-]+-overview\.svg", file_name)
    tree = ET.fromstring(content)  # noqa: S314 - our own
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text and text.rstrip("…") and words.startswith(text.rstrip("…")) for text in texts)
    assert {"patch", "slice", "products"} <= set(texts)
    assert not {"Play", "point at a map, click to pin"} & set(texts), "nothing can be pressed in a file"
    assert not [each for each in references(tree) if not each.startswith(("#", "data:image/"))]
    assert not {node.tag.rpartition("}")[2] for node in tree.iter()} & {"script", "img", "foreignObject"}
    size = [round(float(tree.get(side))) for side in ("width", "height")]
    file_name, content = save(page, "png")
    assert file_name.endswith("-overview.png")
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert list(picture.shape[1::-1]) == [2 * side for side in size]
    assert picture.std() > 10


def test_names_that_would_be_markup_are_shown_as_text(visit):
    page = visit("hostile")
    best = page.locator(".glance .base .column").last.locator(".tile").first
    number = int(best.get_attribute("data-channel"))
    names = network("hostile")[0].class_names
    name = names[number]
    assert best.get_attribute("aria-label").startswith(f"classes, {name}, ")
    best.hover()
    assert page.locator(".glance [data-testid=peek] p").text_content().startswith(name)
    shown = unfold(page, "c>d", number)
    assert {bar["name"] for bar in shown["softmax"]} == set(names)
    Expected("hostile", "c>d", number).agrees(shown)
    expect(page.locator("[data-testid=glance] :is(img, script)")).to_have_count(0)
    assert page.title() not in ("1", "2")


# Stages, branches, layers without a column, weights that are no numbers


def test_a_stage_unfolds_and_folds_and_the_page_stays_where_it_is(visit):
    page = visit(BUNDLED, whole=True)
    main = page.get_by_test_id("stMain")
    main.evaluate("(each) => each.scrollTo(0, 90)")
    columns = page.locator(".glance .base .column")
    before = columns.evaluate_all("(found) => found.map((each) => each.dataset.id)")
    page.locator(".glance .fold[data-do=open][data-group='3']").click()
    see(page.locator(".glance .fold[data-do=close][data-group='3']"))
    page.wait_for_url(lambda url: "opened=3" in url)  # the picture is there first, then the page with its link
    settle(page)
    assert parameters(page)["opened"] == "3"
    assert not {"layer", "channel", "page"} & set(parameters(page)), "nobody has chosen a channel yet"
    after = columns.evaluate_all("(found) => found.map((each) => each.dataset.id)")
    assert after == [each for old in before for each in (["3.0", "3.1"] if old == "3" else [old])]
    assert main.evaluate("(each) => each.scrollTop") == 90
    page.locator(".glance .fold[data-do=open][data-group='3.1']").press("Enter")
    see(page.locator(".glance .fold[data-do=close][data-group='3.1']"))
    expect(columns).to_have_count(len(before) + 4)
    settle(page)
    page.locator(".glance .fold[data-do=close][data-group='3']").click()
    see(page.locator(".glance .fold[data-do=open][data-group='3']"))
    settle(page)
    assert columns.evaluate_all("(found) => found.map((each) => each.dataset.id)") == before
    assert main.evaluate("(each) => each.scrollTop") == 90


def test_the_sums_of_a_folded_stage_lead_into_it(visit):
    page = visit(BUNDLED, layer="block5c_add", channel=3, unfolded=1)
    grown(unit(page, "block5c_add", 3))
    page.get_by_test_id("unit-open").click()
    see(page.locator(".glance .fold[data-do=close][data-group='5']"))
    grown(unit(page, "block5c_add", 3))
    page.wait_for_url(lambda url: "opened=5" in url)
    settle(page)
    paths = page.locator(".glance .base .tile").evaluate_all("(found) => found.map((each) => each.dataset.path)")
    assert {"block5b_add", "block5c_add"} <= set(paths)
    page.get_by_test_id("unit-open").click()  # what the addition adds to that is one stage further in
    see(page.locator(".glance .fold[data-do=close][data-group='5.2']"))
    page.get_by_test_id("unit-open").wait_for(state="hidden")


def test_a_layer_without_a_column_is_looked_at_below_and_nothing_is_unfolded(visit):
    page = visit(BUNDLED, whole=True, layer="block3b_expand_conv", channel=5, unfolded=1)
    see(page.get_by_role("heading", name="block3b_expand_conv"))
    see(page.get_by_role("img", name="Channel 5 over the picture"))
    assert page.get_by_test_id("unit-panel").is_hidden()
    expect(page.locator(".glance .base [aria-pressed=true]")).to_have_count(0)
    expect(page.locator(".glance .base .column")).to_have_count(11)


def test_branches_stand_one_below_the_other(visit):
    page = visit("branches", opened="0")

    def boxes(*paths):
        return [page.locator(f'.glance .base .column:has([data-path="{path}"])').bounding_box() for path in paths]

    for level in (("normed", "left", "largest", "mean"), ("relu", "product", "far")):
        lanes = boxes(*level)
        for upper, lower in pairwise(lanes):
            assert upper["y"] + upper["height"] < lower["y"]
            assert abs(upper["x"] + upper["width"] / 2 - lower["x"] - lower["width"] / 2) < 30
    first, second, after = (boxes(path)[0] for path in ("normed", "relu", "wide"))
    assert first["x"] + first["width"] < second["x"]
    assert second["x"] + second["width"] < after["x"]
    channel = shown_channels(page, "relu")[0]
    tile(page, "relu", channel).hover()
    feeding = {edge["from"] for edge in lit(page)["edges"] if edge["to"] == f"relu:{channel}"}
    possible = {f"{path}:{channel}" for path in ("left", "normed") if channel in shown_channels(page, path)}
    assert feeding == possible


def test_weights_that_are_no_numbers_do_not_break_the_page(visit):
    page = visit("broken")
    assert unfold(page, "nan_to_num", 1)["keras"] == 0
    for channel in (2, 1):
        shown = unfold(page, "relu", channel)
        assert not np.isfinite(shown["sum"])
        assert shown["output"] == shown["keras"] or np.isnan(shown["output"]) == np.isnan(shown["keras"]) == (
            channel == 1
        )
    Expected("broken", "relu", 0).agrees(unfold(page, "relu", 0))
    page = visit("lost", fails=True)
    see(page.get_by_text("gives an output that is not a number"))


def test_the_picture_is_unfolded_into_what_prepares_it(visit):
    page = visit(BUNDLED)
    tile(page, "preprocessing", 2).click()
    grown(unit(page, "preprocessing", 2))
    shown = read(page, "preprocessing", 2)
    assert Expected(BUNDLED, "preprocessing", 2).agrees(shown) == "picture"
    assert page.get_by_role("button", name="Grow this filter").is_hidden()
    tile(page, "preprocessing", 2).click()
    page.get_by_test_id("unit-panel").wait_for(state="hidden")


@pytest.mark.slow
def test_a_run_that_still_trains_is_drawn_anew_when_an_epoch_is_over(visit):
    run = training.start(training.TrainConfig(recipe="keras-io-mnist", train_pictures=1500, epochs=500))
    try:
        while not run.folder.kept_epochs():
            assert run.status not in training.ENDED
            time.sleep(0.2)
        page = visit(f"run:{run.id}", layer="convolution_1", channel=3, unfolded=1)
        grown(unit(page, "convolution_1", 3))
        shown, images = read(page, "convolution_1", 3), sprites(page)
        classes = page.locator(".glance .base .column").last.locator(".tile")
        said = classes.evaluate_all(SAID)
        page.wait_for_function(f"([root, before]) => ({SPRITES})(root)[1] !== before", arg=[root(page), images[1]])
        settle(page)
        assert read(page, "convolution_1", 3)["sum"] != shown["sum"]
        assert sprites(page)[0] == images[0]  # the picture is the same
        assert classes.evaluate_all(SAID) != said
        expect(unit(page, "convolution_1", 3)).to_be_visible()
    finally:
        end_runs([run])


SAID = "(found) => found.map((each) => each.ariaLabel)"
SPRITES = """(root) => [...root.querySelectorAll("[data-testid=glance-picture] defs image")]
  .map((each) => each.getAttribute("href"))"""


def root(page):
    return page.get_by_test_id("glance").element_handle()


def sprites(page):
    """The pictures of the columns' channels, as addresses."""
    return page.get_by_test_id("glance").evaluate(SPRITES)


def test_dark_is_drawn_dark(visit, new_page):
    page = visit("grey", new_page(color_scheme="dark"), layer="convolution_1", channel=3, unfolded=1)
    grown(unit(page, "convolution_1", 3))
    for words in (page.locator(".glance .glance-head text").first, page.locator("[data-testid=unit] text").first):
        colour = words.evaluate("(each) => getComputedStyle(each).fill")
        assert min(map(int, re.findall(r"\d+", colour)[:3])) > 150
    panel = page.get_by_test_id("unit-panel").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert max(map(int, re.findall(r"\d+", panel)[:3])) < 60
