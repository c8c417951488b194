// A network from its picture to its classes: a column a stage, threads between them, a click opens what it points at.

const STRIP_TILE = { narrowest: 58, widest: 92 };
const STRIP_GAP = 26;
const BARE_GAP = 12;
const SINGLE_TILE = 1.4;
const BARS_WIDTH = 164;
const STRIP_EDGE = 10;
const WHOLE_STAGE = -1;

class Strip {
  constructor(host) {
    this.columns = [];
    this.at = { row: 0, col: 0 };
    this.base = svgPath("threads-all");
    this.lit = svgPath("threads-lit");
    this.threads = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.threads.setAttribute("class", "threads");
    this.threads.setAttribute("aria-hidden", "true");
    this.threads.append(this.base, this.lit);
    this.track = element("div", { class: "track" });
    this.scroller = element("div", { class: "strip", role: "group", "data-testid": "strip" }, this.track);
    this.frame = element("div", { class: "strip-frame" }, this.scroller, this.scrollButton("back"), this.scrollButton("on"));
    this.root = element("div", { class: "explorer maps" }, this.frame);
    this.peek = new Peek(this.root);
    host.append(this.root);
    this.listen();
    this.observer = new ResizeObserver(() => this.layOut());
    this.observer.observe(this.scroller);
  }

  /** A button for those whose mouse has no sideways wheel; the keyboard needs none. */
  scrollButton(way) {
    const button = element("button", { class: `scroll ${way}`, type: "button", tabindex: -1, "aria-hidden": "true" });
    const step = way === "on" ? 0.75 : -0.75;
    button.addEventListener("click", () => this.scroller.scrollBy({ left: step * this.scroller.clientWidth, behavior: "smooth" }));
    return button;
  }

  listen() {
    this.scroller.addEventListener("scroll", () => this.fade(), { passive: true });
    this.track.addEventListener("keydown", (event) => this.onKey(event));
    this.track.addEventListener("pointerleave", () => this.pointAt(null));
    this.track.addEventListener("focusout", () => this.pointAt(null));
    this.track.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse") this.pointAt(event.target.closest(".tile"));
    });
    this.track.addEventListener("focusin", (event) => {
      this.settle(this.placeOf(event.target));
      if (event.target.matches(".tile:focus-visible")) this.pointAt(event.target);
    });
    this.track.addEventListener("click", (event) => {
      const target = event.target.closest("button");
      if (target) this.choose(target);
    });
  }

  onKey(event) {
    if (event.key === "Escape") return this.choose(null);
    const lanes = this.lanes();
    const to = lanes.length && keyMove(event, this.at, Math.max(...lanes.map((lane) => lane.length)), lanes.length);
    if (!to) return undefined;
    event.preventDefault();
    const lane = lanes[to.col];
    const target = lane[Math.min(to.row, lane.length - 1)];
    target.focus({ preventScroll: true });
    this.reveal(target);
    return target.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "smooth" });
  }

  /** What the keyboard reaches, column by column: the head, then the squares. */
  lanes() {
    return this.columns.map((column) => column.buttons).filter((buttons) => buttons.length);
  }

  target() {
    return this.lanes()[this.at.col][this.at.row];
  }

  /** Makes a place the one that Tab leads to. */
  settle({ row, col }) {
    const lanes = this.lanes();
    if (!lanes.length) return;
    const lane = Math.min(col, lanes.length - 1);
    this.at = { row: Math.min(row, lanes[lane].length - 1), col: lane };
    for (const button of lanes.flat()) button.tabIndex = -1;
    this.target().tabIndex = 0;
  }

  update(sent, pick) {
    this.pick = pick;
    const theme = themeOf(this.root);
    this.root.style.colorScheme = theme.dark ? "dark" : "light";
    const drawn = JSON.stringify([theme.dark, sent.stages]);
    this.scroller.setAttribute("aria-label", sent.alt);
    this.threaded = sent.threads;
    const moved = String(sent.selected) !== String(this.selected);
    this.selected = sent.selected;
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.build(sent.stages, theme);
    }
    this.mark();
    this.layOut();
    if (moved) this.reveal(this.marked);
  }

  build(stages, theme) {
    const focused = this.track.querySelector(":focus") !== null;
    this.pointAt(null);
    this.columns = stages.map((stage) => makeColumn(stage, theme));
    this.track.replaceChildren(this.threads, ...this.columns.map((column) => column.section));
    this.settle(this.at);
    if (focused) this.target().focus({ preventScroll: true });
  }

  /** Squares as large as the width allows, all columns of maps alike. */
  layOut() {
    const width = this.scroller.clientWidth;
    if (!width || !this.columns.length) return;
    const bars = this.columns.filter((column) => column.bars.length).length;
    const maps = this.columns.filter((column) => column.tiles.length);
    const units = maps.reduce((sum, column) => sum + (column.tiles.length === 1 ? SINGLE_TILE : 1), 0);
    const gap = this.threaded ? STRIP_GAP : BARE_GAP;
    const free = width - bars * BARS_WIDTH - 2 * STRIP_EDGE - (this.columns.length - 1) * gap;
    const tile = Math.floor(Math.min(Math.max(free / (units || 1), STRIP_TILE.narrowest), STRIP_TILE.widest));
    this.track.style.setProperty("--tile", `${tile}px`);
    this.track.style.setProperty("--edge", `${STRIP_EDGE}px`);
    this.track.style.setProperty("--gap", `${gap}px`);
    this.track.style.setProperty("--bars", `${BARS_WIDTH}px`);
    for (const { tiles, section } of maps) {
      const side = tiles.length === 1 ? Math.round(SINGLE_TILE * tile) : tile;
      section.style.setProperty("--side", `${side}px`);
      for (const each of tiles) fitSquare(each.firstChild, side);
    }
    this.base.setAttribute("d", this.threadsOf(() => true));
    this.light();
    this.fade();
  }

  /** The threads between neighbouring columns of which `keep(left, right)` holds, as the commands of one path. */
  threadsOf(keep) {
    if (!this.threaded) return "";
    const origin = this.track.getBoundingClientRect();
    const nodes = this.columns.map((column) => [...column.tiles, ...column.bars].map((node) => ({ node, box: node.getBoundingClientRect() })));
    const drawn = [];
    for (let k = 0; k + 1 < nodes.length; k += 1) {
      for (const left of nodes[k]) {
        for (const right of nodes[k + 1]) {
          if (keep(left.node, right.node)) drawn.push(thread(left.box, right.box, origin));
        }
      }
    }
    return drawn.join("");
  }

  /** Lights the threads into and out of the square that is pointed at, or else picked. */
  light() {
    const node = this.pointed || this.marked;
    const tile = node && node.matches(".tile") ? node : null;
    this.lit.setAttribute("d", tile ? this.threadsOf((left, right) => left === tile || right === tile) : "");
  }

  /** Fades an edge beyond which there is more. */
  fade() {
    const { scrollLeft, scrollWidth, clientWidth } = this.scroller;
    this.frame.classList.toggle("more-back", scrollLeft > 2);
    this.frame.classList.toggle("more-on", scrollLeft + clientWidth < scrollWidth - 2);
  }

  /** Scrolls the strip, and nothing else, until a square or head is in sight. */
  reveal(target) {
    if (!target) return;
    const [box, frame] = [target.getBoundingClientRect(), this.scroller.getBoundingClientRect()];
    const margin = 48;
    const left = Math.min(box.left - margin - frame.left, 0) || Math.max(box.right + margin - frame.right, 0);
    if (left) this.scroller.scrollBy({ left, behavior: "smooth" });
  }

  choose(target) {
    const place = target ? [target.dataset.path, Number(target.dataset.channel)] : null;
    this.selected = place;
    if (!target) this.pointAt(null);
    this.mark();
    this.light();
    this.pick(place ? { path: place[0], channel: place[1] } : { path: null });
  }

  placeOf(target) {
    const lanes = this.lanes();
    const col = lanes.findIndex((lane) => lane.includes(target));
    return { row: lanes[col].indexOf(target), col };
  }

  mark() {
    const [path, channel] = this.selected || [];
    this.marked = null;
    for (const { section, buttons } of this.columns) {
      section.classList.toggle("here", section.dataset.path === path);
      for (const button of buttons) {
        const chosen = button.dataset.path === path && Number(button.dataset.channel) === channel;
        button.setAttribute("aria-pressed", String(chosen));
        if (chosen) this.marked = button;
      }
    }
  }

  pointAt(tile) {
    if (tile === this.pointed) return;
    this.pointed = tile;
    if (tile) this.peek.show(tile, tile.firstChild, tile.dataset.label);
    else this.peek.hide();
    this.light();
  }

  close() {
    this.observer.disconnect();
    this.peek.close();
    this.root.remove();
  }
}

function svgPath(name) {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("class", name);
  return path;
}

/** A curve from the right edge of one box to the left edge of another, level at both ends. */
function thread(left, right, origin) {
  const [x1, x2] = [left.right + 2 - origin.left, right.left - 2 - origin.left];
  const [y1, y2] = [left, right].map((box) => (box.top + box.bottom) / 2 - origin.top);
  const middle = (x1 + x2) / 2;
  const numbers = [x1, y1, middle, y1, middle, y2, x2, y2].map((v) => v.toFixed(1));
  return `M${numbers[0]} ${numbers[1]}C${numbers.slice(2).join(" ")}`;
}

/** One column: {section, tiles, bars, buttons}; `buttons` are what can be picked, the head first. */
function makeColumn(stage, theme) {
  const tiles = stage.channels.map((channel, index) => makeTile(stage, channel, stage.labels[index]));
  const bars = stage.bars.map(([name, probability]) => makeBar(name, probability));
  const head = element(
    stage.opens ? "button" : "div",
    { class: "head", title: [stage.title, stage.shape, stage.parameters].join("\n").trim(), "data-path": stage.path, "data-channel": WHOLE_STAGE },
    element("strong", {}, stage.title),
    element("span", {}, stage.shape),
    element("span", {}, stage.parameters),
  );
  const body = element("div", { class: bars.length ? "body bars" : "body" }, ...tiles, ...bars);
  const section = element("section", { class: "column", role: "group", "aria-label": stage.title, "data-path": stage.path }, head, body, makeFoot(stage, theme));
  if (stage.tiles) {
    new Mosaic().load(stage.tiles, (picture) => {
      tiles.forEach((tile, index) => cutSquare(tile.firstChild, picture, 0, index * stage.side, stage.side));
      section.dataset.drawn = tiles.length;
    });
  }
  return { section, tiles, bars, buttons: stage.opens ? [head, ...tiles] : [] };
}

function makeTile(stage, channel, label) {
  const named = `${stage.title}, ${label}`;
  const place = { class: "tile", "data-path": stage.path, "data-channel": channel, "data-label": label, "aria-label": named };
  return stage.opens ? element("button", place, squareCanvas(stage.side)) : element("div", { ...place, role: "img" }, squareCanvas(stage.side));
}

function makeBar(name, probability) {
  const share = probability > 0 && probability < 0.001 ? "< 0.1 %" : `${(100 * probability).toFixed(1)} %`;
  const fill = element("i", {});
  fill.style.width = `${100 * Math.min(Math.max(probability, 0), 1)}%`;
  const words = element("span", { class: "words" }, element("span", { class: "name" }, name), element("span", { class: "share" }, share));
  return element("div", { class: "class", title: `${name}: ${share}` }, words, element("span", { class: "probability" }, fill));
}

/** The colour scale of a column with the values at its ends. */
function makeFoot(stage, theme) {
  const foot = element("div", { class: "foot" });
  if (!stage.range) return foot;
  const stops = stage.signed ? DIVERGING[theme.dark ? "dark" : "light"] : VIRIDIS;
  const ramp = element("span", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${stops.map((stop) => cssColour(stop)).join(", ")})`;
  const [low, high] = stage.range;
  foot.append(ramp, element("span", { class: "ends" }, element("span", {}, shown(low)), element("span", {}, shown(high))));
  return foot;
}

export default keepMounted(Strip);
