// Squares cut from one picture, and the label with an enlargement that follows the one pointed at.

/** Cuts squares from a picture once it has loaded; `cut` gets the picture as often as it is asked for. */
class Mosaic {
  constructor() {
    this.address = null;
    this.loaded = null;
  }

  /** Calls `cut(picture)` when the picture at `address` is there, unless another was asked for meanwhile. */
  load(address, cut) {
    if (address !== this.address) {
      this.address = address;
      const picture = new Image();
      picture.src = address;
      this.loaded = picture.decode().then(() => picture);
    }
    this.loaded.then((picture) => {
      if (this.address === address) cut(picture);
    });
  }
}

/** A canvas for a square of `side` pixels. */
function squareCanvas(side) {
  return element("canvas", { width: side, height: side, "aria-hidden": "true" });
}

/** Copies the square of `side` pixels at (x, y) of a picture onto a canvas of that size. */
function cutSquare(canvas, picture, x, y, side) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  context.drawImage(picture, x, y, side, side, 0, 0, side, side);
}

/** Shows a square at a width in CSS pixels: its own pixels stay crisp when enlarged, and are averaged when made smaller. */
function fitSquare(canvas, width) {
  canvas.style.imageRendering = width * (window.devicePixelRatio || 1) >= canvas.width ? "pixelated" : "auto";
}

const PEEK_SIDE = 196;
const PEEK_GAP = 10;

/** An enlarged square with its label, above everything else on the page. */
class Peek {
  constructor(root) {
    this.canvas = squareCanvas(1);
    this.text = element("p", {});
    this.box = element("div", { class: "peek", popover: "manual", "aria-hidden": "true", "data-testid": "peek" }, this.canvas, this.text);
    root.append(this.box);
    this.follow = () => this.place();
    window.addEventListener("scroll", this.follow, { capture: true, passive: true });
  }

  /** Shows the square of `source` (a canvas) beside `anchor`; over it where there is no room below. */
  show(anchor, source, label) {
    [this.canvas.width, this.canvas.height] = [source.width, source.height];
    this.canvas.getContext("2d").drawImage(source, 0, 0);
    fitSquare(this.canvas, PEEK_SIDE);
    this.text.textContent = label;
    this.anchor = anchor;
    if (!this.box.matches(":popover-open")) this.box.showPopover();
    this.place();
  }

  /** Puts the box beside its anchor, wherever scrolling took that. */
  place() {
    if (!this.box.matches(":popover-open")) return;
    const at = this.anchor.getBoundingClientRect();
    const { width, height } = this.box.getBoundingClientRect();
    const left = at.left + at.width / 2 - width / 2;
    const below = at.bottom + PEEK_GAP;
    const top = below + height <= window.innerHeight ? below : Math.max(at.top - PEEK_GAP - height, 0);
    this.box.style.left = `${Math.min(Math.max(left, 4), window.innerWidth - width - 4)}px`;
    this.box.style.top = `${top}px`;
  }

  hide() {
    if (this.box.matches(":popover-open")) this.box.hidePopover();
  }

  close() {
    window.removeEventListener("scroll", this.follow, { capture: true });
    this.box.remove();
  }
}

/** A component's entry point: one view for as long as it is on the page, updated at every run. */
function keepMounted(View) {
  const mounted = new WeakMap();
  return ({ parentElement, data, setTriggerValue }) => {
    const view = mounted.get(parentElement) || new View(parentElement);
    mounted.set(parentElement, view);
    view.update(data, (picked) => setTriggerValue("picked", picked));
    view.generation = (view.generation || 0) + 1;
    const { generation } = view;
    // Streamlit also calls this for a run that a later one overtook: only the latest may close the view.
    return () => setTimeout(() => {
      if (view.generation !== generation) return;
      view.close();
      mounted.delete(parentElement);
    });
  };
}
