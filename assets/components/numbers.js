// "An image is numbers": the picture, and beside it a window onto its values that follows the pixel pointed at.

const PICTURE_HEIGHT = 340;
const PICTURE_CELL = 34;

class Numbers {
  constructor(host) {
    this.host = host;
    this.generation = 0;
    this.channel = 0;
    this.at = null;
    this.corner = { row: 0, col: 0 };
    this.shape = "";
    this.build();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.root);
  }

  build() {
    this.picture = gridPanel("picture", "The picture", "Picture: arrow keys move the pixel looked at", true);
    this.picture.panel.querySelector(".bar").remove();
    this.table = element("table", { class: "matrix", tabindex: 0, "data-testid": "matrix", "aria-label": "Pixel values" });
    this.heading = element("h4", {}, "Its numbers");
    this.window = element("span", { class: "size", "data-testid": "window" });
    this.channels = element("div", { class: "channels" });
    this.readout = element("p", { class: "detail", "aria-live": "polite", "data-testid": "pixel" });
    const header = element("header", {}, this.heading, this.window);
    this.matrix = element("section", { class: "panel matrix" }, header, element("div", { class: "frame" }, this.table), this.readout);
    const hint = element("p", { class: "hint" }, "Point at a pixel or at a number: they are the same thing. 0 is dark, 255 is bright.");
    const toolbar = element("div", { class: "toolbar" }, this.channels, hint);
    this.root = element("div", { class: "explorer numbers" }, toolbar, element("div", { class: "stage" }, this.picture.panel, this.matrix));
    this.host.append(this.root);
    const { canvas, view } = this.picture;
    const follow = (event) => {
      if (event.pointerType !== "mouse" && !event.buttons && event.type === "pointermove") return;
      if (event.type === "pointerdown" && event.pointerType !== "mouse") canvas.setPointerCapture(event.pointerId);
      const at = view.cellAt(event, event.pointerType !== "mouse");
      if (at) this.look(at, true);
    };
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", follow);
    for (const target of [canvas, this.table]) {
      target.addEventListener("keydown", (event) => {
        const to = keyMove(event, this.at, this.grid.rows, this.grid.cols);
        if (!to) return;
        event.preventDefault();
        this.look(to, false);
      });
    }
  }

  update(sent) {
    this.sent = sent;
    const names = sent.channels.map((each) => each.name);
    if (this.channel >= names.length) this.channel = 0;
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      this.channels.replaceChildren(channelSwitch(names, this.channel, (index) => this.choose(index)));
      this.channels.hidden = names.length < 2;
    }
    this.grid = sent.channels[this.channel];
    const fits = this.at && this.at.row < this.grid.rows && this.at.col < this.grid.cols;
    if (!fits) this.at = { row: Math.floor(this.grid.rows / 2), col: Math.floor(this.grid.cols / 2) };
    this.centred = fits;
    this.draw();
  }

  choose(index) {
    this.channel = index;
    this.grid = this.sent.channels[index];
    for (const button of this.channels.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.channel) === index));
    }
    this.draw();
  }

  /** Looks at one pixel. `centre` brings it to the middle of the numbers, else they move no more than they must. */
  look(at, centre) {
    this.at = at;
    this.centred = !centre;
    this.draw();
  }

  /** The first row (or column) of the window onto the numbers, along one axis. */
  cornerAlong(at, count, size, before) {
    const wanted = this.centred ? Math.min(Math.max(before, at - count + 1), at) : at - Math.floor(count / 2);
    return Math.min(Math.max(wanted, 0), size - count);
  }

  draw() {
    if (!this.root.isConnected || !this.root.clientWidth) return;
    const theme = themeOf(this.root);
    const room = this.table.parentElement.clientWidth;
    const rows = Math.min(this.grid.rows, 14);
    const cols = Math.min(this.grid.cols, Math.max(Math.floor(room / 36), 4));
    this.corner = {
      row: this.cornerAlong(this.at.row, rows, this.grid.rows, this.corner.row),
      col: this.cornerAlong(this.at.col, cols, this.grid.cols, this.corner.col),
    };
    this.drawMatrix(rows, cols);
    this.drawPicture(rows, cols, theme);
    this.describe(rows, cols);
  }

  /** The rgb of a pixel: its true colour when red, green and blue are all here, else the grey of the channel. */
  colourAt(row, col) {
    const index = row * this.grid.cols + col;
    const colours = ["r", "g", "b"].map((letter) => this.sent.channels.find((each) => tintOf(each.name) === letter));
    if (colours.every(Boolean)) return colours.map((each) => Math.round(each.values[index]));
    return pixelScale(this.grid.name).colour(this.grid.values[index]);
  }

  drawPicture(rows, cols, theme) {
    const { view, frame } = this.picture;
    view.fit(this.grid, { top: 0, bottom: 0, left: 0, right: 0 }, frame.clientWidth, PICTURE_HEIGHT, PICTURE_CELL);
    paintPlain(view, (row, col) => this.colourAt(row, col));
    if (rows < this.grid.rows || cols < this.grid.cols) view.outline(this.corner.row, this.corner.col, rows, cols, theme, 1, true);
    view.outline(this.at.row, this.at.col, 1, 1, theme, 2);
    this.picture.size.textContent = `${this.grid.rows} × ${this.grid.cols}`;
  }

  drawMatrix(rows, cols) {
    const shape = `${rows}×${cols}`;
    if (shape !== this.shape) {
      this.shape = shape;
      this.cells = [];
      this.table.replaceChildren(...Array.from({ length: rows }, (_, i) => element("tr", {}, ...this.makeRow(i, cols))));
    }
    const scale = pixelScale(this.grid.name);
    for (const { cell, i, j } of this.cells) {
      const [row, col] = [this.corner.row + i, this.corner.col + j];
      const value = this.grid.values[row * this.grid.cols + col];
      const rgb = scale.colour(value);
      cell.textContent = shown(value, 0);
      cell.style.backgroundColor = cssColour(rgb);
      cell.style.color = luminance(rgb) > 0.45 ? "#101216" : "#f4f5f7";
      Object.assign(cell.dataset, { row, col, value });
      cell.classList.toggle("lit", row === this.at.row && col === this.at.col);
    }
  }

  makeRow(i, cols) {
    return Array.from({ length: cols }, (_, j) => {
      const cell = element("td");
      const look = () => this.look({ row: this.corner.row + i, col: this.corner.col + j }, false);
      cell.addEventListener("pointerenter", look);
      this.cells.push({ cell, i, j });
      return cell;
    });
  }

  describe(rows, cols) {
    const { row, col } = this.at;
    const all = rows === this.grid.rows && cols === this.grid.cols;
    this.heading.textContent = this.sent.channels.length > 1 ? `Its numbers: ${this.grid.name}` : "Its numbers";
    this.window.textContent = all
      ? `${rows} × ${cols}`
      : `rows ${this.corner.row}–${this.corner.row + rows - 1}, columns ${this.corner.col}–${this.corner.col + cols - 1}`;
    const index = row * this.grid.cols + col;
    const values = this.sent.channels.map((each) => `${each.name} ${shown(each.values[index], 1)}`).join(", ");
    this.readout.textContent = `Row ${row}, column ${col}: ${values}`;
    Object.assign(this.readout.dataset, { row, col, value: this.grid.values[index] });
  }

  close() {
    this.observer.disconnect();
    this.root.remove();
  }
}

/** Paints a picture without numbers in its cells and without gaps between them. */
function paintPlain(view, colourAt) {
  view.clear();
  const context = view.pen();
  const { rows, cols } = view.shape;
  for (let row = 0; row < rows; row += 1) {
    for (let col = 0; col < cols; col += 1) {
      context.fillStyle = cssColour(colourAt(row, col));
      context.fillRect(col * view.cell, row * view.cell, view.cell + 1, view.cell + 1);
    }
  }
}

const mounted = new WeakMap();

export default function showNumbers({ parentElement, data }) {
  const numbers = mounted.get(parentElement) || new Numbers(parentElement);
  mounted.set(parentElement, numbers);
  numbers.update(data);
  numbers.generation += 1;
  const { generation } = numbers;
  // Streamlit also calls this for a run that a later one overtook: only the latest may close the view.
  return () => setTimeout(() => {
    if (numbers.generation !== generation) return;
    numbers.close();
    mounted.delete(parentElement);
  });
}
