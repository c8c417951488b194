// What the unfolded channel is drawn with: SVG nodes, short numbers, colour scales.

const UNIT_SVG = "http://www.w3.org/2000/svg";
const UNIT_STRANGE = [200, 60, 180]; // not a number
let unitCount = 0;

/** An SVG element with attributes and children; text is always set as text, never parsed. */
function unitNode(tag, attributes = {}, ...children) {
  const made = document.createElementNS(UNIT_SVG, tag);
  unitSet(made, attributes);
  made.append(...children);
  return made;
}

function unitSet(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
}

/** A number in few letters: at most `digits` that count, a real minus sign. The exact one stands in data-value. */
function unitShort(value, digits = 4) {
  if (!Number.isFinite(value)) return unitOdd(value);
  const size = Math.abs(value);
  const far = size !== 0 && (size < 10 ** -digits || size >= 1e6);
  const kept = size >= 10 ** digits ? Math.ceil(Math.log10(size)) : digits; // whole numbers stay whole
  const text = far ? value.toExponential(Math.max(digits - 3, 0)) : String(Number(value.toPrecision(kept)));
  return text.replaceAll("-", "−");
}

/** A number for a small cell: so many decimals below one, so many digits that count above. */
function unitTight(value, digits) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size >= 1) return unitShort(value, digits);
  if (size !== 0 && size < 0.5 * 10 ** (-digits - 1)) return value.toExponential(0).replaceAll("-", "−");
  return String(Number(value.toFixed(size < 10 ** (1 - digits) ? digits + 1 : digits))).replace("-", "−");
}

const unitOdd = (value) => (value === Infinity ? "∞" : value === -Infinity ? "−∞" : "NaN");

/** A number with fixed decimals, so that a column aligns; one that would vanish is told as a power of ten. */
function unitFigure(value, decimals) {
  if (!Number.isFinite(value)) return unitOdd(value);
  const size = Math.abs(value);
  const text = size && (size < 0.5 * 10 ** -decimals || size >= 1e6) ? value.toExponential(1) : value ? value.toFixed(decimals) : "0";
  return text.replaceAll("-", "−");
}

/** Decimals with which the largest of some numbers has four digits. */
function unitDecimals(values) {
  const most = values.reduce((found, value) => (Number.isFinite(value) ? Math.max(found, Math.abs(value)) : found), 0);
  return most ? unitClip(3 - Math.floor(Math.log10(most)), 0, 7) : 0;
}

/** Smallest and largest of the finite numbers in some lists; [0, 0] where there are none. */
function unitReach(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of lists) {
    for (let k = 0; k < values.length; k += 1) {
      const value = values[k];
      if (value < low && value !== -Infinity) low = value;
      if (value > high && value !== Infinity) high = value;
    }
  }
  return low <= high ? [low, high] : [0, 0];
}

/** A scale of 256 colours, {low, high, signed, rgb(value), colours}: centred on zero when `signed`, else from zero up. */
function unitScale([low, high], signed, dark) {
  const end = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const stops = signed ? (dark ? DIVERGING.dark : DIVERGING.light) : VIRIDIS;
  return unitRamp(signed ? -end : 0, end, stops, signed);
}

/** The same for a channel of the picture: from black to its own colour, or to white. */
function unitTintScale([low, high], name) {
  return unitRamp(Math.min(low, 0), high > low ? high : low + 1, [[0, 0, 0], TINTS[tintOf(name)] || [255, 255, 255]], false);
}

/** The scales of the maps that go into a sum, all of one reach: {head, of(source)}; the picture's colours in their own tints. */
function unitInputScales(sources, dark) {
  const reach = unitReach(sources.map((source) => source.values));
  const tinted = sources.every(({ name }) => tintOf(name) || /^gr[ea]y$/i.test(name));
  const head = tinted ? unitTintScale(reach, "grey") : unitScale(reach, reach[0] < 0, dark);
  return { head, tinted, of: (source) => (tinted ? unitTintScale([head.low, head.high], source.name) : head) };
}

function unitRamp(low, high, stops, signed) {
  const table = Array.from({ length: 256 }, (_, k) => alongStops(stops, k / 255));
  const colours = Uint32Array.from(table, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0);
  const index = (value) => Math.max(0, Math.min(255, Math.round((255 * (value - low)) / (high - low))));
  const rgb = (value) => (Number.isFinite(value) ? table[index(value)] : UNIT_STRANGE);
  return { low, high, signed, rgb, colours, table };
}

/** Ink that can be read on a colour. */
const unitInkOn = (rgb) => (luminance(rgb) > 0.52 ? "#14161a" : "#f6f7f9");

/** The pens of one drawing: every node is made here, in the colours and letters of the page's theme. */
class UnitPen {
  constructor(theme, font) {
    this.theme = theme;
    this.ink = cssColour(theme.ink);
    this.faint = cssColour(theme.ink, 0.66);
    this.hair = cssColour(theme.ink, 0.2);
    this.line = cssColour(theme.ink, 0.42);
    this.wash = cssColour(theme.ink, 0.05);
    const stops = theme.dark ? DIVERGING.dark : DIVERGING.light;
    this.less = cssColour(stops[1]);
    this.more = cssColour(stops[5]);
    this.font = font;
    unitCount += 1;
    this.name = `unit-${unitCount}`;
    this.measure = element("canvas").getContext("2d");
  }

  /** The colour of what adds (blue) or takes away (red). */
  sign(value) {
    return value < 0 ? this.less : value > 0 ? this.more : this.line;
  }

  /** What the drawing refers to by name: hatching of padding, the heads of arrows. */
  definitions() {
    const hatching = this.path("M-1,5 L5,-1 M3,9 L9,3", { stroke: this.ink, "stroke-opacity": 0.34, "stroke-width": 0.9 });
    const hatch = unitNode("pattern", { id: `${this.name}-hatch`, width: 6, height: 6, patternUnits: "userSpaceOnUse" }, hatching);
    const head = unitNode("path", { d: "M0,0.8 L6,3.5 L0,6.2 Z", fill: this.faint });
    const box = { markerWidth: 7, markerHeight: 7, refX: 5.5, refY: 3.5, orient: "auto", markerUnits: "userSpaceOnUse" };
    return unitNode("defs", {}, hatch, unitNode("marker", { id: `${this.name}-head`, ...box }, head));
  }

  text(x, y, words, { size = 11, anchor = "start", weight, colour = this.ink, digits, italic, room, cut, ...more } = {}) {
    const style = `${digits ? `font-family: ${this.theme.digits}; ` : ""}font-variant-numeric: tabular-nums`;
    const look = { "font-size": size, "text-anchor": anchor, "font-weight": weight, "font-style": italic ? "italic" : null, fill: colour };
    const made = unitNode("text", { x, y, style, ...look, "pointer-events": "none", ...more });
    made.textContent = room ? this.fitted(words, size, room, weight, digits, cut) : words;
    return made;
  }

  /** Whether words have room. */
  fits(words, size, room, weight = 400, digits = false) {
    this.measure.font = `${weight} ${size}px ${digits ? this.theme.digits : this.font}`;
    return this.measure.measureText(words).width <= room;
  }

  /** Words cut short where they are wider than the room for them, at their end, or at the "start" that many share. */
  fitted(words, size, room, weight = 400, digits = false, cut = "end") {
    const shorter = (length) => (cut === "start" ? `…${words.slice(words.length - length).trimStart()}` : `${words.slice(0, length).trimEnd()}…`);
    if (this.fits(words, size, room, weight, digits)) return words;
    let [short, long] = [0, Math.min(words.length, 400)];
    while (short < long) {
      const half = Math.ceil((short + long) / 2);
      if (this.fits(shorter(half), size, room, weight, digits)) short = half;
      else long = half - 1;
    }
    return shorter(short);
  }

  rect(x, y, width, height, more = {}) {
    return unitNode("rect", { x, y, width: Math.max(width, 0), height: Math.max(height, 0), ...more });
  }

  path(d, more = {}) {
    return unitNode("path", { d, fill: "none", stroke: this.line, "stroke-width": 1.2, ...more });
  }

  arrow(d, more = {}) {
    return this.path(d, { "marker-end": `url(#${this.name}-head)`, ...more });
  }

  /** A short italic remark with a thin arrow from it; `lines` of words, the first at (x, y). */
  remark(x, y, lines, arrow, anchor = "start") {
    const words = lines.map((line, k) => this.text(x, y + 13 * k, line, { size: 11, italic: true, colour: this.faint, anchor }));
    return unitNode("g", { "data-note": "" }, ...words, this.arrow(arrow, { "stroke-width": 1, stroke: this.faint }));
  }

  /** Makes a group a button for Tab; `frame` is outlined while the keyboard is on it. */
  button(group, frame, label) {
    const plain = frame.getAttribute("stroke") || "none";
    unitSet(group, { role: "button", tabindex: 0, "aria-label": label, style: "cursor: pointer; outline: none" });
    group.addEventListener("focus", () => {
      if (group.matches(":focus-visible")) frame.setAttribute("stroke", this.theme.accent);
    });
    group.addEventListener("blur", () => frame.setAttribute("stroke", plain));
    return group;
  }

  /** The same for one that does something when it is clicked, or Enter or Space pressed on it. */
  press(group, frame, label, act) {
    const pressed = (event) => {
      event.preventDefault();
      event.stopPropagation();
      act();
    };
    group.addEventListener("click", pressed);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") pressed(event);
    });
    return this.button(group, frame, label);
  }

  /** What the browser shows of a node when the pointer rests on it. */
  hint(words) {
    const title = unitNode("title");
    title.textContent = words;
    return title;
  }
}
