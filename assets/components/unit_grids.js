// One value as a sum of products, cell by cell: patch × slice = products; of a pooling the window alone.

class UnitGrids {
  /** `at` is {x, y, width}. Three grids for a convolution; the window alone for a pooling. */
  constructor(pen, numbers, at) {
    Object.assign(this, { pen, numbers, at });
    [this.rows, this.cols] = numbers.geometry.size;
    this.products = numbers.form === "convolution";
    this.signs = 26;
    this.cell = this.cellSize();
    this.digits = this.cell >= 40 ? 3 : 2;
    this.numbered = this.cell >= 26;
    this.size = this.cell >= 50 ? 13 : this.cell >= 40 ? 10.5 : this.cell >= 30 ? 9 : 8;
    this.gap = this.cell >= 14 ? 2 : 1;
    this.width = this.products ? 3 * this.cols * this.cell + 2 * this.signs : this.cols * this.cell;
    this.root = unitNode("g");
    this.cells = [];
    this.lit = null;
    this.draw();
  }

  cellSize() {
    const grids = this.products ? 3 : 1;
    const room = (this.at.width - (grids - 1) * this.signs) / (grids * this.cols);
    if (this.rows * this.cols === 1) return 56;
    // A little smaller where that makes room for the ledger beside the grids.
    const beside = (this.at.width - UNIT_GAP - UNIT_LEDGER - (grids - 1) * this.signs) / (grids * this.cols);
    const size = Math.floor(Math.min(46, beside >= 34 ? beside : room, 190 / this.rows));
    const dots = Math.max(this.rows, this.cols) >= 7;
    return dots ? Math.max(Math.min(size, 15), 3) : size;
  }

  draw() {
    const { pen, at, cell } = this;
    const top = at.y + 18;
    const high = this.rows * cell;
    const step = this.cols * cell + this.signs;
    const whole = this.rows * this.cols === this.numbers.sources[0].values.length;
    const titles = this.products ? ["patch", "slice", "products"] : [whole ? "the map" : "window"];
    const roomy = this.cols * cell >= 50;
    titles.forEach((title, k) => {
      const x = at.x + k * step;
      const middle = x + (this.cols * cell - this.gap) / 2;
      this.root.append(pen.text(roomy ? middle : x, at.y + 10, title, { anchor: roomy ? "middle" : "start", colour: pen.faint }));
      if (!k) return;
      const sign = { anchor: "middle", size: 15, colour: pen.faint };
      this.root.append(pen.text(x - this.signs / 2 - this.gap / 2, top + high / 2 + 4, k === 1 ? "×" : "=", sign));
    });
    const names = this.products ? ["unit-patch", "unit-weight", "unit-product"] : ["unit-patch"];
    for (let index = 0; index < this.rows * this.cols; index += 1) {
      const [i, j] = [Math.floor(index / this.cols), index % this.cols];
      this.cells.push(names.map((name, k) => this.oneCell(name, i, j, index, at.x + k * step + j * cell, top + i * cell)));
    }
    this.hatch = pen.path("", { fill: `url(#${pen.name}-hatch)`, stroke: "none", "pointer-events": "none" });
    const ring = { fill: "none", stroke: pen.theme.accent, "stroke-width": 2.4, rx: 2, "pointer-events": "none" };
    this.rings = names.map(() => pen.rect(0, 0, cell - this.gap, cell - this.gap, ring));
    const word = { size: 11, colour: pen.faint };
    this.detail = pen.text(at.x, top + high + 15, "", word);
    this.subtotal = pen.text(at.x, top + high + 33, "", { size: 12, weight: 600 });
    this.root.append(this.hatch, ...this.rings, this.detail, this.subtotal);
    this.bottom = top + high + 40;
    this.top = top;
  }

  oneCell(name, i, j, index, x, y) {
    const { pen, cell, gap } = this;
    const rect = pen.rect(x, y, cell - gap, cell - gap, { rx: cell >= 14 ? 2 : 1 });
    const group = unitNode("g", { "data-testid": name, "data-row": i, "data-col": j }, rect);
    let text = null;
    if (this.numbered) {
      const { size } = this;
      text = pen.text(x + (cell - gap) / 2, y + (cell - gap) / 2 + size * 0.36, "", { anchor: "middle", size, digits: true });
      group.append(text);
    }
    group.addEventListener("pointerenter", () => this.light(index));
    group.addEventListener("pointerleave", () => this.light(null));
    this.root.append(group);
    return { group, rect, text, x, y };
  }

  light(index) {
    this.lit = index;
    this.describe();
  }

  /** Fills in the patch of one input at one place. */
  fill(source, index, now, inputScale, weightScale) {
    const { numbers, pen } = this;
    this.taps = numbers.taps(source, now.row, now.col);
    this.now = now;
    this.source = source;
    const most = this.taps.reduce((found, { product }) => (Number.isFinite(product) ? Math.max(found, Math.abs(product)) : found), 0);
    const productScale = this.products ? unitScale([0, most], true, pen.theme.dark) : null;
    let padded = "";
    this.taps.forEach((tap, k) => {
      const trio = [[tap.value, inputScale], [tap.weight, weightScale], [tap.product, productScale]];
      this.cells[k].forEach((cell, which) => this.write(cell, ...trio[which], index, which === 0 && !tap.inside));
      if (tap.inside) return;
      const { x, y } = this.cells[k][0];
      padded += `M${x},${y} h${this.cell - this.gap} v${this.cell - this.gap} h${this.gap - this.cell} Z`;
    });
    this.hatch.setAttribute("d", padded);
    this.winner = numbers.form === "max" ? this.taps.findIndex((tap) => tap.inside && Object.is(tap.value, Math.fround(now.parts[0]))) : -1;
    this.describe();
  }

  write({ group, rect, text }, value, scale, index, padded) {
    group.setAttribute("data-value", value);
    group.setAttribute("data-source", index);
    if (padded) group.setAttribute("data-padding", "true");
    else group.removeAttribute("data-padding");
    const rgb = scale.rgb(value);
    rect.setAttribute("fill", padded ? this.pen.wash : cssColour(rgb));
    if (!text) return;
    text.setAttribute("fill", padded ? this.pen.faint : unitInkOn(rgb));
    text.textContent = this.short(value);
  }

  /** A number with as many digits as a cell has room for; all of them are equally wide. */
  short(value) {
    const most = Math.floor((this.cell - this.gap - 1) / (0.602 * this.size));
    const tries = Array.from({ length: this.digits + 1 }, (_, k) => unitTight(value, this.digits - k));
    const bare = tries.map((words) => words.replace(/^(−?)0\./, "$1.")); // without the zero before the point
    return [...tries, ...bare].find((words) => words.length <= most && !words.includes("e")) || tries.at(-1);
  }

  describe() {
    if (!this.taps) return;
    const { form } = this.numbers;
    const tap = this.taps[this.lit];
    const marked = this.cells[this.lit === null ? this.winner : this.lit];
    this.rings.forEach((ring, k) => {
      ring.setAttribute("visibility", marked ? "visible" : "hidden");
      if (marked) unitSet(ring, { x: marked[k].x, y: marked[k].y });
    });
    const count = this.taps.filter(({ inside }) => !inside).length;
    const room = Math.max(this.width, 240);
    const zero = this.products ? "zeros" : "does not count";
    const words = tap ? this.ofTap(tap) : count ? `hatched: padding, ${zero}` : "";
    this.detail.textContent = this.pen.fitted(words, 11, room);
    const many = this.taps.length - count;
    const part = this.now.parts[this.numbers.sources.indexOf(this.source)];
    const convolved = this.taps.length === 1 ? "the product" : `sum of the ${this.taps.length} products`;
    const names = { convolution: `${convolved}:`, max: "the largest:", mean: `sum ${unitShort(part * many, 4)} / ${many} =` };
    this.subtotal.textContent = `${names[form]} ${unitShort(part, 4)}`;
  }

  ofTap(tap) {
    const where = tap.inside ? `row ${tap.row}, column ${tap.col}` : "padding";
    if (!this.products) return `${where}: ${unitShort(tap.value, 4)}`;
    return `${where}: ${unitShort(tap.value, 4)} × ${unitShort(tap.weight, 4)} = ${unitShort(tap.product, 4)}`;
  }
}
