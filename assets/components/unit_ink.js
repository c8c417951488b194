// What the unfolded channel is drawn with: SVG nodes, short numbers, colour scales, and maps as small pictures.

const UNIT_SVG = "http://www.w3.org/2000/svg";
const UNIT_STRANGE = [200, 60, 180]; // not a number
const UNIT_MARK = 7; // the smallest mark on a map, in px
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
  const text = far ? value.toExponential(Math.max(digits - 3, 0)) : String(Number(value.toPrecision(size >= 10 ** digits ? Math.ceil(Math.log10(size)) : digits)));
  return text.replaceAll("-", "−");
}

/** A number for a small cell: so many decimals below one, so many digits that count above. */
function unitTight(value, digits) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size >= 1) return unitShort(value, digits);
  if (size !== 0 && size < 0.5 * 10 ** (-digits - 1)) return value.toExponential(0).replaceAll("-", "−");
  return String(Number(value.toFixed(size < 10 ** (1 - digits) ? digits + 1 : digits))).replace("-", "−");
}

const unitOdd = (value) => (Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞");

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

function unitRamp(low, high, stops, signed) {
  const table = Array.from({ length: 256 }, (_, k) => alongStops(stops, k / 255));
  const colours = Uint32Array.from(table, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0);
  const index = (value) => Math.max(0, Math.min(255, Math.round((255 * (value - low)) / (high - low))));
  const rgb = (value) => (Number.isFinite(value) ? table[index(value)] : UNIT_STRANGE);
  return { low, high, signed, rgb, colours, table };
}

/** A large map with each block of cells as its mean, so that no side has more than `most` cells: {values, rows, cols}. */
function unitSmaller(values, rows, cols, most) {
  const block = Math.ceil(Math.max(rows, cols) / most);
  if (block < 2) return { values, rows, cols };
  const [high, wide] = [Math.ceil(rows / block), Math.ceil(cols / block)];
  const sums = new Float64Array(high * wide);
  const counts = new Float64Array(high * wide);
  for (let row = 0; row < rows; row += 1) {
    const first = Math.floor(row / block) * wide;
    for (let col = 0; col < cols; col += 1) {
      const place = first + Math.floor(col / block);
      sums[place] += values[row * cols + col];
      counts[place] += 1;
    }
  }
  return { values: sums.map((sum, k) => sum / counts[k]), rows: high, cols: wide };
}

/** Numbers as a small picture, one pixel each: the address of a PNG. */
function unitPicture(given, scale) {
  const { values, rows, cols } = given;
  const canvas = element("canvas", { width: cols, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(cols, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const [r, g, b] = UNIT_STRANGE;
  const strange = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  const factor = 255 / (scale.high - scale.low);
  for (let k = 0; k < pixels.length; k += 1) {
    const place = Math.round((values[k] - scale.low) * factor);
    pixels[k] = Number.isFinite(values[k]) ? scale.colours[place < 0 ? 0 : place > 255 ? 255 : place] : strange;
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
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
    const hatching = unitNode("path", { d: "M-1,5 L5,-1 M3,9 L9,3", stroke: this.ink, "stroke-opacity": 0.34, "stroke-width": 0.9, fill: "none" });
    const hatch = unitNode("pattern", { id: `${this.name}-hatch`, width: 6, height: 6, patternUnits: "userSpaceOnUse" }, hatching);
    const head = unitNode("path", { d: "M0,0.8 L6,3.5 L0,6.2 Z", fill: this.faint });
    const box = { markerWidth: 7, markerHeight: 7, refX: 5.5, refY: 3.5, orient: "auto", markerUnits: "userSpaceOnUse" };
    return unitNode("defs", {}, hatch, unitNode("marker", { id: `${this.name}-head`, ...box }, head));
  }

  text(x, y, words, { size = 11, anchor = "start", weight, colour = this.ink, digits, italic, room, ...more } = {}) {
    const style = `${digits ? `font-family: ${this.theme.digits}; ` : ""}font-variant-numeric: tabular-nums`;
    const look = { "font-size": size, "text-anchor": anchor, "font-weight": weight, "font-style": italic ? "italic" : null, fill: colour };
    const made = unitNode("text", { x, y, style, ...look, "pointer-events": "none", ...more });
    made.textContent = room ? this.fitted(words, size, room, weight, digits) : words;
    return made;
  }

  /** Words cut short where they are wider than the room for them. */
  fitted(words, size, room, weight = 400, digits = false) {
    this.measure.font = `${weight} ${size}px ${digits ? this.theme.digits : this.font}`;
    const wide = (text) => this.measure.measureText(text).width;
    if (wide(words) <= room) return words;
    let [short, long] = [0, Math.min(words.length, 400)];
    while (short < long) {
      const half = Math.ceil((short + long) / 2);
      if (wide(`${words.slice(0, half)}…`) <= room) short = half;
      else long = half - 1;
    }
    return `${words.slice(0, short).trimEnd()}…`;
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

  /** What the browser shows of a node when the pointer rests on it. */
  hint(words) {
    const title = unitNode("title");
    title.textContent = words;
    return title;
  }
}

/** One map as a square of at most `side` px, with the marks that can lie on it. */
class UnitTile {
  constructor(pen, { x, y, side, rows, cols, values, scale, name, frame = 1, told = true }) {
    const longest = Math.max(rows, cols);
    [this.width, this.height] = [Math.max((side * cols) / longest, 2), Math.max((side * rows) / longest, 2)];
    [this.x, this.y] = [x + (side - this.width) / 2, y + (side - this.height) / 2];
    Object.assign(this, { pen, rows, cols, values, scale, cell: this.width / cols });
    const box = { x: this.x, y: this.y, width: this.width, height: this.height };
    this.image = unitNode("image", {
      ...box, href: unitPicture(unitSmaller(values, rows, cols, 2 * side), scale), preserveAspectRatio: "none",
      style: `image-rendering: ${longest <= 2 * side ? "pixelated" : "auto"}`,
    });
    this.frame = unitNode("rect", { ...box, fill: "none", stroke: frame > 1 ? pen.ink : pen.hair, "stroke-width": frame });
    this.cover = unitNode("path", { fill: pen.theme.paper, "fill-opacity": 0.93, d: "", "pointer-events": "none" });
    this.marks = unitNode("g", { "pointer-events": "none" });
    this.hit = unitNode("rect", { ...box, fill: "transparent" });
    this.root = unitNode("g", { role: "img", "aria-label": name }, this.image, this.cover, this.frame, this.marks, this.hit);
    if (rows * cols === 1 && told) this.tell();
  }

  /** A map of one cell has its number on it. */
  tell() {
    const [x, y] = [this.x + this.width / 2, this.y + this.height / 2 + 4];
    const colour = unitInkOn(this.scale.rgb(this.values[0]));
    this.root.insertBefore(this.pen.text(x, y, unitShort(this.values[0], 3), { anchor: "middle", digits: true, colour }), this.marks);
  }

  /** Makes a mark of so many cells; the same for all places, so that looking elsewhere only moves it. */
  mark(rows, cols) {
    if (this.rows * this.cols === 1) return;
    const [width, height] = [Math.max(cols * this.cell, UNIT_MARK), Math.max(rows * this.cell, UNIT_MARK)];
    const box = { x: -width / 2, y: -height / 2, width, height, fill: "none", rx: 1 };
    const outer = unitNode("rect", { ...box, stroke: this.pen.theme.paper, "stroke-width": 4 });
    const inner = unitNode("rect", { ...box, stroke: this.pen.theme.accent, "stroke-width": 1.8 });
    this.half = [rows / 2, cols / 2];
    this.marks.append(outer, inner);
  }

  /** Moves the mark so that its first cell is at (row, col). */
  look(row, col) {
    if (!this.half) return;
    const [x, y] = [this.x + (col + this.half[1]) * this.cell, this.y + (row + this.half[0]) * this.cell];
    this.marks.setAttribute("transform", `translate(${x.toFixed(2)},${y.toFixed(2)})`);
  }

  /** Covers the cells after `index`, in reading order; none for null. */
  coverAfter(index) {
    if (index === null) {
      this.cover.setAttribute("d", "");
      return;
    }
    const [row, col] = [Math.floor(index / this.cols), (index % this.cols) + 1];
    const [left, top] = [this.x + col * this.cell, this.y + row * this.cell];
    const [right, bottom] = [this.x + this.width, this.y + this.height];
    const next = Math.min(top + this.cell, bottom);
    this.cover.setAttribute("d", `M${left},${top} H${right} V${bottom} H${this.x} V${next} H${left} Z`);
  }

  /** The cell under a pointer, the nearest one where a finger has left the map. */
  cellUnder(event) {
    const box = this.hit.getBoundingClientRect();
    const along = (share, count) => unitClip(Math.floor(share * count), 0, count - 1);
    return { row: along((event.clientY - box.top) / box.height, this.rows), col: along((event.clientX - box.left) / box.width, this.cols) };
  }
}

/** A column's title over its scale, both over the square at (x, y): title, ramp, the ends of the scale. */
function unitHeading(pen, x, y, side, title, scale) {
  const middle = x + side / 2;
  const head = unitNode("g", { "aria-hidden": "true" }, pen.text(middle, y - 25, title, { anchor: "middle", weight: 600, size: 11.5, room: side + 46 }));
  if (!scale) return head;
  const id = `${pen.name}-ramp-${(pen.ramps = (pen.ramps || 0) + 1)}`;
  const stops = Array.from({ length: 9 }, (_, k) => unitNode("stop", { offset: k / 8, "stop-color": cssColour(scale.table[Math.round((255 * k) / 8)]) }));
  const look = { size: 9, colour: pen.faint, digits: true };
  head.append(unitNode("linearGradient", { id }, ...stops), pen.rect(x, y - 19, side, 4, { fill: `url(#${id})`, rx: 2 }));
  if (scale.signed) {
    head.append(pen.text(middle, y - 5.5, `±${unitShort(scale.high, 3)}`, { ...look, anchor: "middle" }));
    return head;
  }
  head.append(pen.text(x, y - 5.5, unitTight(scale.low, 2), look), pen.text(x + side, y - 5.5, unitTight(scale.high, 2), { ...look, anchor: "end" }));
  return head;
}
