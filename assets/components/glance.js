// The whole network at a glance: its picture, what is pointed at, and the channel that is unfolded.

const FADED = { none: 1, selected: 1, pointed: 0.2, unfolded: 0.13 };
const HINTS = {
  mouse: "Point at a channel to see what feeds it. Click to unfold the sums that made it.",
  touch: "Touch a channel to unfold the sums that made it.",
  picture: "This is the picture as it goes in: no sum made it.",
  unfolded: { mouse: "Click the channel again, or press Escape, to fold it.", touch: "Touch the channel again to fold it." },
};

class Glance {
  constructor(host) {
    Object.assign(this, { drawn: null, sprites: new Map(), pointed: null, focused: null, selected: null, unit: null, waiting: false, at: null, left: 0 });
    this.noMouse = window.matchMedia("(hover: none)");
    this.picture = new GlancePicture();
    this.panel = new GlancePanel((picked) => (picked.do === "fold" ? this.fold() : this.send(picked)));
    this.panel.root.addEventListener("pointerenter", () => this.pointAt(null));
    this.stage = element("div", { class: "glance-stage" }, this.picture.svg, this.panel.root);
    this.scroller = element("div", { class: "strip" }, this.stage);
    this.frame = element("div", { class: "strip-frame" }, this.scroller, this.scrollButton("back"), this.scrollButton("on"));
    this.probe = element("i", { class: "glance-probe", "aria-hidden": "true" });
    this.line = element("p", { class: "glance-line", "data-testid": "glance-line", hidden: "" });
    this.root = element("div", { class: "explorer maps glance", "data-testid": "glance" }, this.makeToolbar(), this.line, this.frame, this.probe);
    this.lens = new GlanceLens(this.root);
    host.append(this.root);
    this.listen();
    this.observer = new ResizeObserver(() => this.onResize());
    this.observer.observe(this.frame);
  }

  makeToolbar() {
    this.hint = element("p", { class: "hint" });
    this.notesButton = element("button", { type: "button", "data-testid": "glance-notes" }, "Notes");
    this.notesButton.addEventListener("click", () => {
      this.notes = !this.notes;
      this.askedNotes = this.notes;
      this.draw();
      this.send({ do: "notes", on: this.notes });
    });
    const save = (kind) => {
      const button = element("button", { type: "button", "data-testid": `glance-save-${kind}`, "aria-label": `Save picture as ${kind.toUpperCase()}` }, kind.toUpperCase());
      button.addEventListener("click", () => this.save(kind));
      return button;
    };
    const saving = element("span", { class: "saving", role: "group", "aria-label": "Save picture" },
      element("span", {}, "Save picture"), element("span", { class: "switch" }, save("svg"), save("png")));
    return element("div", { class: "toolbar" }, this.hint, this.notesButton, saving);
  }

  /** A button for those whose mouse has no sideways wheel; the keyboard needs none. */
  scrollButton(way) {
    const button = element("button", { class: `scroll ${way}`, type: "button", tabindex: -1, "aria-hidden": "true" });
    button.addEventListener("click", () => this.scrollTo(this.scroller.scrollLeft + (way === "on" ? 0.75 : -0.75) * this.scroller.clientWidth));
    return button;
  }

  scrollTo(left) {
    this.scroller.scrollTo({ left, behavior: prefersCalm() ? "auto" : "smooth" });
  }

  listen() {
    const { svg } = this.picture;
    this.scroller.addEventListener("scroll", () => this.onScroll(), { passive: true });
    svg.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse") this.pointAt(this.channelOf(event.target));
    });
    svg.addEventListener("pointerleave", () => this.pointAt(null));
    svg.addEventListener("click", (event) => this.onClick(event));
    this.scroller.addEventListener("focusin", (event) => this.onFocus(event.target));
    this.scroller.addEventListener("focusout", () => {
      this.focused = null;
      this.show();
    });
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    // Streamlit changes its theme without a run; the probe's colour then changes, and that takes a moment.
    this.probe.addEventListener("transitionrun", () => this.draw());
  }

  channelOf(target) {
    const stop = this.picture.stopOf(target);
    return stop && stop.k >= 0 ? stop.key : null;
  }

  update(sent, pick) {
    this.pick = pick;
    const before = this.sent;
    const drawn = JSON.stringify([sent.columns, sent.groups, sent.edges, sent.alt]);
    this.sent = sent;
    const switched = this.takesNotes(Boolean(sent.notes));
    this.selected = sent.selected ? `${sent.selected.path}#${sent.selected.channel}` : null;
    if (sent.unit && !this.unit) this.pointed = null; // what was pointed at may lie under the panel now
    Object.assign(this, { unit: sent.unit, waiting: false });
    if (drawn !== this.drawn || switched || themeOf(this.root).dark !== this.picture.ink.theme.dark) {
      this.drawn = drawn;
      this.draw();
      this.revealOpened(before);
    } else this.show();
  }

  /**
   * Notes as Python has them, from a link or at the beginning; whether that changes the picture. Not before Python has
   * heard the last press: until then it tells of presses before it.
   */
  takesNotes(on) {
    const heard = this.askedNotes === undefined || this.askedNotes === on;
    if (heard) this.askedNotes = undefined;
    const switched = heard && on !== this.notes;
    if (switched) this.notes = on;
    return switched;
  }

  onResize() {
    if (this.sent && this.frame.clientWidth !== this.width) this.draw();
  }

  /** Everything anew, keeping what is pointed at, focused and scrolled to. */
  draw() {
    this.width = this.frame.clientWidth;
    if (!this.sent || !this.width) return;
    const held = this.picture.svg.contains(this.picture.svg.getRootNode().activeElement);
    const theme = themeOf(this.root);
    this.root.style.colorScheme = theme.dark ? "dark" : "light";
    const { columns, groups } = this.sent;
    this.layout = glanceLayout(columns, groups, this.width, this.notes);
    this.root.classList.toggle("narrow", this.layout.vertical);
    this.picture.draw(this.sent, this.layout, glanceInk(theme, getComputedStyle(this.root).fontFamily));
    this.notesButton.setAttribute("aria-pressed", String(this.notes));
    if (!this.picture.stop(this.pointed)) this.pointed = null;
    this.settle(this.at, held);
    this.loadSprites();
    this.show();
    this.onScroll();
  }

  /** Pictures of the channels, for the lens; the page says when all are there. */
  loadSprites() {
    const wanted = new Set(this.sent.columns.map((column) => column.tiles).filter(Boolean));
    for (const address of this.sprites.keys()) if (!wanted.has(address)) this.sprites.delete(address);
    for (const address of wanted) {
      if (this.sprites.has(address)) continue;
      const picture = new Image();
      picture.src = address;
      this.sprites.set(address, { picture, there: picture.decode() });
    }
    const drawn = this.sent;
    delete this.root.dataset.drawn;
    Promise.all([...this.sprites.values()].map(({ there }) => there)).then(() => {
      if (this.sent === drawn) this.root.dataset.drawn = drawn.columns.length;
    });
  }

  /** Makes a stop the one that Tab leads to: the one named, or the first channel. */
  settle(key, focus) {
    const stops = this.picture.stops;
    const twin = key && key.includes(":") ? key.replace(/^(open|close):/, (_, does) => (does === "open" ? "close:" : "open:")) : null;
    const stop = this.picture.stop(key) || this.picture.stop(twin) || stops.find((each) => each.k >= 0) || stops[0];
    if (!stop) return;
    for (const each of stops) each.node.setAttribute("tabindex", each === stop ? 0 : -1);
    this.at = stop.key;
    if (focus) stop.node.focus({ preventScroll: true });
  }

  onFocus(target) {
    const stop = this.picture.stopOf(target);
    if (!stop) return;
    this.settle(stop.key, false);
    this.focused = stop.node.matches(":focus-visible") ? stop.key : null;
    this.show();
  }

  pointAt(key) {
    if (key === this.pointed) return;
    this.pointed = key;
    this.show();
  }

  /** Lights what is pointed at, or focused, or else selected; shows lens, notes and the unfolded channel. */
  show() {
    const { picture } = this;
    if (!picture.layout) return;
    const looked = picture.stop(this.pointed) || picture.stop(this.focused);
    const selected = picture.stop(this.selected);
    const unfolded = this.isUnfolded() && selected ? selected : null;
    const channel = looked && looked.k >= 0 ? looked : null;
    const state = unfolded ? "unfolded" : channel ? "pointed" : selected ? "selected" : "none";
    const extra = selected ? [drawRing(selected.box, picture.ink, false)] : [];
    const focused = picture.stop(this.focused);
    if (focused) extra.push(drawRing(focused.box, picture.ink, true));
    const source = channel && !unfolded ? picture.sourceOf(channel) : null;
    if (source) extra.push(drawRing(source, picture.ink, false, true));
    this.showUnit(unfolded, extra);
    picture.light(channel || selected, { base: FADED[state], words: unfolded ? 0.4 : 1, extra });
    this.markPressed(selected);
    this.showNotes(channel, unfolded);
    const way = this.noMouse.matches ? "touch" : "mouse";
    this.hint.textContent = unfolded ? HINTS.unfolded[way] : this.sent.missing || HINTS[way];
    this.showLens(channel === unfolded ? null : channel);
  }

  markPressed(selected) {
    if (this.marked && this.marked !== selected) this.marked.node.removeAttribute("aria-pressed");
    if (selected) selected.node.setAttribute("aria-pressed", "true");
    this.marked = selected;
  }

  showUnit(stop, extra) {
    const open = stop && this.unit && !this.waiting;
    this.scroller.classList.toggle("unfolded", Boolean(open));
    let height = this.layout.height;
    if (open) {
      const paths = this.sent.columns.map(({ path }) => path);
      const shownAs = { theme: this.picture.ink.theme, notes: this.notes, vertical: this.layout.vertical, paths };
      const { scrollLeft: left, clientWidth } = this.scroller;
      const view = { left, right: left + clientWidth, height: this.layout.height };
      if (this.panelFor !== stop.node || this.panelUnit !== this.unit || this.panelNotes !== this.notes) {
        Object.assign(this, { panelFor: stop.node, panelUnit: this.unit, panelNotes: this.notes });
        this.placed = this.panel.show(this.unit, this.sent.columns[stop.column], stop.k, stop.box, this.layout.boxes[stop.column], view, shownAs);
      }
      const { accent } = this.picture.ink.theme;
      extra.push(glanceNode("path", { d: leaderPath(stop.box, this.placed.place, this.placed.height), fill: "none", stroke: accent, "stroke-width": 1.6 }));
      height = Math.max(height, this.placed.place.top + this.placed.height + 10);
    } else {
      this.panel.hide();
      this.panelFor = null;
    }
    this.stage.style.minHeight = `${Math.ceil(height)}px`;
  }

  showLens(stop) {
    if (!stop) return this.lens.hide();
    const column = this.sent.columns[stop.column];
    const words = [column.labels[stop.k]];
    if (column.look === "classes") {
      if (column.values) words.push(`probability ${percentOf(column.values[stop.k])}`);
      if (column.logits) words.push(`logit ${shown(column.logits[stop.k], 3)}`);
    } else {
      if (column.look === "units" && column.values) words.push(shown(column.values[stop.k], 4));
      words.push((column.details && column.details[stop.k]) || "");
    }
    const sprite = this.sprites.get(column.tiles);
    const square = sprite && sprite.picture.complete ? { picture: sprite.picture, from: stop.k, side: column.side } : {};
    if (column.look === "units" && column.values) square.colour = unitColour(column, stop.k, this.picture.ink);
    return this.lens.show(this.picture.svg, stop.box, this.picture.litBoxes, square, words.filter(Boolean).join("\n"));
  }

  showNotes(stop, unfolded) {
    const { picture, layout } = this;
    this.noted = stop;
    const seen = layout.vertical ? [-Infinity, Infinity] : [this.left, this.left + this.width];
    const notes = stop
      ? channelNotes(this.sent.columns, layout, stop, picture.edgesOf(stop), this.sent.hidden)
      : restingNotes(this.sent.columns, layout, picture.edges, ...seen);
    const beside = this.notes && !unfolded && !layout.vertical;
    picture.notes.replaceChildren(...(beside ? drawNotes(notes, layout, ...seen, picture.ink) : []));
    this.line.hidden = !(layout.vertical && this.notes);
    this.line.textContent = notes.slice(0, 2).map((note) => note.words).join(" · ");
  }

  /** Fades an edge beyond which there is more, and keeps the notes in sight. */
  onScroll() {
    const { scrollLeft, scrollWidth, clientWidth } = this.scroller;
    this.left = scrollLeft;
    this.frame.classList.toggle("more-back", scrollLeft > 2);
    this.frame.classList.toggle("more-on", scrollLeft + clientWidth < scrollWidth - 2);
    cancelAnimationFrame(this.scrolled);
    if (this.layout) this.picture.slideTitles(scrollLeft, scrollLeft + clientWidth);
    if (scrollWidth > clientWidth) this.scrolled = requestAnimationFrame(() => this.showNotes(this.noted, !this.panel.root.hidden));
  }

  onClick(event) {
    const stop = this.picture.stopOf(event.target);
    if (stop) this.choose(stop);
  }

  choose({ key, node, column, k }) {
    if (k < 0) return this.send({ do: node.dataset.do, id: node.dataset.group });
    const { look, path } = this.sent.columns[column];
    if (look === "picture" && !path) {
      this.hint.textContent = HINTS.picture;
      return undefined;
    }
    if (key === this.selected && this.isUnfolded()) return this.fold();
    this.selected = key;
    this.waiting = true;
    this.show();
    return this.send({ do: "unfold" });
  }

  /** Sends what was done, and always which channel is selected: the page's own list of layers may not know it yet. */
  send(picked) {
    const selected = this.picture.stop(this.selected);
    const { path, channels } = selected ? this.sent.columns[selected.column] : {};
    return this.pick(selected ? { ...picked, path, channel: channels[selected.k] } : picked);
  }

  /** Whether the selected channel's sums are there, or on their way. */
  isUnfolded() {
    return Boolean(this.selected && (this.waiting || this.unit));
  }

  fold() {
    if (!this.isUnfolded()) return;
    const held = this.panel.root.contains(this.root.getRootNode().activeElement);
    Object.assign(this, { unit: null, waiting: false });
    if (held) this.settle(this.selected, true);
    this.show();
    this.send({ do: "fold" });
  }

  onKey(event) {
    if (this.panel.takes(event)) {
      event.preventDefault();
      return;
    }
    if (event.key === "Escape" && this.isUnfolded()) {
      event.preventDefault();
      this.fold();
      return;
    }
    const from = this.picture.stopOf(event.target);
    if (!from) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(from);
      return;
    }
    const to = glanceMove(event, from, this.picture.stops, this.layout.vertical);
    if (!to) return;
    event.preventDefault();
    to.node.focus({ preventScroll: true });
    this.reveal(to.box);
    to.node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Scrolls the picture sideways, and nothing else, until a box is in sight. */
  reveal({ x, width }) {
    const margin = 60;
    const { scrollLeft, clientWidth } = this.scroller;
    const off = Math.min(x - margin - scrollLeft, 0) || Math.max(x + width + margin - scrollLeft - clientWidth, 0);
    if (off) this.scrollTo(scrollLeft + off);
  }

  /** Brings a group that was just unfolded into sight. */
  revealOpened(before) {
    const known = new Set((before ? before.groups : this.sent.groups).map((group) => group.id));
    const opened = this.layout && this.layout.brackets.find((bracket) => !known.has(bracket.id));
    if (opened && !this.layout.vertical) this.reveal({ x: opened.from, width: Math.min(opened.to - opened.from, this.width - 120) });
  }

  async save(kind) {
    const { ink, svg } = this.picture;
    const text = pictureText(svg, ink.theme, ink.font, this.sent.alt, this.stage.offsetHeight, this.panel.drawing(ink));
    const blob = kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await pictureAsPng(text, [ink.font, ink.theme.digits]);
    offerFile(blob, `${fileNameOf(this.sent.name)}-overview.${kind}`);
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.scrolled);
    this.lens.close();
    this.panel.close();
    this.root.remove();
  }
}

export default keepMounted(Glance);
