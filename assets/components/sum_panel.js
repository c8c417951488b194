// The middle panel of the inspector: the k×k products of one step as a table, and the sum as a short account.

class SumPanel {
  constructor(onTap) {
    this.onTap = onTap;
    this.shape = "";
    this.cells = [];
    this.table = element("table", { class: "products", "aria-label": "Products of pixel and weight" });
    this.position = element("span", { class: "size", "data-testid": "position" });
    this.detail = element("p", { class: "detail", "data-testid": "tap" });
    this.lines = {};
    const account = element("dl", { class: "account" });
    const names = [["sum", "Sum of the products"], ["total", "with bias"], ["output-value", "Output"], ["keras-says", "Keras says"]];
    for (const [name, label] of names) {
      const term = element("dt", {}, label);
      const value = element("dd", { "data-testid": name });
      const line = element("div", { class: `line ${name}` }, term, value);
      this.lines[name] = { line, term, value };
      account.append(line);
    }
    this.panel = element(
      "section",
      { class: "panel sum" },
      element("header", {}, element("h4", {}, "Pixel × weight"), this.position),
      element("div", { class: "frame" }, this.table),
      this.detail,
      account,
    );
  }

  /** Builds the table's cells when the kernel's shape is new; otherwise they are kept and only their text changes. */
  shapeFor(kernel) {
    const shape = `${kernel.rows}×${kernel.cols}`;
    if (shape === this.shape) return;
    this.shape = shape;
    const longest = Math.max(kernel.rows, kernel.cols);
    this.table.dataset.density = longest <= 3 ? "roomy" : longest <= 5 ? "snug" : longest <= 7 ? "tight" : "dots";
    this.cells = [];
    const rows = [];
    for (let i = 0; i < kernel.rows; i += 1) {
      const row = element("tr");
      for (let j = 0; j < kernel.cols; j += 1) {
        const factors = element("span", { class: "factors" });
        const product = element("span", { class: "product" });
        const cell = element("td", { "data-row": i, "data-col": j }, factors, product);
        const index = this.cells.length;
        cell.addEventListener("pointerenter", () => this.onTap(index));
        cell.addEventListener("pointerleave", () => this.onTap(null));
        this.cells.push({ cell, factors, product });
        row.append(cell);
      }
      rows.push(row);
    }
    this.table.replaceChildren(...rows);
  }

  /** Fills in one step. `inside(tap)` tells picture from padding; `lit` is the index of the tap pointed at. */
  fill(step, options, theme, inside, lit) {
    this.shapeFor(options.kernel);
    const bound = step.taps.reduce((most, tap) => Math.max(most, Math.abs(tap.product)), 0) || 1;
    const stops = theme.dark ? DIVERGING.dark : DIVERGING.light;
    step.taps.forEach((tap, index) => {
      const { cell, factors, product } = this.cells[index];
      const rgb = alongStops(stops, 0.5 + (0.36 * tap.product) / bound);
      cell.style.backgroundColor = cssColour(rgb);
      cell.style.color = luminance(rgb) > 0.5 ? "#14161a" : "#f6f7f9";
      cell.dataset.pixel = tap.pixel;
      cell.dataset.weight = tap.weight;
      cell.dataset.product = tap.product;
      cell.classList.toggle("padded", !inside(tap));
      cell.classList.toggle("lit", index === lit);
      factors.textContent = `${shown(tap.pixel, Number.isInteger(tap.pixel) ? 0 : 1)} × ${shown(tap.weight, 2)}`;
      product.textContent = shown(tap.product, Math.abs(tap.product) < 100 ? 1 : 0);
    });
    this.account(step, options);
    this.describe(step, lit, inside);
  }

  describe(step, lit, inside) {
    const tap = lit === null ? undefined : step.taps[lit];
    if (!tap) {
      const count = step.taps.filter((each) => !inside(each)).length;
      const padded = count ? `, ${count} of them in the padding (hatched)` : "";
      this.detail.textContent = `${step.taps.length} products${padded}`;
      return;
    }
    const where = inside(tap) ? `row ${tap.row}, column ${tap.col}` : "padding";
    this.detail.textContent = `${where}: ${shown(tap.pixel, 3)} × ${shown(tap.weight, 4)} = ${shown(tap.product, 4)}`;
  }

  account(step, options) {
    const { bias, relu } = options;
    this.write("sum", step.sum, shown(step.sum, 4));
    this.write("total", step.total, shown(step.total, 4));
    this.lines.total.line.hidden = bias === 0;
    this.lines.total.term.textContent = `${bias < 0 ? "−" : "+"} bias ${shown(Math.abs(bias), 4)}`;
    this.write("output-value", step.output, shown(step.output, 4));
    this.lines["output-value"].term.textContent = relu ? "Output after ReLU" : "Output";
  }

  write(name, value, text) {
    const target = this.lines[name].value;
    target.dataset.value = value;
    target.textContent = text;
  }

  /** Shows what Keras computed for the pinned cell beside `ours`; null hides the line. */
  compare(theirs, ours, scale) {
    const { line, value } = this.lines["keras-says"];
    line.hidden = theirs === null;
    if (theirs === null) {
      delete value.dataset.value;
      value.textContent = "";
      return;
    }
    const equal = Math.abs(theirs - ours) <= 1e-4 * Math.max(scale, 1);
    value.dataset.value = theirs;
    value.dataset.equal = equal;
    value.textContent = equal ? `${shown(theirs, 4)} ✓` : `${shown(theirs, 4)}, off by ${shown(theirs - ours, 4)}`;
  }
}
