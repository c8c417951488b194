// One channel of a network unfolded into the very sums that made it: one SVG, drawn with attributes, that can be saved.

// From these widths on down everything stands one below the other.
const UNIT_NARROW = { dense: 600, convolution: 500, others: 380 };

class UnitView {
  constructor() {
    this.root = unitNode("svg", { xmlns: UNIT_SVG, role: "group", "data-testid": "unit", style: "display: block; user-select: none" });
    this.live = unitNode("text", { "font-size": 1, fill: "none", role: "status", "aria-live": "polite" });
    this.drawn = null;
    this.byMap = true;
    this.seen = { cell: null, chosen: 0, pinned: false };
  }

  /** Draws a channel; the place that was looked at, its pin and the chosen input stay while it is the same channel. */
  update(unit, { width, theme, notes, vertical }) {
    const font = this.root.isConnected ? getComputedStyle(this.root.parentNode).fontFamily : "sans-serif";
    const room = { width: Math.floor(width), notes: Boolean(notes), vertical: Boolean(vertical) || width < (UNIT_NARROW[unit.form] || UNIT_NARROW.others) };
    const look = JSON.stringify([room, theme, font, unit.name, unit.path, unit.channel, unit.softmax]);
    const key = [look, unit.result, unit.total, ...unit.sources.map(({ values }) => values)];
    if (this.drawn && key.length === this.drawn.length && key.every((part, k) => part === this.drawn[k])) return;
    const same = this.drawn !== null && this.unit.path === unit.path && this.unit.channel === unit.channel;
    this.drawn = key;
    this.unit = unit;
    const playing = same && this.player && this.player.running ? this.player.at : null;
    if (this.player) this.player.stop();
    this.numbers = new UnitNumbers(unit);
    const { rows, cols } = this.numbers;
    const inside = same && this.at.row < rows && this.at.col < cols;
    if (!inside) [this.at, this.pinned] = [{ row: unitClip(unit.at[0], 0, rows - 1), col: unitClip(unit.at[1], 0, cols - 1) }, false];
    if (!same || this.chosen >= unit.sources.length) this.chosen = 0;
    if (!same) this.seen = { cell: null, chosen: 0, pinned: false };
    this.draw(new UnitPen(theme, font), room);
    if (playing !== null && this.player) this.player.goOn(playing);
  }

  draw(pen, room) {
    const { numbers, root } = this;
    const slides = numbers.cells > 1 && ["convolution", "max", "mean"].includes(numbers.form);
    this.player = slides ? new UnitPlayer(pen, numbers.cells, (index) => this.play(index)) : null;
    const hands = { player: this.player, choose: (index) => this.choose(index) };
    if (numbers.form === "other") this.picture = new UnitAlone(pen, numbers, room);
    else if (numbers.form === "dense") this.picture = new UnitDense(pen, numbers, room, this.told(pen, room));
    else this.picture = new UnitMaps(pen, numbers, room, hands);
    const height = Math.ceil(this.picture.bottom);
    root.replaceChildren(pen.definitions(), this.picture.root, this.live);
    const size = { width: room.width, height, viewBox: `0 0 ${room.width} ${height}`, "font-family": pen.font, "data-form": numbers.form };
    unitSet(root, { ...size, "data-path": this.unit.path, "data-channel": this.unit.channel });
    for (const tile of this.picture.outputs) this.listen(tile);
    this.look();
  }

  /** Whether a dense layer's sum is told by maps or by single numbers, and how to change that. */
  told(pen, room) {
    const show = (byMap) => {
      this.byMap = byMap;
      this.draw(pen, room);
      this.root.querySelector(`[data-testid=unit-by-${byMap ? "maps" : "numbers"}]`).focus({ preventScroll: true });
    };
    const say = (words) => this.say(words, 400);
    return { byMap: this.byMap, show, seen: this.seen, say };
  }

  listen(tile) {
    if (this.numbers.cells === 1) return;
    tile.hit.setAttribute("style", "cursor: crosshair; touch-action: none");
    tile.hit.setAttribute("data-testid", "unit-map");
    tile.hit.addEventListener("pointermove", (event) => {
      if (this.player && this.player.running) return;
      const touched = event.pointerType !== "mouse";
      if (this.pinned && !(touched && event.buttons)) return;
      this.lookAt(tile.cellUnder(event), this.pinned);
    });
    tile.hit.addEventListener("click", (event) => {
      event.stopPropagation();
      const to = tile.cellUnder(event);
      const again = this.pinned && to.row === this.at.row && to.col === this.at.col;
      this.lookAt(to, !again);
    });
  }

  lookAt(at, pinned) {
    if (this.player) this.player.stop();
    if (at.row === this.at.row && at.col === this.at.col && pinned === this.pinned) return;
    this.at = at;
    this.pinned = pinned;
    this.look();
  }

  choose(index) {
    if (index === this.chosen) return;
    this.chosen = index;
    if (this.player && this.player.at !== null) this.play(this.player.at);
    else this.look();
  }

  /** Shows the place that Play has come to, and hides what is not computed yet; null: the place of before. */
  play(index) {
    if (index === null) {
      this.look();
      return;
    }
    const { cols } = this.numbers;
    this.show({ row: Math.floor(index / cols), col: index % cols }, index);
  }

  look() {
    this.show(this.at, null);
    this.picture.advise?.(this.pinned ? "pinned; click it again to free it" : "point at a map, click to pin");
    this.tell();
  }

  show({ row, col }, covered) {
    this.now = this.numbers.at(row, col);
    this.picture.look(this.now, this.chosen, covered);
    unitSet(this.root, { "data-row": row, "data-col": col, "data-pinned": this.pinned, "data-playing": covered !== null });
  }

  /** The sum in words, once the eye has come to rest. */
  tell() {
    const words = unitInWords(this.numbers, this.now);
    const wait = this.root.hasAttribute("aria-label") ? 400 : 0;
    this.say(words, wait, () => this.root.setAttribute("aria-label", words));
  }

  /** Speaks, after so many milliseconds in which nothing else is to be said. */
  say(words, wait, also = () => {}) {
    clearTimeout(this.telling);
    const speak = () => {
      also();
      this.live.textContent = words;
    };
    if (wait) this.telling = setTimeout(speak, wait);
    else speak();
  }

  /** Whether a key was of use: arrows look elsewhere, Space plays. */
  onKey(event) {
    if (!this.drawn) return false;
    const { rows, cols, cells } = this.numbers;
    if (event.key === " " && this.player && !event.ctrlKey && !event.metaKey && !event.altKey) {
      this.player.toggle();
      return true;
    }
    if (this.picture.onKey?.(event)) return true;
    const from = this.player && this.player.at !== null ? this.now : this.at;
    const to = cells > 1 ? keyMove(event, from, rows, cols) : null;
    if (!to) return false;
    this.lookAt(to, this.pinned);
    return true;
  }

  close() {
    clearTimeout(this.telling);
    if (this.player) this.player.stop();
    this.root.remove();
  }
}

/** What the drawing says, as a sentence. */
function unitInWords(numbers, now) {
  const { unit, cells, form, steps } = numbers;
  const where = cells > 1 ? ` at row ${now.row}, column ${now.col}` : "";
  const whose = `${unit.name} of ${unit.path}${where}`;
  if (form === "other") return `${whose}: ${unitShort(now.keras)}.`;
  const many = numbers.sources.length + unit.others;
  const inputs = many === 1 ? "1 input" : `${many.toLocaleString("en")} inputs`;
  const bias = numbers.bias ? ` and the bias ${unitShort(numbers.bias)}` : "";
  const made = {
    convolution: `${inputs}${bias} add up to`, dense: `${inputs}${bias} add up to`, sum: `${inputs} add up to`,
    product: `${inputs} multiply to`, maximum: `the largest of ${inputs} is`, minimum: `the smallest of ${inputs} is`,
    max: "the largest value of the window is", mean: "the mean of the window is",
  }[form] || "the value is";
  const after = now.steps.map(({ value }, k) => `, after ${unitStepName(steps[k])} ${unitShort(value)}`).join("");
  return `${whose}: ${made} ${unitShort(now.total)}${after}. Keras: ${unitShort(now.keras)}.`;
}
