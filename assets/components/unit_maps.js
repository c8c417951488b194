// A channel that is a map: the rows of its inputs, the way to its result, and below or beside it one value as a sum.

const UNIT_TOP = 55; // top of the first map: over it stand a title, a scale and a name
const UNIT_EDGE = 8;

/** Short remarks on the first row, by what happens in it. */
function unitRowRemark(numbers) {
  const { form, geometry } = numbers;
  if (form === "convolution") return geometry.size[0] * geometry.size[1] === 1 ? ["every cell × one number"] : ["slide the slice over the map,", "multiply and add"];
  if (form === "max" || form === "mean") return numbers.cells > 1 ? ["slide the window over the map"] : null;
  return null;
}

class UnitMaps {
  /** `room` is {width, vertical, notes}; `hands` is {choose(index), player}. */
  constructor(pen, numbers, room, hands) {
    Object.assign(this, { pen, numbers, room, hands });
    this.count = numbers.sources.length + (numbers.unit.others ? 1 : 0);
    this.map = room.vertical ? 60 : room.width < 760 || this.count > 4 ? 56 : 64;
    this.tight = !room.vertical && room.width < 760;
    this.remark = room.notes ? unitRowRemark(numbers) : null;
    const space = this.remark ? 8 + 13 * this.remark.length : 0;
    this.rows = new UnitRows(pen, numbers, { y: UNIT_TOP, map: this.map, gap: this.count > 1 ? space : 0, tight: this.tight }, hands.choose);
    this.rowsBottom = this.rows.bottom + (this.count > 1 ? 0 : space);
    this.below = this.count <= 3;
    this.root = unitNode("g", {}, this.rows.root);
    if (room.vertical) this.flowDown();
    else this.flowRight();
    this.annotate();
    this.sum();
    this.outputs = [...this.rows.outputs, ...this.chain.outputs];
  }

  totalScale() {
    const { numbers, pen } = this;
    if (numbers.form === "convolution") return unitScale(unitReach([numbers.total]), true, pen.theme.dark);
    const { low, high } = this.rows.inputScale;
    if (numbers.form === "sum" || numbers.form === "product") {
      const reach = unitReach([numbers.total]);
      return unitScale(reach, reach[0] < 0, pen.theme.dark);
    }
    return this.rows.tinted ? unitTintScale([low, high], numbers.sources[0].name) : this.rows.inputScale;
  }

  flowRight() {
    const { pen, numbers, room, rows } = this;
    const start = rows.columns.end + 6;
    const y = this.below ? (UNIT_TOP + rows.bottom) / 2 : UNIT_TOP + this.map / 2;
    const scale = this.totalScale();
    const right = room.width - UNIT_EDGE;
    if (!numbers.merges) {
      this.chain = new UnitChain(pen, numbers, { x: start + 44, y, right, map: this.map, tight: this.tight }, scale);
      this.root.append(pen.arrow(`M${start},${y} H${start + 38}`), this.chain.root);
      this.plus = null;
      return;
    }
    const after = numbers.steps.reduce((sum, step) => sum + unitStepWidth(step, this.tight) + (this.tight ? 14 : 40), this.map * 2);
    const curve = unitClip(right - start - after - 60, 40, 116);
    this.plus = { x: start + curve, y };
    this.root.append(rows.wires(this.plus, null), this.sign(this.plus, -1));
    const x = this.plus.x + UNIT_PLUS + (this.tight ? 22 : 28);
    this.root.append(pen.arrow(`M${this.plus.x + UNIT_PLUS + 3},${y} H${x - 5}`));
    this.chain = new UnitChain(pen, numbers, { x, y, right, map: this.map, tight: this.tight }, scale);
    this.root.append(this.chain.root);
  }

  flowDown() {
    const { pen, numbers, room, rows } = this;
    const wide = numbers.form === "sum" || numbers.form === "product" ? 150 : 0; // beside the inputs' names
    const bus = { x: Math.max(rows.columns.end, wide) + 30, y: this.rowsBottom + 22 };
    const y = bus.y + 52 + this.map / 2;
    const x = numbers.merges ? 62 : 40;
    this.plus = numbers.merges ? { x: 22, y } : null;
    if (this.plus) {
      this.root.append(rows.wires(this.plus, bus), this.sign(this.plus, 1), pen.arrow(`M${this.plus.x + UNIT_PLUS + 3},${y} H${x - 5}`));
    } else {
      const { x: from, y: middle } = rows.sockets[0];
      this.root.append(pen.arrow(`M${from + 6},${middle} H${bus.x - 10} q10,0 10,10 V${bus.y - 10} q0,10 -10,10 H24 q-10,0 -10,10 V${y - 10} q0,10 10,10 H${x - 5}`));
    }
    this.chain = new UnitChain(pen, numbers, { x, y, right: room.width - UNIT_EDGE, map: this.map }, this.totalScale());
    this.root.append(this.chain.root);
  }

  /** The plus sign, or the sign of a product; the bias comes in from above (−1) or below (1). */
  sign({ x, y }, side) {
    const { pen, numbers } = this;
    const arm = 4.5;
    const d = numbers.form === "product" ? `M${x - 4},${y - 4} l8,8 M${x - 4},${y + 4} l8,-8` : `M${x - arm},${y} h${2 * arm} M${x},${y - arm} v${2 * arm}`;
    const circle = unitNode("circle", { cx: x, cy: y, r: UNIT_PLUS, fill: pen.theme.paper, stroke: pen.ink, "stroke-width": 1.4 });
    const group = unitNode("g", {}, circle, pen.path(d, { stroke: pen.ink, "stroke-width": 1.6 }));
    if (numbers.form !== "convolution" || numbers.bias === 0) return group;
    const end = y + side * 40;
    group.append(
      pen.path(`M${x},${y + side * (UNIT_PLUS + 1)} V${end}`, { stroke: pen.sign(numbers.bias) }),
      unitNode("circle", { cx: x, cy: end, r: 4.5, fill: pen.sign(numbers.bias), stroke: pen.theme.paper }),
      pen.text(side < 0 ? x : Math.max(x - 20, 2), end + (side < 0 ? -9 : 17), `bias ${unitShort(numbers.bias, 3)}`, { size: 10.5, anchor: side < 0 ? "middle" : "start", colour: pen.faint }),
    );
    return group;
  }

  annotate() {
    const { pen, room, rows, chain, remark, map } = this;
    this.noted = chain.bottom;
    if (!room.notes) return;
    const { columns } = rows;
    if (remark) {
      const middle = columns.kernel + columns.slice / 2;
      const y = UNIT_TOP + map + 20;
      const tip = UNIT_TOP + map / 2 + columns.slice / 2 + (this.numbers.form === "convolution" ? 3 : -12);
      this.root.append(pen.remark(columns.input, y, remark, `M${middle + 14},${y - 11} Q${middle + 3},${y - 14} ${middle},${tip}`));
    }
    if (this.plus && !room.vertical && !chain.wrapped && this.numbers.form !== "product") {
      const y = this.plus.y + map / 2 + 40;
      const lines = this.numbers.form === "convolution" && this.numbers.bias !== 0 ? ["add all of them", "and the bias"] : ["add all of them"];
      this.root.append(pen.remark(this.plus.x + 10, y, lines, `M${this.plus.x + 6},${y - 4} Q${this.plus.x - 3},${y - 8} ${this.plus.x},${this.plus.y + UNIT_PLUS + 3}`));
      this.noted = Math.max(this.noted, y + 13);
    }
    const words = chain.activation && unitStepRemark(chain.activation.step);
    if (!words) return;
    const { x, y } = chain.activation;
    if (y + 24 < chain.bottom) return; // another line of the chain is below
    const base = y + 40;
    const tip = `M${x + 36},${base - 10} Q${x + 42},${y + 10} ${x + 34},${y + 1}`;
    this.root.append(pen.remark(x, base, words, tip, "middle"));
    this.noted = Math.max(this.noted, base + 13 * (words.length - 1) + 6);
  }

  /** One value as a sum: beside the rows where they are many, else below. */
  sum() {
    const { pen, numbers, room } = this;
    const beside = !room.vertical && !this.below;
    // A short way to the result leaves room on its right.
    const after = !room.vertical && numbers.form !== "convolution" && room.width - this.chain.right > 420;
    const x = after ? this.chain.right + 56 : beside ? this.plus.x - 2 : UNIT_EDGE;
    const y = after ? 2 : (beside ? this.noted : Math.max(this.noted, this.rowsBottom)) + 22;
    const width = room.width - UNIT_EDGE - x;
    this.panel = new UnitPanel(pen, numbers, { x, y, width }, this.hands, { input: (source) => this.rows.scaleOf(source), weight: this.rows.weightScale });
    this.root.append(this.panel.root);
    this.bottom = Math.max(this.panel.bottom, this.rowsBottom, this.noted) + 8;
  }

  /** Says how to look elsewhere. */
  advise(words) {
    this.panel.advise(words);
  }

  look(now, chosen, covered) {
    this.rows.look(now, chosen, covered);
    this.chain.look(now, covered);
    this.panel.look(now, chosen);
  }
}

/** The arithmetic of one value: its heading with the Play button, patch × slice, and the ledger. */
class UnitPanel {
  constructor(pen, numbers, at, hands, scales) {
    Object.assign(this, { pen, numbers, at, scales });
    const { player } = hands;
    const button = player ? player.button(at.x, at.y) : null;
    this.heading = pen.text(at.x + (button ? 84 : 0), at.y + 16, "", { size: 13, weight: 600, room: at.width });
    this.hint = pen.text(at.x + at.width, at.y + 16, "", { size: 11, anchor: "end", colour: pen.faint });
    this.root = unitNode("g", { "data-testid": "unit-panel" }, this.heading, this.hint, ...(button ? [button] : []));
    const top = at.y + 38;
    let left = at.x;
    let y = top;
    if (numbers.tabled && numbers.form !== "dense") {
      this.grids = new UnitGrids(pen, numbers, { x: at.x, y: top, width: at.width });
      this.root.append(this.grids.root);
      const beside = Math.max(this.grids.width, 190) + 36;
      if (at.width - beside >= UNIT_LEDGER - 36) left = at.x + beside;
      else y = this.grids.bottom + 8;
    }
    const width = Math.min(at.x + at.width - left, 460);
    this.pickable = numbers.sources.length > 1 && (numbers.form === "convolution" || numbers.form === "sum");
    const lines = unitLedgerLines(numbers, hands.choose);
    this.ledger = new UnitWaterfall(pen, { x: left, y, width, pitch: 20, label: Math.min(width * 0.42, 170), detail: 0 }, lines);
    this.root.append(this.ledger.root);
    this.bottom = Math.max(this.ledger.bottom, this.grids ? this.grids.bottom : 0);
  }

  look(now, chosen) {
    const { numbers } = this;
    const noun = { max: "largest value", mean: "mean", copy: "value", picture: "pixel", product: "product" }[numbers.form] || "sum";
    this.heading.textContent = `The ${noun}${numbers.cells > 1 ? ` at row ${now.row}, column ${now.col}` : ""}`;
    if (this.grids) this.grids.fill(numbers.sources[chosen], chosen, now, this.scales.input(numbers.sources[chosen]), this.scales.weight);
    this.ledger.fill(unitLedgerValues(numbers, now), this.pickable ? chosen : -1);
    this.ledger.compare(now.output, now.keras, numbers.agrees(now.output, now.keras));
  }

  /** Says how to look elsewhere, where there is room for it. */
  advise(words) {
    this.hint.textContent = this.at.width >= 480 && this.numbers.cells > 1 ? words : "";
  }
}
