// Slides the window over the map by itself: a button, a clock, and the place that it has come to.

const UNIT_SHORTEST = 3000; // ms for a whole map
const UNIT_LONGEST = 8000;
const UNIT_CALM = { steps: 12, pause: 900 }; // for people who asked for less motion: few steps, long pauses

class UnitPlayer {
  /** `show(index)` is called with the cell that the window has come to, `show(null)` when it is over. */
  constructor(pen, cells, show) {
    Object.assign(this, { pen, cells, show, at: null, running: false });
    this.calm = prefersCalm();
    this.length = unitClip(cells * 160, UNIT_SHORTEST, UNIT_LONGEST);
  }

  button(x, y) {
    const { pen } = this;
    this.icon = pen.path("", { fill: pen.ink, stroke: "none", "pointer-events": "none" });
    this.word = pen.text(x + 31, y + 15.5, "Play", { size: 12 });
    const back = pen.rect(x + 0.5, y, 70, 23, { rx: 7, fill: pen.theme.paper, stroke: pen.line });
    this.corner = { x: x + 14, y: y + 6.5 };
    const group = unitNode("g", { "data-testid": "unit-play", "data-live": "" }, back, this.icon, this.word);
    this.root = pen.press(group, back, "Play", () => this.toggle());
    this.dress();
    return this.root;
  }

  dress() {
    const { x, y } = this.corner;
    this.word.textContent = this.running ? "Pause" : "Play";
    const bars = `M${x},${y} h3.2 v10 h-3.2 Z M${x + 6},${y} h3.2 v10 h-3.2 Z`;
    this.icon.setAttribute("d", this.running ? bars : `M${x},${y - 0.5} l9,5.5 l-9,5.5 Z`);
    this.root.setAttribute("aria-label", this.running ? "Pause" : "Play: slide the window over the map");
    this.root.setAttribute("aria-pressed", this.running);
  }

  toggle() {
    if (this.running) {
      this.halt();
      return;
    }
    this.running = true;
    this.dress();
    if (this.at === null) this.go(0);
    this.calm ? this.tick() : this.run();
  }

  /** Plays on from a cell, as another map takes the place of the one that was played. */
  goOn(index) {
    if (index >= this.cells) return;
    this.go(index);
    this.toggle();
  }

  go(index) {
    this.at = index;
    this.show(index);
  }

  run() {
    let started = null;
    const from = this.at;
    const frame = (time) => {
      started = started ?? time;
      const index = from + Math.floor(((time - started) / this.length) * this.cells);
      if (index >= this.cells) {
        this.stop();
        return;
      }
      if (index !== this.at) this.go(index);
      this.frame = requestAnimationFrame(frame);
    };
    this.frame = requestAnimationFrame(frame);
  }

  tick() {
    const step = Math.max(1, Math.ceil(this.cells / UNIT_CALM.steps));
    this.timer = setTimeout(() => {
      if (this.at + step >= this.cells) {
        this.stop();
        return;
      }
      this.go(this.at + step);
      this.tick();
    }, UNIT_CALM.pause);
  }

  /** Stays where it is; Play goes on from there. */
  halt() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.running = false;
    this.dress();
  }

  /** Goes back to the beginning and shows the whole map again. */
  stop() {
    const was = this.at !== null;
    this.halt();
    this.at = null;
    if (was) this.show(null);
  }
}
