// The inspector: which step of the convolution is looked at, and what the person does to change that.

class Inspector extends InspectorDrawing {
  constructor(host, pinned) {
    super(host);
    this.generation = 0;
    this.channel = pinned ? pinned.channel : 0;
    this.pin = pinned;
    this.hover = null;
    this.rest = null;
    this.playing = null;
    this.attach();
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.root);
  }

  attach() {
    this.play.addEventListener("click", () => (this.playing ? this.stop() : this.start()));
    this.unpin.addEventListener("click", () => this.setPin(null));
    this.listen(this.output, "convolution");
    this.listen(this.pooled, "pooling");
    this.listen(this.input, "input");
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.playing) this.stop();
    });
  }

  /** Takes what Python sent at this rerun; the pin, the focus and a running Play stay. */
  update(sent, setStateValue) {
    this.send = setStateValue;
    this.sent = sent;
    if (this.channel >= sent.channels.length) this.channel = 0;
    const names = sent.channels.map((each) => each.name).join("\n");
    if (names !== this.names) {
      this.names = names;
      this.rebuildSwitch();
    }
    this.compute();
  }

  rebuildSwitch() {
    const names = this.sent.channels.map((each) => each.name);
    this.channels.replaceChildren(channelSwitch(names, this.channel, (index) => this.chooseChannel(index)));
    this.channels.hidden = names.length < 2;
  }

  chooseChannel(index) {
    this.channel = index;
    for (const button of this.channels.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.channel) === index));
    }
    this.compute();
  }

  compute() {
    this.grid = this.sent.channels[this.channel];
    this.windows = windowsOver(this.grid, this.sent);
    this.result = convolveGrid(this.grid, this.sent);
    this.pooling = this.result.rows ? this.sent.pooling : null;
    this.pool = this.pooling ? poolGrid(this.result, this.pooling) : { rows: 0, cols: 0, values: [] };
    this.strongest = this.result.rows ? strongestCell(this.result, (row, col) => this.clear(row, col)) : null;
    this.hover = null;
    if (this.pin && !this.fits(this.pin)) this.setPin(null);
    if (this.pin && this.pin.channel !== this.channel) this.setPin({ ...this.pin, channel: this.channel });
    if (this.rest && !this.fits({ stage: "convolution", ...this.rest })) this.rest = null;
    if (this.playing && !this.result.rows) this.stop();
    if (this.playing) this.playing.at %= this.result.values.length;
    this.schedule();
  }

  /** Whether the window of an output cell keeps clear of the padding. */
  clear(row, col) {
    const along = (at, axis, size, taps) => {
      const first = at * this.sent.stride - axis.before;
      return first >= 0 && first + (taps - 1) * this.sent.dilation < size;
    };
    const { kernel } = this.sent;
    return along(row, this.windows.rows, this.grid.rows, kernel.rows) && along(col, this.windows.cols, this.grid.cols, kernel.cols);
  }

  fits({ stage, row, col }) {
    const grid = stage === "pooling" ? this.pool : this.result;
    return row < grid.rows && col < grid.cols;
  }

  // ---- the person ----

  listen(panel, stage) {
    const { canvas, view } = panel;
    let dragged = false;
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" && !event.buttons) return;
      dragged = event.pointerType !== "mouse";
      this.point(stage, view.cellAt(event, dragged));
    });
    canvas.addEventListener("pointerleave", () => this.point(stage, null));
    canvas.addEventListener("pointerdown", (event) => {
      dragged = false;
      if (event.pointerType !== "mouse") canvas.setPointerCapture(event.pointerId);
      this.point(stage, view.cellAt(event));
    });
    canvas.addEventListener("pointerup", (event) => {
      const at = view.cellAt(event, dragged);
      if (stage === "input" || !at || event.button > 0) return;
      if (this.playing) this.stop();
      this.choose(stage, at, dragged);
      if (event.pointerType !== "mouse") this.point(stage, null);
    });
    if (stage !== "input") canvas.addEventListener("keydown", (event) => this.press(event, stage));
  }

  point(stage, at) {
    this.hover = at ? { stage, ...at } : null;
    this.schedule();
  }

  choose(stage, at, keep) {
    const again = this.pin && this.pin.stage === stage && this.pin.row === at.row && this.pin.col === at.col;
    this.setPin(again && !keep ? null : { stage, channel: this.channel, ...at });
  }

  press(event, stage) {
    const grid = stage === "pooling" ? this.pool : this.result;
    const current = stage === "pooling" ? this.pooledCell() : this.cell();
    const at = this.pin && this.pin.stage === stage ? this.pin : current || { row: 0, col: 0 };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(stage, { row: at.row, col: at.col }, false);
      return;
    }
    const to = keyMove(event, at, grid.rows, grid.cols);
    if (!to) return;
    event.preventDefault();
    if (this.playing) this.stop();
    this.hover = null;
    this.setPin({ stage, channel: this.channel, ...to }, 250);
  }

  setPin(pin, delay = 0) {
    if (pin === null && this.pin && this.pin.stage === "convolution") this.rest = { row: this.pin.row, col: this.pin.col };
    this.pin = pin;
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.send("pinned", pin), delay);
    this.schedule();
  }

  start() {
    const from = this.cell();
    if (!from) return;
    this.playing = { at: from.row * this.result.cols + from.col, since: performance.now() };
    this.play.classList.add("on");
    this.play.lastChild.textContent = "Pause";
    this.tick(performance.now());
  }

  stop() {
    this.rest = this.cell();
    this.playing = null;
    this.play.classList.remove("on");
    this.play.lastChild.textContent = "Play";
    this.schedule();
  }

  tick(now) {
    if (!this.playing || !this.root.isConnected) return;
    const period = 1000 / 80 ** (this.speed.value / 100);
    const steps = Math.floor((now - this.playing.since) / period);
    if (steps > 0) {
      this.playing.at = (this.playing.at + Math.min(steps, 3)) % this.result.values.length;
      this.playing.since = now;
      this.draw();
    }
    requestAnimationFrame((later) => this.tick(later));
  }

  // ---- what is looked at ----

  /** The output cell whose sum is shown. */
  cell() {
    if (!this.result.rows) return null;
    if (this.playing) {
      return { row: Math.floor(this.playing.at / this.result.cols), col: this.playing.at % this.result.cols };
    }
    const chosen = this.hover && this.hover.stage !== "input" ? this.hover : this.pin;
    if (!chosen) return this.rest || this.strongest;
    if (chosen.stage === "convolution") return { row: chosen.row, col: chosen.col };
    const { cells, winner } = poolingStep(this.result, this.pooling, chosen.row, chosen.col);
    return winner || cells[0];
  }

  /** The pooled cell that is shown: the one chosen, or the first whose window takes in the shown output cell. */
  pooledCell() {
    if (!this.pool.rows) return null;
    const chosen = this.hover && this.hover.stage !== "input" ? this.hover : this.pin;
    if (!this.playing && chosen && chosen.stage === "pooling") return chosen;
    const { size, stride } = this.pooling;
    const { row, col } = this.cell();
    const at = { row: Math.floor(row / stride), col: Math.floor(col / stride) };
    at.row = Math.min(at.row, this.pool.rows - 1);
    at.col = Math.min(at.col, this.pool.cols - 1);
    return row < at.row * stride + size && col < at.col * stride + size ? at : null;
  }

  close() {
    this.observer.disconnect();
    clearTimeout(this.speaking);
    clearTimeout(this.sending);
    this.playing = null;
    this.root.remove();
  }
}

const mounted = new WeakMap();

export default function inspect({ parentElement, data, setStateValue }) {
  const inspector = mounted.get(parentElement) || new Inspector(parentElement, data.pinned);
  mounted.set(parentElement, inspector);
  inspector.update(data, setStateValue);
  inspector.generation += 1;
  const { generation } = inspector;
  // Streamlit also calls this for a run that a later one overtook: only the latest may close the inspector.
  return () => setTimeout(() => {
    if (inspector.generation !== generation) return;
    inspector.close();
    mounted.delete(parentElement);
  });
}
