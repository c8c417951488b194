// The place where a channel unfolds into its sums: a panel over the faded picture, beside the channel it belongs to.

const GLANCE_PANEL = { widest: 820, least: 480, gap: 30, margin: 8 };

/** Where the panel goes: {left, top, width, side}; `view` is what is visible of the picture: {left, right, height}. */
function panelPlace(box, column, { left, right, height: whole }, height, vertical) {
  const visible = right - left - 2 * GLANCE_PANEL.margin;
  if (vertical) return { left: left + GLANCE_PANEL.margin, top: column.bottom + 14, width: visible, side: "below" };
  const rooms = { after: right - GLANCE_PANEL.margin - (column.right + GLANCE_PANEL.gap), before: column.left - GLANCE_PANEL.gap - (left + GLANCE_PANEL.margin) };
  const side = rooms.after >= rooms.before ? "after" : "before";
  const middle = box.y + box.height / 2;
  if (rooms[side] >= GLANCE_PANEL.least) {
    const width = Math.min(rooms[side], GLANCE_PANEL.widest);
    const at = side === "after" ? column.right + GLANCE_PANEL.gap : column.left - GLANCE_PANEL.gap - width;
    return { left: at, top: Math.max(Math.min(middle - height / 2, whole - height - 10), 2), width, side };
  }
  const width = Math.min(visible, GLANCE_PANEL.widest);
  const at = withinBounds(box.x + box.width / 2 - width / 2, left + GLANCE_PANEL.margin, right - GLANCE_PANEL.margin - width);
  const above = box.y - 16 - height;
  return above > 2 && height > 0 ? { left: at, top: above, width, side: "above" } : { left: at, top: box.y + box.height + 16, width, side: "below" };
}

/** From the channel to the panel. */
function leaderPath(box, panel, height) {
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  if (panel.side === "below" || panel.side === "above") {
    const [from, to] = panel.side === "below" ? [box.y + box.height + 3, panel.top] : [box.y - 3, panel.top + height];
    return `M${middle.x} ${from}V${to}`;
  }
  const [from, to] = panel.side === "after" ? [box.x + box.width + 3, panel.left] : [box.x - 3, panel.left + panel.width];
  const y = withinBounds(middle.y, panel.top + 14, panel.top + Math.max(height, 28) - 14);
  return `M${from} ${middle.y}C${(from + to) / 2} ${middle.y} ${(from + to) / 2} ${y} ${to} ${y}`;
}

class GlancePanel {
  constructor(send) {
    this.view = typeof UnitView === "function" ? new UnitView() : null;
    this.words = element("strong", {});
    this.detail = element("span", { class: "size" });
    const button = (name, picked, label) => {
      const made = element("button", { type: "button", "data-testid": `unit-${picked.to || picked.do}`, "aria-label": label }, name);
      made.addEventListener("click", () => send(picked.do === "open" ? { ...picked, id: made.dataset.group } : picked));
      return made;
    };
    this.filters = button("Grow this filter", { do: "go", to: "filters" });
    this.gradCam = button("Grad-CAM at this layer", { do: "go", to: "grad_cam" });
    this.open = button("Open", { do: "open" });
    this.header = element("header", {}, element("span", { class: "words" }, this.words, this.detail), this.open, this.filters, this.gradCam,
      button("×", { do: "fold" }, "Fold this channel"));
    this.body = element("div", { class: "unit-body", tabindex: 0 }, ...(this.view ? [this.view.root] : []));
    this.root = element("section", { class: "unit-panel", role: "region", "data-testid": "unit-panel", hidden: "" }, this.header, this.body);
  }

  /** Shows a unit beside `box`. Returns {place, height} of the panel. */
  show(unit, column, k, box, columnBox, view, { theme, notes, vertical, paths }) {
    const inside = column.opens && unit.sources.some(({ path }) => path && !paths.includes(path));
    this.open.hidden = !inside;
    this.open.dataset.group = column.id;
    this.open.setAttribute("aria-label", `Open ${column.title}`);
    this.open.title = `What is added up here is inside ${column.title}: open it.`;
    const label = column.labels[k];
    const fresh = this.root.hidden;
    this.words.replaceChildren(element("span", { class: "path" }, column.path || column.title), element("span", {}, ` · ${label}`));
    this.detail.textContent = column.details ? column.details[k] || "" : "";
    this.root.setAttribute("aria-label", `${column.path || column.title}, ${label}, unfolded`);
    this.filters.textContent = unit.softmax ? "Grow this class" : "Grow this filter";
    this.filters.hidden = !unit.goes.includes("filters");
    this.gradCam.hidden = !unit.goes.includes("grad_cam");
    this.root.hidden = false;
    let place = panelPlace(box, columnBox, view, 0, vertical);
    this.root.style.width = `${place.width}px`;
    if (this.view) this.view.update(unit, { width: Math.floor(place.width - 26), theme, notes, vertical });
    place = panelPlace(box, columnBox, view, this.root.offsetHeight, vertical);
    this.root.style.left = `${place.left}px`;
    this.root.style.top = `${place.top}px`;
    this.root.dataset.side = place.side;
    if (fresh && !prefersCalm()) this.grow(box, place);
    if (fresh && vertical) this.comeIntoSight();
    return { place, height: this.root.offsetHeight };
  }

  /** Scrolls the page where most of the panel would be below the screen. */
  comeIntoSight() {
    if (this.root.getBoundingClientRect().top < 0.55 * window.innerHeight) return;
    this.root.style.scrollMarginTop = "150px"; // the channel stays in sight over it, and the page's own bar over that
    this.root.scrollIntoView({ block: "start", behavior: prefersCalm() ? "auto" : "smooth" });
  }

  /** Lets the panel come out of the channel. */
  grow(box, { left, top }) {
    this.root.style.transformOrigin = `${box.x + box.width / 2 - left}px ${box.y + box.height / 2 - top}px`;
    this.root.animate([{ opacity: 0, transform: "scale(0.4)" }, { opacity: 1, transform: "none" }], { duration: 180, easing: "ease-out" });
  }

  hide() {
    this.root.hidden = true;
  }

  /** Whether a key was meant for the unfolded channel, and of use to it; its buttons keep their own keys. */
  takes(event) {
    return this.view !== null && this.body.contains(event.target) && this.view.onKey(event);
  }

  /** The panel as it stands, for the saved picture. */
  drawing(ink) {
    if (this.root.hidden) return [];
    const [x, y, width, height] = [this.root.offsetLeft, this.root.offsetTop, this.root.offsetWidth, this.root.offsetHeight];
    const parts = [
      glanceNode("rect", { x, y, width, height, rx: 12, fill: ink.theme.paper, stroke: ink.hair }),
      glanceText(ink, this.words.textContent, x + 14, y + 26, { size: 13, weight: 600, fill: ink.strong, anchor: "start", width: width - 28 }),
      glanceText(ink, this.detail.textContent, x + 14, y + 42, { size: 11, anchor: "start", width: width - 28 }),
    ];
    if (this.view) {
      const copy = this.view.root.cloneNode(true);
      keepWidths(this.view.root, copy);
      for (const node of copy.querySelectorAll("[data-live]")) node.remove(); // nothing plays on paper
      copy.setAttribute("x", x + 13);
      copy.setAttribute("y", y + this.body.offsetTop);
      parts.push(copy);
    }
    return parts;
  }

  close() {
    if (this.view) this.view.close();
  }
}
