"""A page to print: where a picture speaks for a class, with what was asked, how it was found, and how it adds up.

One HTML file with its pictures inside it. Names of classes and networks come from people's files: all text is escaped,
and a policy in the page lets it load and run nothing.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from explorer import __version__, images, maps
from explorer.attribution import METHODS, Explanation, Receipt, Target
from explorer.options import Choice

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

PRINTED_SIDE = 720
"""Largest height and width of an embedded picture, in pixels: a third of a page's width at 300 a inch."""
COARSE = 160
"""Pictures and maps with a smaller side than this keep square cells when they are printed."""


def attribution_report(
    explanation: Explanation,
    *,
    picture: Pixels,
    overlay: Pixels,
    network: str,
    class_names: Sequence[str],
    top: Sequence[tuple[int, str, float]],
    legend: str = "",
    receipt: Receipt | None = None,
    trust: Mapping[str, float | str] | None = None,
) -> str:
    """One explanation as a page of A4.

    Args:
        explanation: what is shown.
        picture: uint8 (H, W, 3), or (H, W, 1) in grey.
        overlay: uint8 (H, W, 3), the heatmap over it.
        network: what the pages call the network.
        class_names: K names.
        top: index, name and probability of the likeliest classes, as from :meth:`Classifier.top`.
        legend: what the overlay's colours mean, in a sentence.
        receipt: of a class activation map, how it was added up.
        trust: what was measured about it: label → number or words.

    Returns:
        A whole HTML document.
    """
    question = _question(explanation.target, tuple(class_names))
    by = f"{METHODS[explanation.method].title}, {network}"
    sections = [
        _pictures(explanation, picture, overlay, legend),
        _columns(_answer(explanation, network, class_names, top), _method(explanation)),
        "" if receipt is None else _receipt(receipt),
        _columns(_notes(explanation.notes), _trust(trust or {})),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{_text(f'{question} {by}')}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header><p class="kind">{_name(by)}</p><h1>{_name(question)}</h1></header>\n'
        + "\n".join(section for section in sections if section)
        + f"\n<footer>Made with ConvNet Explorer {__version__}</footer>\n</main>\n</body>\n</html>\n"
    )


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
@page { size: A4; margin: 12mm }
* { box-sizing: border-box }
html { color-scheme: light; background: #eceff2 }
body { margin: 0; color: #22272e; font: 8.8pt/1.38 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; overflow-wrap: anywhere }
main { width: 186mm; max-width: 100%; margin: 8mm auto; padding: 10mm; box-sizing: content-box; background: #fff }
h1 { margin: 0; font-size: 16pt; line-height: 1.2; font-weight: 650 }
h2 { margin: 0 0 1.5mm; font-size: 10pt; font-weight: 650 }
p { margin: 0 0 1.5mm }
.kind { margin: 0; color: #1f6fb2; font-weight: 600 }
.pictures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 4mm; margin: 3mm 0 }
figure { margin: 0 }
figure > img { display: block; width: 100%; height: 44mm; object-fit: contain; object-position: left top }
img.coarse { image-rendering: pixelated }
figcaption { margin-top: 1.5mm; color: #57606a; font-size: 8pt; line-height: 1.3 }
.bar { display: flex; align-items: center; gap: 1.5mm; margin-top: 1.5mm; font-size: 8pt }
.bar img { flex: 1; min-width: 0; height: 2mm }
.columns { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); gap: 8mm }
section { margin-bottom: 3.5mm; break-inside: avoid }
.columns > :only-child { grid-column: 1 / -1 }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th { color: #57606a; font-size: 8pt; font-weight: 500; text-align: left }
td, th { padding: .5mm 2mm .5mm 0; border-bottom: .2mm solid #dfe3e8; vertical-align: middle }
td.n, th.n { text-align: right }
td:last-child, th:last-child { padding-right: 0 }
tr.sum td { border-bottom: 0; font-weight: 600 }
td.share { width: 22mm }
td.share + td { white-space: nowrap }
.share i { display: block; height: 2mm; min-width: .3mm; background: #1f6fb2 }
.receipt img { display: block; width: 4.6mm; height: 4.6mm; object-fit: contain }
.receipt :is(td, th):nth-last-child(-n + 3), .receipt :is(td, th):nth-child(3) { text-align: right }
.receipt td[colspan] { text-align: left }
.receipt :is(td, th):nth-child(4) { padding-left: 4mm }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .6mm 3mm; margin: 0 0 3mm }
dt { color: #57606a }
dd { margin: 0 }
code { display: block; margin-bottom: 1.5mm; padding: 1.2mm 2mm; background: #f4f6f8;
  font: 7.6pt/1.35 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
ul { margin: 0; padding-left: 4mm }
footer { color: #57606a; font-size: 8pt }
@media print { html { background: #fff } main { width: auto; margin: 0; padding: 0 } }
"""


def _text(words: object) -> str:
    """Escaped; what no page can hold (control characters, halves of characters) is replaced."""
    known = str(words).encode("utf-8", "replace").decode("utf-8")
    return escape("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in known))


def _name(words: object) -> str:
    """A name from somebody's file, which keeps its direction of writing to itself."""
    return f"<bdi>{_text(words)}</bdi>"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _question(target: Target, names: tuple[str, ...]) -> str:
    about = Target(target.index, target.versus).named(names)
    return f"What speaks against {about}?" if target.against else f"Why {about}?"


def _image(pixels: Pixels, alt: str) -> str:
    reduced = images.reduce_to(pixels, PRINTED_SIDE)
    coarse = ' class="coarse"' if max(pixels.shape[:2]) < COARSE else ""
    content = base64.b64encode(images.encode_png(reduced)).decode("ascii")
    return f'<img{coarse} alt="{_text(alt)}" src="data:image/png;base64,{content}">'


def _columns(*sections: str) -> str:
    return f'<div class="columns">{"".join(sections)}</div>' if any(sections) else ""


def _signed(values: Floats, end: float) -> Pixels:
    """Red is negative, blue is positive, to the same end on both sides."""
    ground = np.zeros((*values.shape, 3), np.uint8)
    return maps.overlay(ground, values, opacity=1.0, low=-end, high=end)


def _unsigned(values: Floats) -> Pixels:
    """From the lowest to the highest value."""
    return maps.overlay(np.zeros((*values.shape, 3), np.uint8), values, opacity=1.0)


def _pictures(found: Explanation, picture: Pixels, overlay: Pixels, legend: str) -> str:
    height, width = picture.shape[:2]
    rows, columns = found.raw.shape
    end = float(np.abs(found.raw).max(initial=0.0)) or 1.0
    steps = np.linspace(-end, end, 255, dtype=np.float32)[np.newaxis]
    method = METHODS[found.method]
    bar = f'<div class="bar">−{_number(end)}{_image(_signed(steps, end), "Colours")}{_number(end)}</div>'
    return (
        '<div class="pictures">'
        f"<figure>{_image(picture, 'The picture')}<figcaption>The picture, {height} × {width} pixels.</figcaption>"
        f"</figure><figure>{_image(overlay, 'The heatmap over the picture')}"
        f"<figcaption>It shows {_text(method.shows)}. {_text(legend)}</figcaption></figure>"
        f"<figure>{_image(_signed(found.raw, end), 'The map itself')}{bar}"
        f"<figcaption>The map itself, {rows} × {columns}, with its sign: {_text(method.signs)}."
        "</figcaption></figure></div>"
    )


def _answer(found: Explanation, network: str, names: Sequence[str], top: Sequence[tuple[int, str, float]]) -> str:
    index, versus = int(found.target.index or 0), found.target.versus
    score = f"{_number(found.score)}, {'a logit' if versus is None else 'a difference of two logits'}"
    facts = [
        ("Network", _name(network)),
        ("Class", f"{index}: {_name(names[index])}"),
        *([("Rather than", f"{versus}: {_name(names[versus])}")] if versus is not None else []),
        ("Score", _text(score)),
        ("Probability", f"{found.probability:.1%}"),
    ]
    rows = "".join(
        f'<tr><td>{_name(name)}</td><td class="share"><i style="width: {100 * share:.1f}%"></i></td>'
        f'<td class="n">{share:.1%}</td></tr>'
        for _, name, share in top
    )
    table = f"<h2>What the network says</h2><table><tbody>{rows}</tbody></table>" if rows else ""
    return f"<section><h2>The question</h2>{_list(facts)}{table}</section>"


def _method(found: Explanation) -> str:
    method = METHODS[found.method]
    facts = [("Layer", _name(found.layer))] if found.layer is not None else []
    for name, value in found.options.items():
        option = method.options.get(name)
        words = option.choices.get(str(value), value) if isinstance(option, Choice) else value
        label = name if option is None else option.label
        facts.append((label, _text(words if isinstance(words, str | int) else _number(words))))
    facts += [("Cost", _text(method.cost)), ("Paper", _text(method.paper))]
    return (
        f"<section><h2>How it was found: {_text(method.title)}</h2><p>{_text(method.sentence)}</p>"
        f"<code>{_text(method.formula)}</code>{_list(facts)}"
        f"<p><b>Known to get wrong.</b> {_text(method.weakness)}</p></section>"
    )


def _list(facts: Iterable[tuple[str, str]]) -> str:
    """Labels and what is already HTML."""
    return "<dl>" + "".join(f"<dt>{_text(label)}</dt><dd>{words}</dd>" for label, words in facts) + "</dl>"


def _receipt(found: Receipt) -> str:
    products = [line.product for line in found.lines]
    end = max((float(np.abs(product).max(initial=0.0)) for product in products), default=0.0) or 1.0
    weights = _aligned([line.weight for line in found.lines if line.weight is not None])
    sums = [_total(values) for values in (*products, found.rest, *found.running, found.total, found.shown)]
    *written, before, after = _aligned(sums)
    own, running = written[: len(products) + 1], written[len(products) + 1 :]
    rows = [
        [
            str(line.channel),
            _image(_unsigned(line.map), f"Map {line.channel}"),
            weights[place] if weights else "one per cell",
            _image(_signed(line.product, end), f"Product {line.channel}"),
            *(own[place], running[place], f"{line.share:.1%}"),
        ]
        for place, line in enumerate(found.lines)
    ]
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    left = 1 - sum(line.share for line in found.lines)
    others = f"{found.others:,} other channel{'' if found.others == 1 else 's'}"
    rest = f'<tr><td colspan="4">{others}</td><td>{own[-1]}</td><td>{running[-1]}</td><td>{left:.1%}</td></tr>'
    ends = {"The map before the ReLU": before, "The map after it: what was negative is zero": after}
    both = "".join(f'<tr class="sum"><td colspan="5">{w}</td><td>{n}</td><td></td></tr>' for w, n in ends.items())
    return (
        '<section class="receipt"><h2>The receipt: how it was added up</h2><table><thead><tr><th>Channel</th>'
        "<th>Its map</th><th>× weight</th><th>= product</th><th>Sum of its cells</th><th>Running sum</th>"
        "<th>Share of all</th></tr></thead>"
        f"<tbody>{lines}{rest if found.others else ''}{both}</tbody></table></section>"
    )


def _total(values: Floats) -> float:
    return float(values.sum(dtype=np.float64))


def _aligned(values: Sequence[float]) -> list[str]:
    """As many decimals for all as give the largest four digits, so that they can be added up by eye.

    >>> _aligned([12.3456, -0.5])
    ['12.35', '−0.50']
    """
    largest = max(map(abs, values), default=0.0)
    if not 1e-6 < largest < 1e6:
        return [_number(value) for value in values]
    decimals = max(0, 3 - floor(log10(largest)))
    return [f"{value:.{decimals}f}".replace("-", "−") for value in values]


def _trust(measured: Mapping[str, float | str]) -> str:
    if not measured:
        return ""
    words = {label: value if isinstance(value, str) else _number(value) for label, value in measured.items()}
    rows = "".join(f'<tr><td>{_text(label)}</td><td class="n">{_text(said)}</td></tr>' for label, said in words.items())
    return f"<section><h2>How far to trust it</h2><table><tbody>{rows}</tbody></table></section>"


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    return "<section><h2>Notes</h2><ul>" + "".join(f"<li>{_text(note)}</li>" for note in notes) + "</ul></section>"
