// A channel that is a map: the rows of its inputs, the way to its result, and below or beside it one value as a sum.

const UNIT_TOP = 55; // top of the first map: over it stand a title, a scale and a name
const UNIT_EDGE = 8;

/** Short remarks on the first row, by what happens in it. */
function unitRowRemark(numbers) {
  const { form, geometry } = numbers;
  if (numbers.unit.kind === "Conv2DTranspose") return ["zeros lie between the cells;", "slide the slice over them"];
  const one = geometry && geometry.size[0] * geometry.size[1] === 1;
  if (form === "convolution") return one ? ["every cell × one number"] : ["slide the slice over the map,", "multiply and add"];
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
    const { head, tinted, of } = this.rows.inputs;
    if (numbers.joins) {
      const reach = unitReach([numbers.total]);
      return unitScale(reach, reach[0] < 0, pen.theme.dark);
    }
    return tinted ? of(numbers.sources[0]) : head;
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
    const wide = numbers.joins ? 150 : 0; // beside the inputs' names
    const bus = { x: Math.max(rows.columns.end, wide) + 30, y: this.rowsBottom + 22 };
    const y = bus.y + 52 + this.map / 2;
    const x = numbers.merges ? 62 : 40;
    this.plus = numbers.merges ? { x: 22, y } : null;
    if (this.plus) {
      this.root.append(rows.wires(this.plus, bus), this.sign(this.plus, 1), pen.arrow(`M${this.plus.x + UNIT_PLUS + 3},${y} H${x - 5}`));
    } else {
      const { x: from, y: middle } = rows.sockets[0];
      const down = `M${from + 6},${middle} H${bus.x - 10} q10,0 10,10 V${bus.y - 10} q0,10 -10,10`;
      this.root.append(pen.arrow(`${down} H24 q-10,0 -10,10 V${y - 10} q0,10 10,10 H${x - 5}`));
    }
    this.chain = new UnitChain(pen, numbers, { x, y, right: room.width - UNIT_EDGE, map: this.map }, this.totalScale());
    this.root.append(this.chain.root);
  }

  /** The plus sign, or the sign of a product; the bias comes in from above (−1) or below (1). */
  sign({ x, y }, side) {
    const { pen, numbers } = this;
    const arm = 4.5;
    const cross = `M${x - 4},${y - 4} l8,8 M${x - 4},${y + 4} l8,-8`;
    const taken = { maximum: "max", minimum: "min" }[numbers.form];
    const d = numbers.form === "product" ? cross : `M${x - arm},${y} h${2 * arm} M${x},${y - arm} v${2 * arm}`;
    const circle = unitNode("circle", { cx: x, cy: y, r: UNIT_PLUS, fill: pen.theme.paper, stroke: pen.ink, "stroke-width": 1.4 });
    const drawn = taken ? pen.text(x, y + 3, taken, { anchor: "middle", size: 9 }) : pen.path(d, { stroke: pen.ink, "stroke-width": 1.6 });
    const group = unitNode("g", {}, circle, drawn);
    if (numbers.form !== "convolution" || numbers.bias === 0) return group;
    const above = side < 0;
    const end = above ? y - 40 : y + 30;
    const look = { size: 10.5, colour: pen.faint };
    const number = unitShort(numbers.bias, 3);
    const words = above
      ? [pen.text(x, end - 9, `bias ${number}`, { ...look, anchor: "middle" })]
      : [pen.text(2, end + 16, "bias", look), pen.text(2, end + 29, number, look)];
    group.append(
      pen.path(`M${x},${y + side * (UNIT_PLUS + 1)} V${end}`, { stroke: pen.sign(numbers.bias) }),
      unitNode("circle", { cx: x, cy: end, r: 4.5, fill: pen.sign(numbers.bias), stroke: pen.theme.paper }),
      ...words,
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
      const { form, adds, bias } = this.numbers;
      const taking = ["take the one that is", unitNoun(form, true)];
      const adding = form === "convolution" && bias !== 0 ? ["add all of them", "and the bias"] : ["add all of them"];
      const lines = adds ? adding : taking;
      const { x, y: top } = this.plus;
      this.root.append(pen.remark(x + 10, y, lines, `M${x + 6},${y - 4} Q${x - 3},${y - 8} ${x},${top + UNIT_PLUS + 3}`));
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
    const after = !room.vertical && numbers.form !== "convolution" && room.width - this.chain.right > 380;
    const x = after ? this.chain.right + 56 : beside ? this.plus.x - 2 : UNIT_EDGE;
    const y = after ? 2 : (beside ? this.noted : Math.max(this.noted, this.rowsBottom)) + 22;
    const width = room.width - UNIT_EDGE - x;
    const scales = { input: (source) => this.rows.inputs.of(source), weight: this.rows.weightScale };
    this.panel = new UnitPanel(pen, numbers, { x, y, width }, this.hands, scales);
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
