// How a class activation map was added up: a row a channel, map × weight = product, the sum so far, and at last the ReLU.
// Nothing is computed here but colours: every number comes from Python.

const LEDGER_TILE = { wide: 70, narrow: 64 };
const LEDGER_NARROW = 800;
const LEDGER_PHONE = 560;
const LEDGER_SIGNS = 72; // three signs and the gaps beside them, on a phone
const NOT_A_NUMBER = [128, 128, 128];

/** The numbers in a base64 text of little-endian float32. */
function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Smallest and largest of the finite numbers in some lists, zero among them. */
function reachOf(lists) {
  let [low, high] = [0, 0];
  for (const values of lists) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return [low, high];
}

/** A scale of 256 colours, {low, high, decimals, rgb(value), table}: centred on zero when `signed`, else from zero up. */
function tableScale([low, high], signed, table) {
  const end = Math.max(-low, high);
  const index = signed
    ? (value) => Math.round(128 + (end ? (127 * value) / end : 0))
    : (value) => Math.round(end ? (255 * value) / end : 0);
  const rgb = (value) => (Number.isFinite(value) ? table.subarray(3 * index(value), 3 * index(value) + 3) : NOT_A_NUMBER);
  return { low: signed ? -end : 0, high: end, decimals: decimalsFor(end), rgb };
}

/** Decimals with which the largest number has three digits. */
function decimalsFor(end) {
  return end ? Math.min(Math.max(2 - Math.floor(Math.log10(end)), 0), 6) : 0;
}

/** A number with fixed decimals, so that columns align; one that would vanish keeps its digits as a power of ten. */
function figure(value, decimals) {
  if (!Number.isFinite(value)) return "NaN";
  const size = Math.abs(value);
  const text = size && (size < 0.5 * 10 ** -decimals || size >= 1e6) ? value.toExponential(1) : value ? value.toFixed(decimals) : "0";
  return text.replaceAll("-", "−");
}

const inSum = (text, first) => (text.startsWith("−") && !first ? `(${text})` : text);

class Ledger {
  constructor(host) {
    this.where = element("strong", { "data-testid": "ledger-cell" });
    this.hint = element("span", { class: "hint" }, "Point at a cell of any tile; arrow keys move.");
    this.sum = element("p", { class: "sentence", "aria-live": "polite", "data-testid": "ledger-sum" });
    this.head = element("div", { class: "told" }, element("div", { class: "place" }, this.where, this.hint), this.sum);
    this.table = element("div", { class: "entries", role: "table", "aria-label": "The channels that were added up", "data-testid": "ledger" });
    this.caption = element("p", { class: "caption", "data-testid": "ledger-caption" });
    this.root = element("div", { class: "explorer ledger" }, this.head, this.table, this.caption);
    host.append(this.root);
    this.listen();
    this.observer = new ResizeObserver(() => this.layOut());
    this.observer.observe(this.root);
  }

  listen() {
    const point = (event) => {
      const tile = event.target.closest(".tile");
      if (tile) this.pointAt(this.cellUnder(event, tile));
    };
    this.table.addEventListener("pointermove", point);
    this.table.addEventListener("pointerdown", (event) => {
      point(event);
      const tile = event.target.closest(".tile");
      if (tile) this.focusOn(tile);
    });
    this.table.addEventListener("pointerover", (event) => this.light(event.target.closest(".entry")));
    this.table.addEventListener("pointerleave", () => this.light(null));
    this.table.addEventListener("focusin", (event) => this.light(event.target.closest(".entry")));
    this.table.addEventListener("focusout", () => this.light(null));
    this.table.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    const to = event.target.closest(".tile") && keyMove(event, this.at, this.sent.rows, this.sent.cols);
    if (!to) return;
    event.preventDefault();
    this.pointAt(to);
  }

  /** One tile is the one that Tab leads to: the last one that was touched. */
  focusOn(tile) {
    for (const each of this.table.querySelectorAll(".tile")) each.tabIndex = -1;
    tile.tabIndex = 0;
    tile.focus({ preventScroll: true });
  }

  /** The cell of a tile under a pointer, the nearest one where a finger has left it. */
  cellUnder(event, tile) {
    const box = tile.getBoundingClientRect();
    const { rows, cols } = this.sent;
    const along = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    return {
      row: along((event.clientY - box.top) / box.height, rows),
      col: along((event.clientX - box.left) / box.width, cols),
    };
  }

  update(sent) {
    const dark = themeOf(this.root).dark;
    this.root.style.colorScheme = dark ? "dark" : "light";
    const drawn = JSON.stringify([dark, sent]);
    if (drawn === this.drawn) return;
    const focused = this.root.querySelector(".tile:focus") !== null;
    this.drawn = drawn;
    this.build(sent, dark ? "dark" : "light");
    this.layOut();
    const kept = this.chosen && this.at.row < sent.rows && this.at.col < sent.cols;
    this.tell(kept ? this.at : this.brightest());
    if (focused) this.table.querySelector(".tile[tabindex='0']").focus({ preventScroll: true });
  }

  /** Where the heatmap is brightest, or, where it is blank, the sum farthest from zero. */
  brightest() {
    const { rows, cols } = this.sent;
    const { shown, running } = this.values;
    const values = shown.some((value) => value > 0) ? shown : running[running.length - 1];
    return strongestCell({ rows, cols, values }, () => true);
  }

  build(sent, theme) {
    this.sent = sent;
    const size = sent.rows * sent.cols;
    const cut = (text) => {
      const all = floatsOf(text);
      return Array.from({ length: all.length / size }, (_, k) => all.subarray(k * size, (k + 1) * size));
    };
    const [maps, products, running] = [sent.maps, sent.products, sent.running].map(cut);
    const cells = sent.weighting === "cells";
    const weights = cells ? cut(sent.weights) : floatsOf(sent.weights);
    const shown = floatsOf(sent.shown);
    this.values = { maps, weights, products, running, shown };
    const [viridis, diverging] = [sent.tables.viridis, sent.tables[theme]].map(bytesOf);
    const mapReach = reachOf(maps);
    this.scales = {
      map: tableScale(mapReach, mapReach[0] < 0, mapReach[0] < 0 ? diverging : viridis),
      weight: tableScale(reachOf(cells ? weights : [weights]), true, diverging),
      sum: tableScale(reachOf([products[sent.channels.length], ...running, shown]), true, diverging),
    };
    // One channel of a thousand is pale beside their sum: products have a scale of their own, and the sums' decimals.
    const product = tableScale(reachOf(products.slice(0, sent.channels.length)), true, diverging);
    this.scales.product = { ...product, decimals: this.scales.sum.decimals };
    this.numbers = [];
    this.terms = [];
    this.lit = null;
    const lines = sent.channels.map((channel, k) => this.lineOf(channel, k));
    const rest = sent.others ? [this.restOf(lines.length)] : [];
    this.table.replaceChildren(this.headings(), ...lines, ...rest, this.lastOf());
    this.table.querySelector(".tile").tabIndex = 0;
    this.root.style.setProperty("--rows", sent.rows);
    this.root.style.setProperty("--cols", sent.cols);
    this.root.dataset.weighting = sent.weighting;
    this.caption.textContent = sent.caption;
    this.caption.hidden = !sent.caption;
    this.write();
  }

  /** A tile with the number of the cell that is pointed at. */
  part(kind, name, values, scale, label) {
    const number = element("span", { class: "number" });
    this.numbers.push({ number, valueAt: (index) => values[index], decimals: scale.decimals });
    const reach = `from ${figure(Math.min(...values), scale.decimals)} to ${figure(Math.max(...values), scale.decimals)}`;
    return element("div", { class: `part ${kind}`, role: "cell" }, this.tile(values, scale, `${label} ${name}, ${reach}`), number);
  }

  tile(values, scale, label) {
    const { rows, cols } = this.sent;
    const canvas = element("canvas", { width: cols, height: rows, "aria-hidden": "true" });
    const pixels = new ImageData(cols, rows);
    values.forEach((value, index) => {
      pixels.data.set(scale.rgb(value), 4 * index);
      pixels.data[4 * index + 3] = 255;
    });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return element("div", { class: "tile", role: "application", tabindex: -1, "aria-label": label }, canvas, element("i", { class: "mark" }));
  }

  lineOf(channel, k) {
    const name = `channel ${channel}`;
    const { maps, products, running } = this.values;
    return this.entry(
      k,
      this.who(name, this.sent.shares[k]),
      this.part("map", name, maps[k], this.scales.map, "Map of"),
      sign("times", "×"),
      this.weightOf(name, k),
      sign("equals", this.sent.weighting === "hidden" ? "→" : "="),
      this.part("product", name, products[k], this.scales.product, "Product of"),
      sign("plus", k ? "+" : ""),
      this.part("total", name, running[k], this.scales.sum, "Sum after"),
    );
  }

  weightOf(name, k) {
    if (this.sent.weighting === "cells") return this.part("weight", name, this.values.weights[k], this.scales.weight, "Weights of");
    if (this.sent.weighting === "hidden") return element("div", { class: "part weight each", role: "cell", title: "each cell has its own weight" }, "w");
    const weight = this.values.weights[k];
    const number = element("span", { class: "number", "data-value": weight }, figure(weight, this.scales.weight.decimals));
    return element("div", { class: "part weight one", role: "cell" }, number);
  }

  restOf(k) {
    const { others } = this.sent;
    const name = others === 1 ? "the other channel" : `${others.toLocaleString("en")} other channels together`;
    const rest = this.entry(
      k,
      this.who(name, null, "in the colours of the sum"),
      this.part("product", name, this.values.products[k], this.scales.sum, "Product of"),
      sign("plus", "+"),
      this.part("total", name, this.values.running[k], this.scales.sum, "Sum after"),
    );
    rest.classList.add("rest");
    return rest;
  }

  lastOf() {
    const last = this.entry(
      "shown",
      element("div", { class: "who", role: "rowheader" }, element("strong", {}, "ReLU → heatmap"), element("span", {}, "what is below zero becomes 0")),
      element("p", { class: "check", role: "cell", "data-testid": "ledger-check" }, this.sent.check),
      this.part("total", "the sum, which is the heatmap", this.values.shown, this.scales.sum, "ReLU of"),
    );
    last.classList.add("last");
    return last;
  }

  entry(line, ...parts) {
    return element("div", { class: "entry", role: "row", "data-line": line }, ...parts);
  }

  who(name, share, remark = "") {
    const who = element("div", { class: "who", role: "rowheader" }, element("strong", {}, name));
    if (remark) who.append(element("span", {}, remark));
    if (share === null) return who;
    const fill = element("i", {});
    fill.style.width = `${share}%`;
    const text = share < 0.1 ? "< 0.1 %" : `${share.toFixed(1)} %`;
    who.append(element("span", { class: "share", title: "share of all that was added up, by magnitude" }, element("b", {}, fill), text));
    return who;
  }

  headings() {
    const { map, weight, product, sum } = this.scales;
    const cells = this.sent.weighting === "cells";
    const named = (kind, text, scale) => element("div", { class: `heading ${kind}`, role: "columnheader" }, text, ...(scale ? [rampOf(scale)] : []));
    return element(
      "div",
      { class: "entry headings", role: "row" },
      element("div", { class: "who", role: "columnheader" }, "Channel, share"),
      named("map", "Map", map),
      named("weight", "Weight", cells ? weight : null),
      named("product", "Product", product),
      named("total", "Sum so far", sum),
    );
  }

  /** The sum in words of numbers, one span a term, whose text follows the cell. */
  write() {
    const { channels, others, weighting, averaged } = this.sent;
    const { maps, weights, products, running, shown } = this.values;
    const { map, weight, sum } = this.scales;
    const pieces = [];
    const add = (line, className, textAt, valueAt, title) => {
      const span = element("span", { class: className, "data-line": line, title });
      this.terms.push({ span, textAt, valueAt });
      pieces.push(span, " ");
    };
    channels.forEach((channel, k) => {
      const weightAt = weighting === "cells" ? (index) => weights[k][index] : () => weights[k];
      const factors = (index) => `${inSum(figure(maps[k][index], map.decimals), !k)} × ${inSum(figure(weightAt(index), weight.decimals))}`;
      const product = (index) => inSum(figure(products[k][index], sum.decimals), !k);
      const text = weighting === "hidden" ? product : factors;
      add(k, "term", (index) => (k ? "+ " : "") + text(index), (index) => products[k][index], `channel ${channel}`);
    });
    if (others) {
      const rest = products[channels.length];
      add(channels.length, "term", (index) => `+ rest ${inSum(figure(rest[index], sum.decimals))}`, (index) => rest[index]);
    }
    const last = running[running.length - 1];
    add("sum", "result", (index) => `= ${figure(last[index], sum.decimals)}`, (index) => last[index]);
    const relu = averaged ? "→ averaged ReLU" : "→ ReLU";
    add("shown", "result", (index) => `${relu} ${figure(shown[index], sum.decimals)}`, (index) => shown[index]);
    this.sum.replaceChildren(...pieces);
  }

  pointAt(cell) {
    if (cell.row === this.at.row && cell.col === this.at.col) return;
    this.chosen = true;
    this.tell(cell);
  }

  /** Marks a cell in every tile and writes its numbers. */
  tell(cell) {
    this.at = cell;
    this.root.style.setProperty("--row", cell.row);
    this.root.style.setProperty("--col", cell.col);
    this.where.textContent = `row ${cell.row}, column ${cell.col}`;
    const index = cell.row * this.sent.cols + cell.col;
    for (const { number, valueAt, decimals } of this.numbers) {
      number.dataset.value = valueAt(index);
      number.textContent = figure(valueAt(index), decimals);
    }
    for (const { span, textAt, valueAt } of this.terms) {
      span.dataset.value = valueAt(index);
      span.textContent = textAt(index);
      span.classList.toggle("nothing", valueAt(index) === 0);
    }
  }

  /** Lights a row, and its own term of the sum. */
  light(entry) {
    if (entry === this.lit) return;
    this.lit = entry;
    for (const each of this.table.children) each.classList.toggle("lit", each === entry);
    for (const { span } of this.terms) span.classList.toggle("lit", Boolean(entry) && span.dataset.line === entry.dataset.line);
  }

  /** Tiles of a whole number of device pixels a cell, as near as that comes to the size that fits. */
  layOut() {
    const width = this.root.clientWidth;
    if (!width || !this.sent) return;
    const { rows, cols } = this.sent;
    const phone = width < LEDGER_PHONE;
    const room = phone ? Math.min((width - LEDGER_SIGNS) / 4, LEDGER_TILE.narrow) : width < LEDGER_NARROW ? LEDGER_TILE.narrow : LEDGER_TILE.wide;
    const longest = Math.max(rows, cols);
    const ratio = window.devicePixelRatio || 1;
    const pixels = (room * ratio) / longest;
    const cell = Math.max(phone ? Math.floor(pixels) : Math.round(pixels), 1) / ratio;
    this.root.style.setProperty("--tile", `${cell * longest}px`);
    this.root.style.setProperty("--tile-width", `${cell * cols}px`);
    this.root.style.setProperty("--tile-height", `${cell * rows}px`);
  }

  close() {
    this.observer.disconnect();
    this.root.remove();
  }
}

function sign(kind, text) {
  return element("span", { class: `sign ${kind}`, "aria-hidden": "true" }, text);
}

/** A colour bar with the values at its ends. */
function rampOf(scale) {
  const ramp = element("span", { class: "ramp" });
  const stops = Array.from({ length: 13 }, (_, k) => cssColour([...scale.rgb(scale.low + ((scale.high - scale.low) * k) / 12)]));
  ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const ends = [scale.low, scale.high].map((end) => element("span", {}, figure(end, scale.decimals)));
  return element("span", { class: "scale" }, ends[0], ramp, ends[1]);
}

export default keepMounted(Ledger);
