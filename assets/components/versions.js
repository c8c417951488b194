// Versions of a picture side by side, each with what was drawn for it; a click, a touch or a key picks one.

class Versions {
  constructor(host) {
    this.tiles = [];
    this.at = 0;
    this.grid = element("div", { class: "versions", role: "listbox", "data-testid": "versions" });
    this.root = element("div", { class: "explorer" }, this.grid);
    host.append(this.root);
    this.grid.addEventListener("click", (event) => {
      const index = this.tiles.indexOf(event.target.closest("[role=option]"));
      if (index < 0) return;
      this.moveTo(index);
      this.choose(index);
    });
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
  }

  update(sent, pick) {
    this.sent = sent;
    this.pick = pick;
    this.grid.setAttribute("aria-label", sent.alt);
    this.grid.dataset.picks = sent.picks;
    this.grid.dataset.brief = sent.brief;
    this.grid.style.setProperty("--columns", sent.columns);
    this.grid.style.setProperty("--narrow", sent.narrow);
    this.grid.style.setProperty("--tallest", `${sent.tallest}px`);
    if (this.tiles.length !== sent.tiles.length) this.build(sent.tiles.length);
    sent.tiles.forEach((tile, index) => this.fill(this.tiles[index], tile));
    this.mark(sent.selected);
  }

  build(count) {
    const held = this.grid.contains(this.grid.getRootNode().activeElement);
    this.tiles = Array.from({ length: count }, () => element("div", { role: "option", tabindex: -1 },
      element("span", { class: "shot" }, element("img", { draggable: "false" }), element("b", {})),
      element("span", { class: "mark" }), element("span", { class: "drawn" })));
    this.grid.replaceChildren(...this.tiles);
    this.at = Math.min(Math.max(this.sent.selected ?? 0, 0), Math.max(count - 1, 0));
    if (!count) return;
    this.tiles[this.at].tabIndex = 0;
    if (held) this.tiles[this.at].focus({ preventScroll: true });
  }

  fill(node, { src, words, mark, tone, title }) {
    const [picture, name] = node.querySelector(".shot").children;
    if (picture.getAttribute("src") !== src) picture.src = src;
    picture.alt = title;
    picture.style.imageRendering = this.sent.crisp ? "pixelated" : "auto";
    name.textContent = title;
    node.dataset.tone = tone;
    node.querySelector(".mark").textContent = mark;
    node.querySelector(".mark").hidden = !mark;
    node.querySelector(".drawn").replaceChildren(...words.flatMap((word) => [element("i", {}, word), " "]));
    node.title = this.sent.brief ? words.join(" · ") : "";
    node.setAttribute("aria-label", [title, mark, ...words].filter(Boolean).join(", "));
  }

  onKey(event) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(this.at);
      return;
    }
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const count = this.tiles.length;
    const from = { row: Math.floor(this.at / columns), col: this.at % columns };
    const to = keyMove(event, from, Math.ceil(count / columns), columns);
    if (!to) return;
    event.preventDefault();
    this.moveTo(Math.min(to.row * columns + to.col, count - 1));
  }

  moveTo(index) {
    this.tiles[this.at].tabIndex = -1;
    this.at = index;
    this.tiles[index].tabIndex = 0;
    this.tiles[index].focus({ preventScroll: false });
  }

  choose(index) {
    if (!this.sent.picks) return;
    this.mark(index);
    this.pick({ version: index });
  }

  mark(index) {
    for (const [place, tile] of this.tiles.entries()) {
      if (this.sent.picks) tile.setAttribute("aria-selected", String(place === index));
      else tile.removeAttribute("aria-selected");
    }
  }

  close() {
    this.root.remove();
  }
}

export default keepMounted(Versions);
