// The channels of one layer as a grid: point to see a map larger, click to pick it.

const NARROWEST_TILE = 56;
const TILE_GAP = 6;

class ChannelGrid {
  constructor(host) {
    this.cells = [];
    this.columns = 0;
    this.at = 0;
    this.mosaic = new Mosaic();
    this.grid = element("div", { class: "channel-grid", role: "grid", "data-testid": "channel-grid" });
    this.readout = element("p", { class: "detail", "data-testid": "channel-label" });
    this.root = element("div", { class: "explorer maps" }, this.grid, this.readout);
    this.peek = new Peek(this.root);
    host.append(this.root);
    this.listen();
    this.observer = new ResizeObserver(() => this.layOut());
    this.observer.observe(this.root);
  }

  listen() {
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    this.grid.addEventListener("focusin", (event) => this.onFocus(event));
    this.grid.addEventListener("focusout", () => this.pointAt(null));
    this.grid.addEventListener("pointerleave", () => this.pointAt(null));
    this.grid.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse") this.pointAt(this.indexOf(event));
    });
    this.grid.addEventListener("click", (event) => {
      const index = this.indexOf(event);
      if (index === null) return;
      this.cells[index].focus();
      this.choose(this.sent.channels[index]);
    });
  }

  /** The index of the map under an event, or null between maps. */
  indexOf(event) {
    const index = this.cells.indexOf(event.target.closest("[role=gridcell]"));
    return index < 0 ? null : index;
  }

  /** The map that has the focus is where arrows start from and where Tab comes back to. */
  onFocus(event) {
    this.cells[this.at].tabIndex = -1;
    this.at = this.indexOf(event);
    event.target.tabIndex = 0;
    if (event.target.matches(":focus-visible")) this.pointAt(this.at);
  }

  onKey(event) {
    const { channels } = this.sent;
    if (event.key === "Escape") return this.choose(null);
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.choose(channels[this.at]);
    }
    const at = { row: Math.floor(this.at / this.columns), col: this.at % this.columns };
    const to = keyMove(event, at, Math.ceil(channels.length / this.columns), this.columns);
    if (!to) return undefined;
    event.preventDefault();
    return this.cells[Math.min(to.row * this.columns + to.col, channels.length - 1)].focus();
  }

  update(sent, pick) {
    const before = this.sent;
    this.sent = sent;
    this.pick = pick;
    this.grid.setAttribute("aria-label", sent.alt);
    if (!before || String(before.channels) !== String(sent.channels) || before.side !== sent.side) this.build();
    this.cells.forEach((cell, index) => cell.setAttribute("aria-label", sent.labels[index]));
    this.peek.hide();
    this.pointed = null;
    this.mosaic.load(sent.mosaic, (picture) => this.cut(picture));
    this.mark(sent.selected);
    this.layOut();
  }

  build() {
    this.root.style.setProperty("--gap", `${TILE_GAP}px`);
    this.cells = this.sent.channels.map((channel) =>
      element("div", { role: "gridcell", tabindex: -1, "data-channel": channel }, squareCanvas(this.sent.side)),
    );
    this.columns = 0;
    this.at = Math.max(this.sent.channels.indexOf(this.sent.selected), 0);
  }

  cut(picture) {
    const { side, gap, columns } = this.sent;
    this.cells.forEach((cell, index) => {
      const [row, col] = [Math.floor(index / columns), index % columns];
      cutSquare(cell.firstChild, picture, col * (side + gap), row * (side + gap), side);
    });
    const pointed = this.pointed ?? null; // whoever pointed before the picture was there saw an empty square
    if (pointed !== null) this.peek.show(this.cells[pointed], this.cells[pointed].firstChild, this.sent.labels[pointed]);
    this.grid.dataset.drawn = this.mosaic.address.length;
  }

  /** As many maps in a row as in the mosaic, or fewer where they would get too narrow; rows equally full. */
  layOut() {
    const width = this.grid.clientWidth;
    const count = this.cells.length;
    if (!width || !count) return;
    const room = Math.max(Math.floor((width + TILE_GAP) / (NARROWEST_TILE + TILE_GAP)), 1);
    const rows = Math.ceil(count / Math.min(room, this.sent.columns));
    const columns = Math.ceil(count / rows);
    const tile = Math.min((width + TILE_GAP) / columns - TILE_GAP, this.sent.widest);
    this.grid.style.setProperty("--tile", `${Math.floor(tile)}px`);
    for (const cell of this.cells) fitSquare(cell.firstChild, tile);
    if (columns !== this.columns) this.arrange(columns);
  }

  arrange(columns) {
    const focused = this.cells.find((cell) => cell.matches(":focus"));
    this.columns = columns;
    const rows = [];
    for (let first = 0; first < this.cells.length; first += columns) {
      rows.push(element("div", { role: "row" }, ...this.cells.slice(first, first + columns)));
    }
    this.grid.replaceChildren(...rows);
    this.cells[this.at].tabIndex = 0;
    if (focused) focused.focus({ preventScroll: true });
  }

  choose(channel) {
    if (channel === null) this.pointAt(null);
    this.mark(channel);
    this.pick({ channel });
  }

  mark(channel) {
    this.selected = this.sent.channels.indexOf(channel);
    this.cells.forEach((cell, index) => cell.setAttribute("aria-selected", String(index === this.selected)));
    this.describe();
  }

  pointAt(index) {
    if (index === this.pointed) return;
    this.pointed = index;
    if (index === null) this.peek.hide();
    else this.peek.show(this.cells[index], this.cells[index].firstChild, this.sent.labels[index]);
    this.describe();
  }

  /** One line for the map pointed at, else for the picked one: on a touch screen there is no pointing. */
  describe() {
    const index = this.pointed ?? this.selected;
    const label = this.sent.labels[index];
    this.readout.textContent = label || this.sent.hint;
  }

  close() {
    this.observer.disconnect();
    this.peek.close();
    this.root.remove();
  }
}

export default keepMounted(ChannelGrid);
