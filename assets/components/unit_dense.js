// A unit of a dense layer, or a class: its sum as a waterfall, map by map where it reads maps, else the largest of its
// single terms; then its activation or the softmax.

const UNIT_TERM = 22; // the height of a line

class UnitDense {
  /** `room` is {width, vertical, notes}; `hands` is {byMap, show(byMap)} and what UnitFlat is given. */
  constructor(pen, numbers, room, hands) {
    Object.assign(this, { pen, numbers });
    const { unit } = numbers;
    const wide = !room.vertical && (unit.softmax || numbers.steps.length > 0);
    const share = unit.softmax ? (room.width < 760 ? 0.51 : 0.55) : 0.62;
    const width = wide ? Math.round((room.width - 16) * share) : Math.min(room.width - 16, 620);
    const byMap = Boolean(numbers.flat && hands.byMap);
    this.heading = pen.text(UNIT_EDGE, 16, byMap ? "The sum, map by map" : "The sum, largest terms first", { size: 13, weight: 600 });
    this.root = unitNode("g", {}, this.heading);
    const at = { x: UNIT_EDGE, y: 48, width };
    const lines = unitLedgerLines(numbers, () => {});
    const flat = numbers.flat ? new UnitFlatPlan(numbers, lines, { ...at, y: 78, height: numbers.sources.length * UNIT_TERM }) : null;
    if (byMap) {
      this.flat = new UnitFlat(pen, numbers, flat, hands);
      this.ledger = this.flat.ledger;
      this.root.append(this.flat.root);
    } else this.terms(at, room, lines);
    if (numbers.flat) this.root.append(this.choice(width, byMap, hands));
    else if (room.notes) this.note(at, room);
    const { ledger } = this;
    // As high one way as the other, so that the panel around it stays what it is.
    this.bottom = Math.max(flat ? flat.bottom : 0, at.y + lines.length * UNIT_TERM) + 8;
    this.outputs = [];
    const line = ledger.lines.find(({ role }) => role === "sum");
    const sum = { x: UNIT_EDGE + width + 8, y: line.top + line.high / 2 };
    if (unit.softmax) this.softmax(sum, wide, room);
    else if (numbers.steps.length) this.activation(sum, wide, room);
  }

  /** The largest single terms. */
  terms({ x, y, width }, room, lines) {
    const label = Math.round(width * (room.vertical ? 0.27 : 0.25));
    const detail = unitClip(Math.round(width * 0.31), 112, 148);
    const at = { x, y, width, pitch: UNIT_TERM, label, detail };
    this.ledger = new UnitWaterfall(this.pen, at, lines);
    this.root.append(...this.titles(at), this.ledger.root);
  }

  /** Maps or single numbers. */
  choice(width, byMap, hands) {
    const { pen } = this;
    const [wide, high] = [64, 22];
    const button = (words, at, on, picked) => {
      const x = UNIT_EDGE + width - (2 - at) * wide;
      const frame = pen.rect(x, 1, wide, high, { rx: 6, fill: on ? pen.wash : "transparent", stroke: on ? pen.line : pen.hair });
      const text = pen.text(x + wide / 2, 16, words, { anchor: "middle", size: 11, weight: on ? 600 : 400, colour: on ? pen.ink : pen.faint });
      const group = unitNode("g", { "aria-pressed": on, "data-testid": `unit-by-${words.toLowerCase()}` }, frame, text);
      return pen.press(group, frame, `The sum by ${words.toLowerCase()}`, () => hands.show(picked));
    };
    return unitNode("g", { role: "group", "aria-label": "What the sum is told by" }, button("Maps", 0, byMap, true), button("Numbers", 1, !byMap, false));
  }

  titles({ x, y, width, label, detail }) {
    const look = { size: 10.5, colour: this.pen.faint };
    return [
      this.pen.text(x, y - 6, this.numbers.sources.some(({ place }) => place) ? "input (row, column)" : "input", { ...look, room: label }),
      this.pen.text(x + label + 10 + detail * 0.46 + 4, y - 6, "value × weight", { ...look, anchor: "middle" }),
      this.pen.text(x + label + detail + 20, y - 6, width < 400 ? "" : "sum so far", look),
      this.pen.text(x + width, y - 6, "product", { ...look, anchor: "end" }),
    ];
  }

  note({ x, width }, room) {
    if (room.vertical) return;
    const look = { size: 11, italic: true, anchor: "end", colour: this.pen.faint, "data-note": "" };
    this.root.append(this.pen.text(x + width, 16, "blue adds, red takes away", look));
  }

  softmax(sum, wide, room) {
    const { pen, numbers } = this;
    const { softmax } = numbers.unit;
    const beside = { x: sum.x + 44, y: 16, width: room.width - UNIT_EDGE - sum.x - 50 };
    const at = wide ? beside : { x: UNIT_EDGE + 4, y: this.bottom + 28, width: room.width - 24 };
    this.classes = new UnitSoftmax(pen, softmax, at);
    this.root.append(this.classes.root);
    const mine = softmax.classes.findIndex(([, , , chosen]) => chosen);
    if (wide && mine >= 0) {
      const to = { x: at.x - 12, y: at.y + 26 + (mine + 0.5) * UNIT_CLASS_PITCH };
      const middle = (sum.x + to.x) / 2;
      this.root.append(pen.arrow(`M${sum.x},${sum.y} C${middle + 6},${sum.y} ${middle - 6},${to.y} ${to.x},${to.y}`));
    }
    let { bottom } = this.classes;
    const words = softmax.turned
      ? ["one unit decides between two classes: this", "is its sum, with every sign turned round"]
      : room.notes && softmax.kind === "softmax" ? ["softmax: e^logit is never negative;", "the shares of all classes add up to 1"] : null;
    if (words) {
      const y = bottom + 24;
      const tip = `M${at.x + 3},${y - 12} Q${at.x - 6},${bottom + 8} ${at.x + 4},${bottom - 2}`;
      this.root.append(pen.remark(at.x, y, words, tip));
      bottom = y + 16;
    }
    this.bottom = Math.max(this.bottom, bottom + 8);
  }

  activation(sum, wide, room) {
    const { pen, numbers } = this;
    const map = 56;
    const x = wide ? sum.x + 40 : 44;
    const y = wide ? sum.y : this.bottom + 62;
    const reach = unitReach([numbers.total]);
    this.chain = new UnitChain(pen, numbers, { x, y, right: room.width - UNIT_EDGE, map, bare: true }, unitScale(reach, true, pen.theme.dark));
    const from = wide ? `M${sum.x},${y} H${x - 5}` : `M14,${this.bottom + 4} V${y - 10} q0,10 10,10 H${x - 5}`;
    this.root.append(this.chain.root, pen.arrow(from));
    this.bottom = Math.max(this.bottom, this.chain.bottom + 8);
    const words = room.notes && this.chain.activation && unitStepRemark(this.chain.activation.step);
    if (!words) return;
    const { x: middle, y: base } = this.chain.activation;
    const tip = `M${middle + 36},${base + 30} Q${middle + 42},${base + 10} ${middle + 34},${base + 1}`;
    this.root.append(pen.remark(middle, base + 40, words, tip, "middle"));
    this.bottom = Math.max(this.bottom, base + 40 + 13 * words.length);
  }

  look(now) {
    const { numbers } = this;
    if (this.flat) this.flat.look(now);
    else this.ledger.fill(unitLedgerValues(numbers, now));
    this.ledger.compare(now.output, now.keras, numbers.agrees(now.output, now.keras), now.borrowed);
    if (this.chain) this.chain.look(now, null);
  }

  onKey(event) {
    return this.flat ? this.flat.onKey(event) : false;
  }

  advise() {}
}

/** A channel of whose arithmetic nothing is known here: its result, and a sentence that says so. */
class UnitAlone {
  constructor(pen, numbers, room) {
    const { unit } = numbers;
    const reach = unitReach([numbers.result]);
    const scale = unitScale(reach, reach[0] < 0, pen.theme.dark);
    const side = 72;
    const { rows, cols, result: values } = numbers;
    const tile = new UnitTile(pen, { x: UNIT_EDGE, y: 40, side, rows, cols, values, scale, name: "result", frame: 2 });
    tile.mark(1, 1);
    this.outputs = [tile];
    const left = UNIT_EDGE + side + 24;
    const words = [`The arithmetic of ${unit.kind}`, "is not unfolded here. This is its result."];
    const lines = words.map((line, k) => pen.text(left, 62 + 17 * k, line, { size: 12, colour: pen.faint, room: room.width - left - UNIT_EDGE }));
    this.value = pen.text(left, 104, "", { size: 12, digits: true, "data-testid": "unit-keras" });
    const heading = unitHeading(pen, UNIT_EDGE, 40, side, "result", numbers.cells > 1 ? scale : null);
    this.root = unitNode("g", {}, tile.root, heading, ...lines, this.value);
    this.bottom = 40 + side + 16;
    this.numbers = numbers;
  }

  look(now) {
    for (const tile of this.outputs) tile.look(now.row, now.col);
    const where = this.numbers.cells > 1 ? `row ${now.row}, column ${now.col}: ` : "";
    this.value.setAttribute("data-value", now.keras);
    this.value.textContent = `${where}${unitShort(now.keras, 5)}`;
  }

  advise() {}
}
