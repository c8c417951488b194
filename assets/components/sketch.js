// A square sheet to draw on. Python is told when a stroke ends: grey levels, averaged over the cells of a small grid.

/** Pixels of the sheet along each cell of the grid that Python gets. */
const FINE = 10;
/** Width of the brush and of its soft rim, as shares of the sheet's side: MNIST's strokes, after their digit was scaled. */
const BRUSH = 0.075;
const RIM = 0.012;

class Sketch {
  constructor(host) {
    this.strokes = [];
    this.canvas = element("canvas", { role: "img", "data-testid": "sketch" });
    this.invitation = element("span", { class: "invitation", "aria-hidden": "true" });
    this.undo = element("button", { type: "button" }, "Undo");
    this.clear = element("button", { type: "button" }, "Clear");
    const sheet = element("div", { class: "sheet" }, this.canvas, this.invitation);
    this.root = element("div", { class: "explorer sketch" }, sheet, element("div", { class: "toolbar" }, this.undo, this.clear));
    host.append(this.root);
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.start(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.end(event));
    this.undo.addEventListener("click", () => {
      this.strokes.pop();
      this.tell();
    });
    this.clear.addEventListener("click", () => {
      this.strokes = [];
      this.before = null;
      this.tell();
    });
  }

  start(event) {
    if (event.button !== 0 || !event.isPrimary || this.stroke) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = { pointer: event.pointerId, points: [this.pointUnder(event)] };
    this.strokes.push(this.stroke.points);
    this.show();
  }

  move(event) {
    if (!this.stroke || event.pointerId !== this.stroke.pointer) return;
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of events.length ? events : [event]) this.stroke.points.push(this.pointUnder(each));
    this.show();
  }

  end(event) {
    if (!this.stroke || event.pointerId !== this.stroke.pointer) return;
    this.stroke = null;
    this.tell();
  }

  /** The place under a pointer, in pixels of the sheet. */
  pointUnder(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width } = this.canvas;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * width];
  }

  update(sent, tell) {
    this.send = tell;
    const first = !this.sent;
    this.sent = sent;
    this.root.dataset.ink = sent.ink;
    this.invitation.textContent = sent.label;
    if (first) this.open();
    this.show();
  }

  /** A sheet that comes back to the page begins with what Python still has of it. */
  open() {
    const { side, drawn } = this.sent;
    this.canvas.width = this.canvas.height = side * FINE;
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!drawn) return;
    const levels = Uint8Array.from(atob(drawn), (character) => character.charCodeAt(0));
    const small = squareCanvas(side);
    const pixels = new ImageData(side, side);
    levels.forEach((level, place) => pixels.data.set([level, level, level, 255], 4 * place));
    small.getContext("2d").putImageData(pixels, 0, 0);
    this.before = small;
  }

  get empty() {
    return !this.strokes.length && !this.before;
  }

  tell() {
    this.show();
    this.draw();
    this.send(this.empty ? "" : this.levels());
  }

  /** Shows the buttons as they are, and draws with the next frame. */
  show() {
    this.undo.disabled = !this.strokes.length;
    this.clear.disabled = this.empty;
    this.invitation.hidden = !this.empty;
    const count = this.strokes.length;
    const state = this.empty ? "nothing drawn yet" : `${count} ${count === 1 ? "stroke" : "strokes"}`;
    this.canvas.setAttribute("aria-label", `${this.sent.label}: drawing area, ${state}`);
    this.canvas.dataset.strokes = count;
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => this.draw());
    }
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    const { context, canvas } = this;
    const side = canvas.width;
    context.shadowBlur = 0;
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    if (this.before) context.drawImage(this.before, 0, 0, side, side);
    Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: BRUSH * side, strokeStyle: "#fff" });
    Object.assign(context, { shadowColor: "#fff", shadowBlur: RIM * side });
    for (const points of this.strokes) context.stroke(this.path(points));
  }

  /** A smooth line: it bends at each point and passes through the middles between them. */
  path(points) {
    const path = new Path2D();
    path.moveTo(...points[0]);
    for (let k = 1; k < points.length - 1; k += 1) {
      const [[x, y], [nextX, nextY]] = [points[k], points[k + 1]];
      path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    const [x, y] = points[points.length - 1];
    path.lineTo(x + 0.01, y); // a line without any length would not be drawn, and a tap is a dot
    return path;
  }

  /** The mean level of each cell of the grid, row after row, as base64. */
  levels() {
    const { side } = this.sent;
    const width = side * FINE;
    const { data } = this.context.getImageData(0, 0, width, width);
    const sums = new Float64Array(side * side);
    for (let y = 0; y < width; y += 1) {
      for (let x = 0; x < width; x += 1) {
        sums[Math.floor(y / FINE) * side + Math.floor(x / FINE)] += data[4 * (y * width + x)];
      }
    }
    return btoa(String.fromCharCode(...Array.from(sums, (sum) => Math.round(sum / (FINE * FINE)))));
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

const mount = keepMounted(Sketch);

/** What is drawn lasts, so it is told as a state and not as a trigger. */
export default function sketch(component) {
  return mount({ ...component, setTriggerValue: (_, drawn) => component.setStateValue("drawn", drawn) });
}
