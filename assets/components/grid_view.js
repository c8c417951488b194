// Drawing of grids on a canvas, colour scales, and a few lines to build the page without markup strings.

/** Whether this person's system asks for little motion. */
const prefersCalm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** An element with attributes and children; text is always set as text, never parsed. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];
// Negative red, positive blue; the same as DIVERGING_LIGHT and DIVERGING_DARK in explorer/figures.py.
const DIVERGING = {
  light: [[150, 20, 38], [214, 96, 77], [250, 190, 160], [248, 247, 245], [170, 207, 229], [67, 147, 195], [20, 73, 140]],
  dark: [[255, 150, 140], [220, 84, 76], [122, 46, 50], [30, 32, 38], [30, 68, 112], [52, 128, 200], [122, 193, 255]],
};
const TINTS = { r: [255, 92, 84], g: [88, 214, 120], b: [98, 150, 255] };

/** The colour at t in 0…1 along evenly spaced stops. */
function alongStops(stops, t) {
  const place = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const index = Math.min(Math.floor(place), stops.length - 2);
  return stops[index].map((v, k) => Math.round(v + (stops[index + 1][k] - v) * (place - index)));
}

/** "r", "g" or "b" when a channel's name is that of a primary colour. */
function tintOf(channelName) {
  return { r: "r", red: "r", g: "g", green: "g", b: "b", blue: "b" }[channelName.toLowerCase()];
}

/** Colour scale of pixels, {low, high, colour(value)}: black to white, or to the channel's own colour. */
function pixelScale(channelName) {
  const stops = [[0, 0, 0], TINTS[tintOf(channelName)] || [255, 255, 255]];
  return { low: 0, high: 255, colour: (value) => alongStops(stops, value / 255) };
}

/** Colour scale of outputs: diverging and centred on zero, which melts into the page; from 0 up after ReLU. */
function outputScale(values, rectified, dark) {
  const [low, high] = rangeOf(values);
  if (rectified) {
    const top = Math.max(high, 0) || 1;
    return { low: 0, high: top, colour: (value) => alongStops(VIRIDIS, value / top) };
  }
  const bound = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const stops = dark ? DIVERGING.dark : DIVERGING.light;
  return { low: -bound, high: bound, colour: (value) => alongStops(stops, 0.5 + value / (2 * bound)) };
}

const cssColour = ([r, g, b], alpha = 1) => `rgba(${r}, ${g}, ${b}, ${alpha})`;
const luminance = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b) / 255;

/** The colours of Streamlit's theme as they are now. */
function themeOf(root) {
  const style = getComputedStyle(root);
  const ink = (style.color.match(/[\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const dark = luminance(ink) > 0.5;
  return {
    dark,
    ink,
    accent: read("--st-primary-color", "#ff4b4b"),
    paper: read("--st-background-color", dark ? "#0e1117" : "#ffffff"),
    digits: read("--st-code-font", "monospace"),
  };
}

/** Room around a grid for the outlines of its outermost cells, in CSS pixels. */
const EDGE = 4;

/** Cells this wide carry their number, in CSS pixels. */
const NUMBERED_CELL = 21;

/** One grid on one canvas: its cells, the padding around it, and marks laid over it. */
class GridView {
  constructor(canvas) {
    this.canvas = canvas;
    this.shape = { rows: 0, cols: 0, top: 0, left: 0, height: 0, width: 0 };
    this.cell = 1;
  }

  /** Takes a grid, its scale and its padding {top, bottom, left, right}; sizes the canvas to whole device pixels. */
  fit(grid, pads, availableWidth, availableHeight, largestCell) {
    const { top, bottom, left, right } = pads;
    const shape = { rows: grid.rows, cols: grid.cols, top, left };
    shape.height = grid.rows + top + bottom;
    shape.width = grid.cols + left + right;
    this.shape = shape;
    this.ratio = window.devicePixelRatio || 1;
    const inner = availableWidth - 2 * EDGE - 1;
    const room = Math.min(inner / shape.width, availableHeight / shape.height, largestCell);
    this.cell = Math.max(Math.floor(room * this.ratio), 1);
    this.edge = Math.ceil(EDGE * this.ratio);
    const [width, height] = [shape.width, shape.height].map((cells) => cells * this.cell + 1 + 2 * this.edge);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.canvas.style.width = `${width / this.ratio}px`;
    this.canvas.style.aspectRatio = `${width} / ${height}`;
  }

  /** The canvas's pen, its origin moved to the corner of the first cell. */
  pen() {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, this.edge, this.edge);
    return context;
  }

  clear() {
    this.pen().clearRect(-this.edge, -this.edge, this.canvas.width, this.canvas.height);
  }

  /** Paints every cell; `valueAt(row, col)` is asked for padded cells too, which are painted `faint` and hatched. */
  paint(valueAt, colourOf, theme, faint = 1) {
    const context = this.pen();
    const { rows, cols, top, left, height, width } = this.shape;
    const cell = this.cell;
    this.clear();
    const gap = cell / this.ratio >= 9 ? 1 : 0;
    const numbers = cell / this.ratio >= NUMBERED_CELL;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `${Math.round(cell * 0.36)}px ${theme.digits}`;
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const [row, col] = [y - top, x - left];
        const inside = row >= 0 && row < rows && col >= 0 && col < cols;
        const value = valueAt(row, col);
        const rgb = colourOf(value);
        context.fillStyle = cssColour(rgb, inside ? 1 : faint);
        context.fillRect(x * cell + gap, y * cell + gap, cell - gap, cell - gap);
        if (!inside) this.hatch(context, x, y, theme);
        if (!numbers) continue;
        const bright = inside ? luminance(rgb) > 0.55 : !theme.dark;
        context.fillStyle = bright ? "rgba(0, 0, 0, 0.82)" : "rgba(255, 255, 255, 0.92)";
        context.fillText(shown(value, 0), (x + 0.5) * cell, (y + 0.54) * cell, cell * 0.94);
      }
    }
    if (height !== rows || width !== cols) this.frame(context, theme);
  }

  hatch(context, x, y, theme) {
    const cell = this.cell;
    context.save();
    context.beginPath();
    context.rect(x * cell, y * cell, cell, cell);
    context.clip();
    context.strokeStyle = cssColour(theme.ink, 0.28);
    context.lineWidth = Math.max(this.ratio * 0.75, 1);
    const pitch = 5 * this.ratio;
    context.beginPath();
    // Lines keep to one lattice over the whole canvas, so that hatching runs on from cell to cell.
    const first = Math.floor(((x + y) * cell) / pitch) * pitch;
    for (let s = first; s <= (x + y + 2) * cell; s += pitch) {
      context.moveTo(s - y * cell, y * cell);
      context.lineTo(s - (y + 1) * cell, (y + 1) * cell);
    }
    context.stroke();
    context.restore();
  }

  frame(context, theme) {
    const { rows, cols, top, left } = this.shape;
    context.strokeStyle = cssColour(theme.ink, 0.75);
    context.lineWidth = Math.round(this.ratio);
    const half = context.lineWidth / 2;
    context.strokeRect(left * this.cell + half, top * this.cell + half, cols * this.cell, rows * this.cell);
  }

  /** Fades every cell that `keep(row, col)` does not name. */
  veil(keep, theme, strength) {
    const context = this.pen();
    const { top, left, height, width } = this.shape;
    context.save();
    context.globalAlpha = strength;
    context.fillStyle = theme.paper;
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        if (!keep(y - top, x - left)) context.fillRect(x * this.cell, y * this.cell, this.cell + 1, this.cell + 1);
      }
    }
    context.restore();
  }

  /** Outlines a rectangle of cells, legible on any colour: a line of paper colour under a line of accent. */
  outline(row, col, rows, cols, theme, width = 2, dashed = false) {
    const context = this.pen();
    const { top, left } = this.shape;
    const box = [(col + left) * this.cell, (row + top) * this.cell, cols * this.cell + 1, rows * this.cell + 1];
    const thick = width * this.ratio;
    context.save();
    context.beginPath();
    context.rect(box[0] - thick / 2, box[1] - thick / 2, box[2] + thick, box[3] + thick);
    context.strokeStyle = theme.paper;
    context.lineWidth = thick + 2 * this.ratio;
    context.stroke();
    context.strokeStyle = theme.accent;
    context.lineWidth = thick;
    if (dashed) context.setLineDash([3 * this.ratio, 2 * this.ratio]);
    context.stroke();
    context.restore();
  }

  /** A dot in a cell, off its number where there is one, for "this one takes part". */
  dot(row, col, theme) {
    const context = this.pen();
    const { top, left } = this.shape;
    context.beginPath();
    const numbered = this.cell / this.ratio >= NUMBERED_CELL;
    const radius = Math.max(this.cell * (numbered ? 0.11 : 0.16), this.ratio * 1.2);
    const [x, y] = numbered ? [0.86, 0.14] : [0.5, 0.5];
    context.arc((col + left + x) * this.cell, (row + top + y) * this.cell, radius, 0, 2 * Math.PI);
    context.fillStyle = theme.accent;
    context.strokeStyle = theme.paper;
    context.lineWidth = this.ratio;
    context.fill();
    context.stroke();
  }

  /** The cell under a pointer, or null outside the grid (padding is outside). `clamp` takes the nearest cell. */
  cellAt(event, clamp = false) {
    const { x, y, size } = this.origin();
    const { rows, cols } = this.shape;
    let row = Math.floor((event.clientY - y) / size);
    let col = Math.floor((event.clientX - x) / size);
    if (clamp) {
      row = Math.min(Math.max(row, 0), rows - 1);
      col = Math.min(Math.max(col, 0), cols - 1);
    }
    return row >= 0 && row < rows && col >= 0 && col < cols ? { row, col } : null;
  }

  /** Where cell (0, 0) is in the window, and how large a cell is there, in CSS pixels. */
  origin() {
    const box = this.canvas.getBoundingClientRect();
    const size = this.cell / this.ratio;
    const edge = this.edge / this.ratio;
    return { x: box.left + edge + this.shape.left * size, y: box.top + edge + this.shape.top * size, size };
  }

  /** Where a rectangle of cells is: {left, top, right, bottom} in CSS pixels of the window. */
  place(row, col, rows, cols) {
    const { x, y, size } = this.origin();
    const [left, top] = [x + col * size, y + row * size];
    return { left, top, right: left + cols * size, bottom: top + rows * size };
  }
}

/** A colour bar with the ends of its scale and what stands in the grid. */
function drawBar(bar, scale, text) {
  const stops = Array.from({ length: 13 }, (_, k) => {
    const value = scale.low + ((scale.high - scale.low) * k) / 12;
    return cssColour(scale.colour(value));
  });
  bar.ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  bar.low.textContent = shown(scale.low, 1);
  bar.high.textContent = shown(scale.high, 1);
  bar.text.textContent = text;
}

/** A titled panel around a canvas: {panel, canvas, view, title, size, bar}. */
function gridPanel(name, title, label, focusable) {
  const canvas = element("canvas", { "data-testid": `${name}-grid`, "aria-label": label, role: focusable ? "application" : "img" });
  if (focusable) canvas.tabIndex = 0;
  const heading = element("h4", {}, title);
  const size = element("span", { class: "size", "data-testid": `${name}-size` });
  const bar = {
    ramp: element("span", { class: "ramp" }),
    low: element("span"),
    high: element("span"),
    text: element("p", { class: "range", "data-testid": `${name}-range` }),
  };
  const frame = element("div", { class: "frame" }, canvas);
  const panel = element(
    "section",
    { class: `panel ${name}` },
    element("header", {}, heading, size),
    frame,
    element("div", { class: "bar" }, bar.low, bar.ramp, bar.high),
    bar.text,
  );
  return { panel, frame, canvas, view: new GridView(canvas), heading, size, bar };
}

/** A row of buttons of which one is pressed; calls `choose(index)`. */
function channelSwitch(names, chosen, choose) {
  const buttons = names.map((name, index) => {
    const button = element("button", { type: "button", "aria-pressed": String(index === chosen), "data-channel": index }, name);
    button.addEventListener("click", () => choose(index));
    return button;
  });
  return element("div", { class: "switch", role: "group", "aria-label": "Channel looked at" }, ...buttons);
}

/** The cell an arrow key leads to from `at`, or null for any other key. */
function keyMove(event, at, rows, cols) {
  const far = event.shiftKey ? 5 : 1;
  const moves = {
    ArrowUp: [-far, 0], ArrowDown: [far, 0], ArrowLeft: [0, -far], ArrowRight: [0, far],
    Home: [0, -cols], End: [0, cols], PageUp: [-rows, 0], PageDown: [rows, 0],
  };
  const move = moves[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return null;
  return {
    row: Math.min(Math.max(at.row + move[0], 0), rows - 1),
    col: Math.min(Math.max(at.col + move[1], 0), cols - 1),
  };
}
