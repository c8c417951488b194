// The overview's one SVG: everything at rest in two layers that fade as a whole, and what is lit in a third above them.
// Pointing at a channel changes one opacity and fills the small third layer; hundreds of nodes stay untouched.

const EDGE_STEPS = 10;

let glancesMade = 0;

class GlancePicture {
  constructor() {
    this.name = `glance-${(glancesMade += 1)}`;
    this.base = glanceNode("g", { class: "layer base" });
    this.words = glanceNode("g", { class: "layer words" });
    this.notes = glanceNode("g", { class: "notes-of-glance", "aria-hidden": "true" });
    this.lit = glanceNode("g", { class: "lit", "aria-hidden": "true" });
    this.defs = glanceNode("defs");
    this.svg = glanceNode("svg", { role: "group", "data-testid": "glance-picture" }, this.defs, this.base, this.words, this.notes, this.lit);
  }

  draw(sent, layout, ink) {
    Object.assign(this, { sent, layout, ink, stops: [], channels: new Map(), copies: new Map(), titles: [], litBoxes: [] });
    this.svg.setAttribute("width", layout.width);
    this.svg.setAttribute("height", layout.height);
    this.svg.setAttribute("aria-label", sent.alt);
    this.defs.replaceChildren();
    this.collectEdges();
    const columns = sent.columns.map((column, index) => this.drawColumn(column, index));
    this.base.replaceChildren(this.drawEdges(), ...columns);
    const tight = sent.columns.some(({ parameters }, index) => ink.measure(parameters, 10.5) > layout.boxes[index].head.width);
    for (const { head } of layout.boxes) head.tight = tight;
    const brackets = layout.brackets.map((bracket) => this.drawGroup(bracket));
    this.words.replaceChildren(...brackets, ...sent.columns.map((column, index) => this.drawWords(column, index)));
    this.lit.replaceChildren();
  }

  /** Edges between channels as {link, from, to, strength, sign}; those too weak to be seen are left out. */
  collectEdges() {
    const links = new Map(this.layout.links.map((link) => [`${link.from}>${link.to}`, link]));
    this.edges = this.sent.edges.flatMap(([fromColumn, from, toColumn, to, strength, sign]) => {
      const link = links.get(`${fromColumn}>${toColumn}`);
      const known = link && strength >= WEAKEST_EDGE && this.layout.boxes[fromColumn].places[from] && this.layout.boxes[toColumn].places[to];
      return known ? [{ link, from, to, strength, sign }] : [];
    });
    this.edges.sort((a, b) => a.strength - b.strength);
    this.touching = new Map();
    for (const edge of this.edges) {
      for (const end of [`${edge.link.from}:${edge.from}`, `${edge.link.to}:${edge.to}`]) {
        if (!this.touching.has(end)) this.touching.set(end, []);
        this.touching.get(end).push(edge);
      }
    }
  }

  drawEdges() {
    const { layout, ink } = this;
    const drawn = new Set(this.edges.map((edge) => edge.link));
    const bands = layout.links.filter((link) => link.way === "round" || !drawn.has(link));
    const ground = cssColour(ink.theme.ink);
    return glanceNode(
      "g",
      { class: "edges", "aria-hidden": "true" },
      ...bands.map((link) => (link.way === "round" ? bandPath : plainPath)(layout, link)).flatMap(({ line, arrow }) => [
        glanceNode("path", { d: line, fill: "none", stroke: ground, "stroke-opacity": 0.2, "stroke-width": 4 }),
        glanceNode("path", { d: arrow, fill: ground, "fill-opacity": 0.4 }),
      ]),
      ...this.restingPaths(),
      glanceNode("path", { class: "stubs", d: this.stubs(), fill: "none", stroke: ground, "stroke-opacity": 0.35, "stroke-dasharray": "1.5 2.5" }),
    );
  }

  /** Short dotted lines into the channels that get most from one that is not drawn. */
  stubs() {
    const { point } = penOf(this.layout);
    return this.sent.hidden.map(([index, k]) => {
      const { start, centre } = this.layout.boxes[index].places[k];
      return `M${point(start - 12, centre)}L${point(start, centre)}`;
    }).join("");
  }

  /** The edges at rest: those of one connection that look alike are one path, so that there are few nodes. */
  restingPaths() {
    const calm = calmOf(this.edges);
    const groups = new Map();
    for (const { link, from, to, strength, sign } of this.edges) {
      if (link.way === "round") continue;
      const step = Math.ceil(strength * EDGE_STEPS);
      const key = `${step}:${sign}:${link.from}:${link.to}`;
      if (!groups.has(key)) groups.set(key, { ...edgeLook(step / EDGE_STEPS, sign, this.ink.theme, calm.get(link)), d: "" });
      groups.get(key).d += edgePath(this.layout, link, from, to);
    }
    return [...groups.values()].map((attributes) => glanceNode("path", attributes));
  }

  litEdge(edge) {
    return glanceNode("path", { d: edgePath(this.layout, edge.link, edge.from, edge.to), ...edgeLook(edge.strength, edge.sign, this.ink.theme, null) });
  }

  drawColumn(column, index) {
    const { boxes } = this.layout;
    const sprite = `${this.name}-s${index}`;
    if (column.tiles && column.channels.length) this.defs.append(...spriteFills(column, boxes[index].places[0], sprite));
    const nodes = column.channels.map((channel, k) => {
      const node = drawPlace(column, k, boxes[index].places[k], this.ink, sprite);
      const plain = column.look === "picture" && !column.path; // nothing prepares it, so there is nothing to unfold
      const attributes = { role: plain ? "img" : "button", tabindex: -1, "data-path": column.path, "data-channel": channel, "aria-label": this.spoken(column, k) };
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      const stop = { key: `${column.path}#${channel}`, node, box: boxes[index].places[k], column: index, k, level: column.level };
      this.stops.push(stop);
      this.channels.set(`${index}:${k}`, stop);
      return node;
    });
    return glanceNode("g", { class: "column", role: "group", "aria-label": column.title, "data-id": column.id }, ...nodes);
  }

  spoken(column, k) {
    const details = column.look === "classes" && column.values ? percentOf(column.values[k]) : column.details && column.details[k];
    return [column.title, column.labels[k], details].filter(Boolean).join(", ");
  }

  drawWords(column, index) {
    const box = this.layout.boxes[index];
    const head = drawHead(column, box.head, this.ink);
    if (head.button) this.addButton(`open:${column.id}`, head.button, index);
    return glanceNode("g", {}, head.node, drawFoot(column, box.foot, this.ink, `${this.name}-r${index}`));
  }

  drawGroup(bracket) {
    const { node, label, button, width } = drawBracket(bracket, this.ink, this.layout.vertical);
    const first = this.sent.columns.findIndex((column) => column.inside.includes(bracket.id));
    const stop = this.addButton(`close:${bracket.id}`, button, first);
    this.titles.push({ bracket, label, width, stop, x: stop.box.x });
    return node;
  }

  /** Moves the titles of wide groups to where they can be seen. */
  slideTitles(left, right) {
    for (const { bracket, label, width, stop, x } of this.layout.vertical ? [] : this.titles) {
      const [from, to] = [Math.max(bracket.from, left + 16), Math.min(bracket.to, right - 16)];
      const [middle, half] = [(bracket.from + bracket.to) / 2, width / 2 + 12];
      const seen = withinBounds((from + to) / 2, bracket.from + half, Math.max(bracket.to - half, bracket.from + half));
      const off = from < to ? Math.round(seen - middle) : 0;
      label.setAttribute("transform", `translate(${off} 0)`);
      stop.box = { ...stop.box, x: x + off };
    }
  }

  addButton(key, node, column) {
    const stop = { key, node, box: node.box, column, k: -1, level: this.sent.columns[column].level };
    this.stops.push(stop);
    return stop;
  }

  stop(key) {
    return key === null ? undefined : this.stops.find((stop) => stop.key === key);
  }

  stopOf(target) {
    const node = target && target.closest(".tile, .fold");
    return node ? this.stops.find((stop) => stop.node === node) : undefined;
  }

  /** The edges into and out of a channel. */
  edgesOf({ column, k }) {
    return this.touching.get(`${column}:${k}`) || [];
  }

  /** The box of the channel that feeds one most; null where nothing does. */
  sourceOf({ column, k }) {
    const most = strongestOf(this.edgesOf({ column, k }).filter((edge) => edge.link.to === column));
    return most && this.channels.get(`${most.link.from}:${most.from}`).box;
  }

  /** Fades everything at rest to `base`, words to `words`, and lights one channel with what is joined to it. */
  light(stop, { base, words, extra = [] }) {
    this.base.style.opacity = base;
    this.words.style.opacity = words;
    this.litBoxes = [];
    if (!stop || stop.k < 0) {
      this.lit.replaceChildren(...extra);
      return;
    }
    const edges = this.edgesOf(stop);
    const ends = new Set([`${stop.column}:${stop.k}`, ...edges.flatMap(({ link, from, to }) => [`${link.from}:${from}`, `${link.to}:${to}`])]);
    this.litBoxes = [...ends].map((end) => this.channels.get(end).box);
    this.lit.replaceChildren(...edges.map((edge) => this.litEdge(edge)), ...[...ends].map((end) => this.copyOf(end)), ...extra);
  }

  copyOf(end) {
    if (!this.copies.has(end)) {
      const copy = this.channels.get(end).node.cloneNode(true);
      for (const name of ["role", "tabindex", "data-path", "data-channel", "aria-label"]) copy.removeAttribute(name);
      this.copies.set(end, copy);
    }
    return this.copies.get(end);
  }
}
