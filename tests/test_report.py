"""The page to print: read as a browser reads it, and its numbers compared with the explanation's."""

import base64
import re
import tomllib
from html.parser import HTMLParser

import keras
import numpy as np
import pytest

import explorer
from explorer import images, maps, settings
from explorer.attribution import METHODS, Target, explain, receipt
from explorer.models import Classifier
from explorer.report import attribution_report

L = keras.layers
VOID = {"meta", "img"}
HOSTILE = (
    '<script>alert("1")</script>',
    "\"'><img src=x onerror=alert(2)>",
    "</title></style>\x00\x1b\ud800\u202ex &amp; https://example.org/",
)


class Reader(HTMLParser):
    """Every element with its attributes, and the text of each; fails where tags do not match."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.rows = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert len({name for name, _ in attributes}) == len(attributes)
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def tags(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def model():
    """Twelve channels of either sign, so that eight lines leave a rest."""
    layers = [keras.Input((9, 12, 3)), L.Conv2D(12, 3, activation="relu", name="conv"), L.Flatten(), L.Dense(3)]
    network = keras.Sequential(layers)
    random = np.random.default_rng(2)
    network.set_weights([random.normal(0, 0.1, weight.shape).astype(np.float32) for weight in network.get_weights()])
    return network


def photo():
    return np.random.default_rng(4).integers(0, 256, (18, 24, 3), np.uint8)


def report(model, names=("cat", "dog", "owl"), *, network="zoo", method="grad-cam", trust=None, legend="", **question):
    classifier = Classifier(model, names, network)
    found = explain(classifier, photo(), method=method, **question)
    html = attribution_report(
        found,
        picture=photo(),
        overlay=maps.heat(photo(), found.values).pixels,
        network=network,
        class_names=names,
        top=classifier.top(photo()),
        legend=legend,
        receipt=receipt(found) if found.terms else None,
        trust=trust,
    )
    return found, html, classifier


def numbers(cells):
    return [float(cell.replace("−", "-")) for cell in cells]


def test_it_says_what_was_asked_and_what_came_of_it(model):
    trust = {"Deletion, area": 0.12345, "Beside it": "a random map"}
    found, html, classifier = report(model, trust=trust, legend="Yellow is most.", target=Target(2, versus=0))
    page = Reader(html)
    assert html.startswith("<!DOCTYPE html>")
    assert "Why owl rather than cat?" in page.text
    assert "Grad-CAM, zoo" in page.text
    assert f"{found.score:.4g}".replace("-", "−") + ", a difference of two logits" in page.text
    assert f"{found.probability:.1%}" in page.text
    assert "Yellow is most." in page.text
    for index, name, probability in classifier.top(photo()):
        assert [name, "", f"{probability:.1%}"] in page.rows, index
    assert ["Deletion, area", "0.1235"] in page.rows
    assert ["Beside it", "a random map"] in page.rows
    method = METHODS["grad-cam"]
    for words in (method.title, method.sentence, method.paper, method.cost, method.weakness, method.formula, "conv"):
        assert " ".join(words.split()) in page.text
    assert all(note in page.text for note in found.notes)
    assert found.notes
    assert explorer.__version__ in page.text


def test_the_question_against_a_class_turns_the_words(model):
    _, html, _ = report(model, target=Target(1, against=True))
    text = Reader(html).text
    assert "What speaks against dog?" in text
    assert "blue raises the score that is asked about, red lowers it" in text
    _, html, _ = report(model, target=Target(1))
    assert "blue raises the score that is asked about, red lowers it" in Reader(html).text


def test_the_receipt_adds_up_on_paper(model):
    found, html, _ = report(model)
    rows = Reader(html).rows
    head = next(i for i, row in enumerate(rows) if row[0] == "Channel")
    lines, rest = rows[head + 1 : head + 9], rows[head + 9]
    contributions = np.abs(found.terms.products).sum(axis=(0, 1))
    order = np.argsort(-contributions)
    assert [int(line[0]) for line in lines] == order[:8].tolist()
    assert rest[0] == "4 other channels"
    written = numbers(row[-3] for row in [*lines, rest])
    running = numbers(row[-2] for row in [*lines, rest])
    half = 1.01 * 0.5 * 10.0 ** -len(lines[0][-3].partition(".")[2])  # of the last digit
    np.testing.assert_allclose(np.cumsum(written), running, atol=1e-3 * max(map(abs, running)))
    np.testing.assert_allclose(written[:8], found.terms.products.sum(axis=(0, 1))[order[:8]], atol=half)
    np.testing.assert_allclose(numbers(line[2] for line in lines), found.terms.weights[order[:8]], rtol=0.02, atol=1e-4)
    shares = [float(row[-1].rstrip("%")) for row in [*lines, rest]]
    assert sum(shares) == pytest.approx(100, abs=0.6)
    assert shares[0] == pytest.approx(100 * contributions.max() / contributions.sum(), abs=0.06)
    (before,), (after,) = (numbers([row[1]]) for row in rows[head + 10 : head + 12])
    assert before == running[-1] == pytest.approx(float(found.raw.sum()), abs=half)
    assert after == pytest.approx(float(np.maximum(found.raw, 0).sum()), abs=half)


def test_weights_of_single_cells_are_no_number(model):
    _, html, _ = report(model, method="hires-cam")
    assert sum(row.count("one per cell") for row in Reader(html).rows) == 8


def test_a_method_without_layer_has_options_and_no_receipt(model):
    _, html, _ = report(model, method="smoothgrad", samples=8, noise=0.1, seed=7)
    text = Reader(html).text
    assert "receipt" not in text
    assert "How far to trust it" not in text
    for option, value in {"samples": "8", "noise": "0.1", "seed": "7"}.items():
        assert f"{METHODS['smoothgrad'].options[option].label} {value}" in text
    _, html, _ = report(model, method="occlusion", fill="blur", patch=0.5)
    assert f"Hidden by {METHODS['occlusion'].options['fill'].choices['blur']}" in Reader(html).text


def test_names_from_a_file_are_text_and_nothing_else(model):
    _, html, _ = report(model, HOSTILE, network=HOSTILE[0], trust={HOSTILE[1]: HOSTILE[0]}, target=Target(1, versus=0))
    html.encode("utf-8")
    page = Reader(html)
    assert page.tags("script") == []
    assert len(page.tags("title")) == len(page.tags("style")) == 1
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
    assert HOSTILE[0] in page.text
    assert HOSTILE[1] in page.text
    assert "https://example.org/" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", html)


def test_it_loads_nothing(model):
    _, html, _ = report(model)
    page = Reader(html)
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "script", "iframe", "object", "base", "form", "a"})
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html
    policy = next(meta["content"] for meta in page.tags("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")
    decoded = []
    for image in page.tags("img"):
        assert image["alt"]
        kind, _, content = image["src"].partition(",")
        assert kind == "data:image/png;base64"
        decoded.append(images.read_image(base64.b64decode(content)))
    np.testing.assert_array_equal(decoded[0], photo())
    assert decoded[2].shape == (7, 10, 3)
    assert len(decoded) == 4 + 2 * 8


def test_the_map_s_colours_are_its_signs(model):
    found, html, _ = report(model, target=1)
    source = Reader(html).tags("img")[2]["src"].partition(",")[2]
    drawn = images.read_image(base64.b64decode(source)).astype(int)
    strong = np.abs(found.raw) > 0.3 * np.abs(found.raw).max()
    assert strong.any()
    bluer = drawn[..., 2] > drawn[..., 0]
    np.testing.assert_array_equal(bluer[strong], found.raw[strong] > 0)


def test_a_large_photo_is_made_smaller_and_a_grey_one_is_drawn(model):
    found = explain(Classifier(model, ("a", "b", "c"), "zoo"), photo())
    large = np.zeros((1500, 3000, 1), np.uint8)
    question = {"network": "zoo", "class_names": ("a", "b", "c"), "top": []}
    html = attribution_report(found, picture=large, overlay=large.repeat(3, axis=2), **question)
    page = Reader(html)
    assert "1500 × 3000 pixels" in page.text
    assert "What the network says" not in page.text
    first = images.read_image(base64.b64decode(page.tags("img")[0]["src"].partition(",")[2]))
    assert first.shape == (360, 720, 3)


def test_the_version_is_the_project_s():
    project = tomllib.loads((settings.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert explorer.__version__ == project["version"]
