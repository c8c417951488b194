// Maps as small pictures, with the marks that can lie on them, and the title and the scale over them.

const UNIT_MARK = 7; // the smallest mark on a map, in px

/** A large map with each block of cells as its mean, so that no side has more than `most` cells: {values, rows, cols}. */
function unitSmaller(values, rows, cols, most) {
  const block = Math.ceil(Math.max(rows, cols) / most);
  if (block < 2) return { values, rows, cols };
  const [high, wide] = [Math.ceil(rows / block), Math.ceil(cols / block)];
  const means = new Float64Array(high * wide);
  for (let y = 0; y < high; y += 1) {
    const bottom = Math.min((y + 1) * block, rows);
    for (let x = 0; x < wide; x += 1) {
      const right = Math.min((x + 1) * block, cols);
      let sum = 0;
      for (let row = y * block; row < bottom; row += 1) {
        for (let col = x * block; col < right; col += 1) sum += values[row * cols + col];
      }
      means[y * wide + x] = sum / ((bottom - y * block) * (right - x * block));
    }
  }
  return { values: means, rows: high, cols: wide };
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

/** One map as a square of at most `side` px, with the marks that can lie on it; a single row or column fills the square. */
class UnitTile {
  constructor(pen, { x, y, side, rows, cols, values, scale, name, frame = 1, told = true }) {
    const longest = Math.max(rows, cols);
    const bars = Math.min(rows, cols) === 1;
    [this.width, this.height] = bars ? [side, side] : [Math.max((side * cols) / longest, 2), Math.max((side * rows) / longest, 2)];
    [this.x, this.y] = [x + (side - this.width) / 2, y + (side - this.height) / 2];
    Object.assign(this, { pen, rows, cols, values, scale, cell: this.width / cols, high: this.height / rows });
    const box = { x: this.x, y: this.y, width: this.width, height: this.height };
    this.image = unitNode("image", {
      ...box, href: unitPicture(unitSmaller(values, rows, cols, 2 * side), scale), preserveAspectRatio: "none",
      style: `image-rendering: ${longest <= side * (window.devicePixelRatio || 1) ? "pixelated" : "auto"}`,
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
    const [width, height] = [Math.max(cols * this.cell, UNIT_MARK), Math.max(rows * this.high, UNIT_MARK)];
    const box = { x: -width / 2, y: -height / 2, width, height, fill: "none", rx: 1 };
    const outer = unitNode("rect", { ...box, stroke: this.pen.theme.paper, "stroke-width": 4 });
    const inner = unitNode("rect", { ...box, stroke: this.pen.theme.accent, "stroke-width": 1.8 });
    this.half = [rows / 2, cols / 2];
    this.marks.append(outer, inner);
  }

  /** Moves the mark so that its first cell is at (row, col). */
  look(row, col) {
    if (!this.half) return;
    const [x, y] = [this.x + (col + this.half[1]) * this.cell, this.y + (row + this.half[0]) * this.high];
    this.marks.setAttribute("transform", `translate(${x.toFixed(2)},${y.toFixed(2)})`);
  }

  /** Covers the cells after `index`, in reading order; none for null. */
  coverAfter(index) {
    if (index === null) {
      this.cover.setAttribute("d", "");
      return;
    }
    const [row, col] = [Math.floor(index / this.cols), (index % this.cols) + 1];
    const [left, top] = [this.x + col * this.cell, this.y + row * this.high];
    const [right, bottom] = [this.x + this.width, this.y + this.height];
    const next = Math.min(top + this.high, bottom);
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
  const words = pen.text(middle, y - 25, title, { anchor: "middle", weight: 600, size: 11.5, room: side + 46 });
  const head = unitNode("g", { "aria-hidden": "true" }, words);
  if (!scale) return head;
  const id = `${pen.name}-ramp-${(pen.ramps = (pen.ramps || 0) + 1)}`;
  const colour = (k) => cssColour(scale.table[Math.round((255 * k) / 8)]);
  const stops = Array.from({ length: 9 }, (_, k) => unitNode("stop", { offset: k / 8, "stop-color": colour(k) }));
  const look = { size: 9, colour: pen.faint, digits: true };
  head.append(unitNode("linearGradient", { id }, ...stops), pen.rect(x, y - 19, side, 4, { fill: `url(#${id})`, rx: 2 }));
  if (scale.signed) {
    head.append(pen.text(middle, y - 5.5, `±${unitShort(scale.high, 3)}`, { ...look, anchor: "middle" }));
    return head;
  }
  const [low, high] = [unitTight(scale.low, 2), unitTight(scale.high, 2)];
  head.append(pen.text(x, y - 5.5, low, look), pen.text(x + side, y - 5.5, high, { ...look, anchor: "end" }));
  return head;
}
