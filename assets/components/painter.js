// A picture under a grid of cells that are painted over by dragging. Python is told when a stroke ends.

const SMOOTH_FROM = 100;
const HATCH_PITCH = 6;

const cellKey = (row, col) => `${row},${col}`;

/** The cells on the straight way from one to another, both included, so that a quick stroke has no gaps. */
function cellsBetween(from, to) {
  const steps = Math.max(Math.abs(to.row - from.row), Math.abs(to.col - from.col));
  return Array.from({ length: steps + 1 }, (_, k) => {
    const share = steps ? k / steps : 0;
    return { row: Math.round(from.row + share * (to.row - from.row)), col: Math.round(from.col + share * (to.col - from.col)) };
  });
}

class Painter {
  constructor(host) {
    this.painted = new Set();
    this.underWay = [];
    this.at = { row: 0, col: 0 };
    this.picture = element("img", { alt: "", draggable: "false" });
    this.canvas = element("canvas", { tabindex: 0, role: "application", "data-testid": "painter" });
    this.frame = element("div", { class: "easel" }, this.picture, this.canvas);
    this.count = element("span", { class: "count", "aria-live": "polite", "data-testid": "painted" });
    this.clear = element("button", { type: "button" }, "Clear");
    this.hint = element("p", { class: "caption" }, "Drag to cover; drag from a covered cell to uncover. Arrow keys move, Space covers.");
    this.root = element("div", { class: "explorer painter" }, this.frame, element("div", { class: "toolbar" }, this.count, this.clear), this.hint);
    host.append(this.root);
    this.listen();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.start(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.end(event));
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("focus", () => this.show());
    canvas.addEventListener("blur", () => this.show());
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.clear.addEventListener("click", () => {
      this.painted.clear();
      this.tell();
      canvas.focus({ preventScroll: true });
    });
  }

  /** A stroke covers, or uncovers when its first cell was covered. */
  start(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const cell = this.cellUnder(event);
    this.stroke = { pointer: event.pointerId, last: cell, covers: !this.painted.has(cellKey(cell.row, cell.col)) };
    this.canvas.setPointerCapture(event.pointerId);
    this.paint([cell]);
  }

  move(event) {
    if (!this.stroke) {
      if (event.pointerType === "mouse") this.hover(this.cellUnder(event));
      return;
    }
    if (event.pointerId !== this.stroke.pointer) return;
    const points = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const point of points.length ? points : [event]) {
      const cell = this.cellUnder(point);
      this.paint(cellsBetween(this.stroke.last, cell));
      this.stroke.last = cell;
    }
  }

  end(event) {
    if (!this.stroke || event.pointerId !== this.stroke.pointer) return;
    this.stroke = null;
    this.hover(event.pointerType === "mouse" ? this.cellUnder(event) : null);
    this.tell();
  }

  paint(cells) {
    for (const cell of cells) {
      if (!this.has(cell)) continue;
      const key = cellKey(cell.row, cell.col);
      if (this.stroke.covers) this.painted.add(key);
      else this.painted.delete(key);
      this.at = cell;
    }
    this.show();
  }

  onKey(event) {
    const { rows, cols } = this.sent;
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      const key = cellKey(this.at.row, this.at.col);
      if (!this.painted.delete(key)) this.painted.add(key);
      this.tell();
      return;
    }
    const to = keyMove(event, this.at, rows, cols);
    if (!to) return;
    event.preventDefault();
    this.at = to;
    this.show();
  }

  hover(cell) {
    const near = cell && this.has(cell) ? cell : null;
    if (near === this.near || (near && this.near && near.row === this.near.row && near.col === this.near.col)) return;
    this.near = near;
    this.draw();
  }

  has({ row, col }) {
    return row >= 0 && row < this.sent.rows && col >= 0 && col < this.sent.cols;
  }

  /** The cell under a pointer; beyond the picture the grid goes on, so that strokes leave it where they should. */
  cellUnder(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      row: Math.floor(((event.clientY - box.top) / box.height) * this.sent.rows),
      col: Math.floor(((event.clientX - box.left) / box.width) * this.sent.cols),
    };
  }

  update(sent, pick) {
    this.pick = pick;
    const before = this.sent;
    const other = !before || before.picture !== sent.picture || before.rows !== sent.rows || before.cols !== sent.cols;
    this.sent = sent;
    if (other) this.look();
    this.follow(sent.painted, other);
    this.show();
  }

  look() {
    const { picture, width, height, alt, rows, cols } = this.sent;
    this.picture.src = picture;
    this.picture.style.imageRendering = Math.max(width, height) < SMOOTH_FROM ? "pixelated" : "auto";
    this.root.style.setProperty("--width", width);
    this.root.style.setProperty("--height", height);
    this.picture.alt = alt;
    this.canvas.setAttribute("aria-label", `Paint over ${alt}: ${rows} × ${cols} cells. Arrow keys move, Space covers or uncovers.`);
    this.at = { row: Math.min(this.at.row, rows - 1), col: Math.min(this.at.col, cols - 1) };
    this.near = null;
  }

  /** Takes Python's cells when they are news: neither what it said before, nor what it was told by a stroke of ours. */
  follow(cells, other) {
    const said = cells.map(([row, col]) => cellKey(row, col)).join(" ");
    const echo = this.underWay.lastIndexOf(said);
    if (echo >= 0 && !other) this.underWay.splice(0, echo + 1);
    else if (said !== this.said || other) {
      this.underWay = [];
      this.painted = new Set(said ? said.split(" ") : []);
    }
    this.said = said;
  }

  /** The painted cells in reading order, as Python sorts them. */
  cells() {
    return [...this.painted].map((key) => key.split(",").map(Number)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  tell() {
    const cells = this.cells();
    this.underWay.push(cells.map(([row, col]) => cellKey(row, col)).join(" "));
    this.show();
    this.pick({ cells });
  }

  show() {
    const { rows, cols } = this.sent;
    const count = this.painted.size;
    const here = this.canvas.matches(":focus-visible") ? `row ${this.at.row}, column ${this.at.col} · ` : "";
    this.count.textContent = `${here}${count} of ${rows * cols} cells covered`;
    this.canvas.dataset.painted = this.cells().map(([row, col]) => cellKey(row, col)).join(" ");
    this.clear.disabled = count === 0;
    this.draw();
  }

  draw() {
    if (!this.sent || !this.canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((side) => Math.round(side * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    this.cover(context, ratio);
    this.rule(context, ratio);
    if (this.near && !this.stroke) this.outline(context, this.near, ratio);
    if (this.canvas.matches(":focus-visible")) this.outline(context, this.at, ratio);
  }

  /** Left, top, width and height of a cell, in device pixels, without gaps between neighbours. */
  box({ row, col }) {
    const { rows, cols } = this.sent;
    const [left, right] = [col, col + 1].map((k) => Math.round((k * this.canvas.width) / cols));
    const [top, bottom] = [row, row + 1].map((k) => Math.round((k * this.canvas.height) / rows));
    return [left, top, right - left, bottom - top];
  }

  /** Mid-grey with a quiet hatch that runs on from cell to cell. */
  cover(context, ratio) {
    const { width, height } = this.canvas;
    const area = new Path2D();
    for (const [row, col] of this.cells()) area.rect(...this.box({ row, col }));
    context.save();
    context.clip(area);
    context.fillStyle = "rgb(128, 128, 128)";
    context.fillRect(0, 0, width, height);
    context.beginPath();
    for (let x = -height; x < width; x += HATCH_PITCH * ratio) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.strokeStyle = "rgba(255, 255, 255, 0.28)";
    context.lineWidth = ratio;
    context.stroke();
    context.restore();
  }

  /** The grid: a bright line beside a dark one is seen on any picture. */
  rule(context, ratio) {
    const { rows, cols } = this.sent;
    const { width, height } = this.canvas;
    for (const [colour, shift] of [["rgba(255, 255, 255, 0.26)", 0], ["rgba(0, 0, 0, 0.2)", Math.round(ratio)]]) {
      context.fillStyle = colour;
      for (let k = 1; k < cols; k += 1) context.fillRect(Math.round((k * width) / cols) - Math.round(ratio) + shift, 0, Math.round(ratio), height);
      for (let k = 1; k < rows; k += 1) context.fillRect(0, Math.round((k * height) / rows) - Math.round(ratio) + shift, width, Math.round(ratio));
    }
  }

  outline(context, cell, ratio) {
    const theme = themeOf(this.root);
    const [left, top, width, height] = this.box(cell);
    for (const [colour, thick] of [[theme.paper, 4], [theme.accent, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick * ratio;
      context.strokeRect(left + ratio, top + ratio, width - 2 * ratio, height - 2 * ratio);
    }
  }

  close() {
    this.observer.disconnect();
    this.root.remove();
  }
}

export default keepMounted(Painter);
