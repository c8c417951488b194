// What the inspector looks like: input grid, the sum of one step, output grid, and the pooled grid when there is one.
// Which step that is (cell, pooledCell, pin, hover, playing) is decided by Inspector, which extends this.

const MOST_HEIGHT = 340;
const LARGEST_CELL = 34;

class InspectorDrawing {
  constructor(host) {
    this.host = host;
    this.lit = null;
    this.calm = prefersCalm();
    this.build();
  }

  build() {
    this.input = gridPanel("input", "Input", "Input picture", false);
    this.output = gridPanel("output", "Output", "Output of the convolution: arrow keys move the pinned cell, Enter unpins", true);
    this.pooled = gridPanel("pooled", "Pooled", "Pooled output: arrow keys move the pinned cell, Enter unpins", true);
    this.pooledValue = element("p", { class: "detail", "data-testid": "pooled-value" });
    this.pooled.panel.append(this.pooledValue);
    this.pixel = element("p", { class: "detail", "data-testid": "pixel" });
    this.input.panel.append(this.pixel);
    this.sum = new SumPanel((index) => {
      this.lit = index;
      this.schedule();
    });
    this.lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.lines.setAttribute("class", "threads");
    this.lines.setAttribute("aria-hidden", "true");
    this.note = element("p", { class: "note", role: "status", hidden: "" });
    this.live = element("p", { class: "unseen", "aria-live": "polite", "data-testid": "live" });
    this.stage = element("div", { class: "stage" }, this.input.panel, this.sum.panel, this.output.panel, this.pooled.panel, this.lines);
    this.root = element("div", { class: "explorer inspector" }, this.toolbar(), this.note, this.stage, this.live);
    this.host.append(this.root);
  }

  toolbar() {
    this.channels = element("div", { class: "channels" });
    this.play = element("button", { type: "button", class: "play", "data-testid": "play" }, element("i"), element("span", {}, "Play"));
    this.speed = element("input", { type: "range", min: 0, max: 100, value: this.calm ? 10 : 45, "aria-label": "Speed of Play" });
    this.unpin = element("button", { type: "button", class: "quiet", "data-testid": "unpin", hidden: "" }, "Unpin");
    const hint = element("p", { class: "hint" }, "Point at a cell of the output. Click pins it, arrow keys move it.");
    const speed = element("label", { class: "speed" }, element("span", {}, "slow"), this.speed, element("span", {}, "fast"));
    return element("div", { class: "toolbar" }, this.channels, this.play, speed, this.unpin, hint);
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (!this.root.isConnected || !this.root.clientWidth) return;
    this.theme = themeOf(this.root);
    this.root.style.colorScheme = this.theme.dark ? "dark" : "light";
    this.root.classList.toggle("pooling", Boolean(this.pool.rows));
    this.pooled.panel.hidden = !this.pool.rows;
    this.note.hidden = this.result.rows > 0;
    this.stage.hidden = !this.result.rows;
    this.play.disabled = !this.result.rows;
    this.unpin.hidden = !this.pin;
    if (!this.result.rows) {
      this.note.textContent = "The kernel reaches over more pixels than the picture has, so without padding there is no output. "
        + "Choose a smaller kernel, a smaller dilation, or another padding.";
      return;
    }
    const cell = this.cell();
    const step = convolutionStep(this.grid, this.sent, cell.row, cell.col);
    const inside = (tap) => tap.row >= 0 && tap.row < this.grid.rows && tap.col >= 0 && tap.col < this.grid.cols;
    this.sum.fill(step, this.sent, this.theme, inside, this.lit);
    this.drawInput(step);
    this.drawOutput(cell);
    if (this.pool.rows) this.drawPooled();
    this.describe(cell, step);
    drawThreads(this, cell, step);
  }

  fitPanel(panel, grid, pads) {
    panel.view.fit(grid, pads, panel.frame.clientWidth, MOST_HEIGHT, LARGEST_CELL);
    panel.size.textContent = `${grid.rows} × ${grid.cols}`;
  }

  drawInput(step) {
    const { view, bar } = this.input;
    const { rows, cols } = this.windows;
    const pads = { top: rows.before, bottom: rows.after, left: cols.before, right: cols.after };
    this.fitPanel(this.input, this.grid, pads);
    const scale = pixelScale(this.grid.name);
    const padding = this.sent.padding;
    const faint = padding === "same" ? 0.06 : 0.45;
    view.paint((row, col) => paddedValue(this.grid, row, col, padding), scale.colour, this.theme, faint);
    const tapped = new Set(step.taps.map((tap) => `${tap.row},${tap.col}`));
    if (this.pin || this.playing) view.veil((row, col) => tapped.has(`${row},${col}`), this.theme, 0.42);
    if (this.sent.dilation > 1) {
      for (const tap of step.taps) view.outline(tap.row, tap.col, 1, 1, this.theme, 1);
    } else {
      view.outline(step.taps[0].row, step.taps[0].col, this.sent.kernel.rows, this.sent.kernel.cols, this.theme);
    }
    const lit = this.lit === null ? undefined : step.taps[this.lit];
    if (lit) view.dot(lit.row, lit.col, this.theme);
    const [low, high] = rangeOf(this.grid.values);
    drawBar(bar, scale, `pixels from ${shown(low, 1)} to ${shown(high, 1)}`);
    this.drawPixel(view);
  }

  drawPixel(view) {
    const hovered = this.hover && this.hover.stage === "input" && !this.playing ? this.hover : null;
    if (!hovered) {
      const { rows, cols } = this.windows;
      const padded = Math.max(rows.before, rows.after, cols.before, cols.after);
      const how = { same: "zeros", reflect: "the mirrored picture", edge: "the border repeated" }[this.sent.padding];
      this.pixel.textContent = padded ? `Hatched: padding, ${how}` : "";
      return;
    }
    view.outline(hovered.row, hovered.col, 1, 1, this.theme, 1.5);
    const value = this.grid.values[hovered.row * this.grid.cols + hovered.col];
    this.used = outputsUsing(this.grid, this.sent, hovered.row, hovered.col);
    this.pixel.dataset.value = value;
    const outputs = this.used.length === 1 ? "1 output" : `${this.used.length} outputs`;
    this.pixel.textContent = `row ${hovered.row}, column ${hovered.col}: ${shown(value, 3)}, used by ${outputs}`;
  }

  drawOutput(cell) {
    const { view, bar } = this.output;
    this.fitPanel(this.output, this.result, { top: 0, bottom: 0, left: 0, right: 0 });
    this.scale = outputScale(this.result.values, this.sent.relu, this.theme.dark);
    const valueAt = (row, col) => this.result.values[row * this.result.cols + col];
    view.paint(valueAt, this.scale.colour, this.theme);
    this.output.heading.textContent = this.sent.relu ? "Output after ReLU" : "Output";
    if (this.playing) view.veil((row, col) => row * this.result.cols + col <= this.playing.at, this.theme, 0.86);
    if (this.hover && this.hover.stage === "input" && !this.playing) {
      for (const each of this.used) view.dot(each.row, each.col, this.theme);
    }
    const pooled = this.pooledCell();
    if (pooled) this.drawWindow(view, pooled);
    if (this.pin && this.pin.stage === "convolution") view.outline(this.pin.row, this.pin.col, 1, 1, this.theme, 1.5, true);
    view.outline(cell.row, cell.col, 1, 1, this.theme, 2);
    const [low, high] = rangeOf(this.result.values);
    drawBar(bar, this.scale, `values from ${shown(low, 2)} to ${shown(high, 2)}`);
  }

  drawWindow(view, pooled) {
    const { size, stride } = this.pooling;
    const { cells, winner } = poolingStep(this.result, this.pooling, pooled.row, pooled.col);
    view.outline(pooled.row * stride, pooled.col * stride, size, size, this.theme, 1.5);
    for (const each of winner ? [winner] : cells) view.dot(each.row, each.col, this.theme);
  }

  drawPooled() {
    const { view, bar } = this.pooled;
    const { kind, size } = this.pooling;
    this.fitPanel(this.pooled, this.pool, { top: 0, bottom: 0, left: 0, right: 0 });
    const valueAt = (row, col) => this.pool.values[row * this.pool.cols + col];
    view.paint(valueAt, this.scale.colour, this.theme);
    this.pooled.heading.textContent = kind === "max" ? "Max pooling" : "Average pooling";
    const at = this.pooledCell();
    if (this.pin && this.pin.stage === "pooling") view.outline(this.pin.row, this.pin.col, 1, 1, this.theme, 1.5, true);
    if (at) view.outline(at.row, at.col, 1, 1, this.theme, 2);
    const [low, high] = rangeOf(this.pool.values);
    drawBar(bar, this.scale, `values from ${shown(low, 2)} to ${shown(high, 2)}`);
    if (!at) {
      delete this.pooledValue.dataset.value;
      this.pooledValue.textContent = "This output cell lies in no pooling window.";
      return;
    }
    const value = valueAt(at.row, at.col);
    Object.assign(this.pooledValue.dataset, { value, row: at.row, col: at.col });
    const what = kind === "max" ? "largest" : "mean";
    this.pooledValue.textContent = `row ${at.row}, column ${at.col}: ${what} of ${size * size} is ${shown(value, 4)}`;
  }

  describe(cell, step) {
    const position = this.sum.position;
    position.textContent = `row ${cell.row}, column ${cell.col}`;
    Object.assign(position.dataset, { row: cell.row, col: cell.col, channel: this.channel, pinned: Boolean(this.pin) });
    const keras = this.playing || (this.hover && this.hover.stage !== "input") ? null : this.sent.keras;
    const same = keras && this.pin && ["stage", "channel", "row", "col"].every((name) => keras[name] === this.pin[name]);
    const ours = same && this.pin.stage === "pooling" ? this.pool.values[this.pin.row * this.pool.cols + this.pin.col] : step.output;
    const most = Math.max(Math.abs(this.scale.low), Math.abs(this.scale.high));
    this.sum.compare(same ? keras.value : null, ours, most);
    if (this.playing) return;
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      const sentence = `Row ${cell.row}, column ${cell.col}: ${step.taps.length} products add up to ${shown(step.sum, 2)}. `
        + `Output ${shown(step.output, 2)}.`;
      if (this.live.textContent !== sentence) this.live.textContent = sentence;
    }, 400);
  }
}

/** Thin lines from the patch to its products, and from the sum to the output cell, where the panels stand side by side. */
function drawThreads(inspector, cell, step) {
  const { lines, stage, input, output, sum, theme } = inspector;
  const box = stage.getBoundingClientRect();
  const table = sum.table.getBoundingClientRect();
  const [first, last] = [step.taps[0], step.taps[step.taps.length - 1]];
  const patch = input.view.place(first.row, first.col, last.row - first.row + 1, last.col - first.col + 1);
  const target = output.view.place(cell.row, cell.col, 1, 1);
  const paths = [];
  const join = (from, fromRight, to, toLeft) => {
    for (const side of ["top", "bottom"]) paths.push([fromRight, from[side], toLeft, to[side]]);
  };
  if (patch.right < table.left && Math.abs(input.panel.offsetTop - sum.panel.offsetTop) < 40) join(patch, patch.right, table, table.left);
  if (table.right < target.left && Math.abs(output.panel.offsetTop - sum.panel.offsetTop) < 40) join(table, table.right, target, target.left);
  const drawn = paths.map(([x1, y1, x2, y2]) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const ends = { x1: x1 - box.left, y1: y1 - box.top, x2: x2 - box.left, y2: y2 - box.top, stroke: theme.accent };
    for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value);
    return line;
  });
  lines.replaceChildren(...drawn);
}
