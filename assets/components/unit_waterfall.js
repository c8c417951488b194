// A sum as a ledger: a line for each number that is added, with a bar from the sum so far; then the sum and what follows it.

class UnitWaterfall {
  /**
   * `at` is {x, y, width, pitch, label, detail}: `label` and `detail` are the widths of the first two columns.
   * `lines` are {role, label, cut, detail: [value, weight], art, pitch, attributes, rule, hint, pick}; of the roles "part" adds,
   * "sum" is the sum, "step" and "told" only tell. `art(top)` draws something in a line, `pitch` is its own height.
   */
  constructor(pen, at, lines) {
    Object.assign(this, { pen, at });
    this.numberRoom = at.width < 400 ? 62 : 76;
    this.left = at.x + at.label + (at.detail ? at.detail + 10 : 0) + 10;
    this.right = Math.max(at.x + at.width - this.numberRoom, this.left + 24);
    this.bars = unitNode("g", { "aria-hidden": "true" });
    this.zero = pen.path("", { stroke: pen.line, "stroke-width": 1 });
    this.root = unitNode("g", {}, this.bars);
    let top = at.y;
    this.lines = lines.map((line) => {
      const drawn = this.line(line, top);
      top += drawn.high;
      return drawn;
    });
    this.bars.append(this.zero);
    this.bottom = top;
  }

  line(line, top) {
    const { pen, at } = this;
    const high = line.pitch || at.pitch;
    const base = top + high / 2 + 4;
    const strong = line.role === "sum" || line.strong;
    const room = line.detail || !at.detail ? at.label : at.label + at.detail + 10;
    const wide = line.role === "step" || line.role === "told" ? this.right - at.x - 12 : room;
    const wash = pen.rect(at.x - 5, top + 0.5, at.width + 10, high - 1, { rx: 5, fill: pen.wash, opacity: 0 });
    const label = pen.text(at.x, base, line.label, { size: 11.5, room: wide, cut: line.cut, weight: strong ? 600 : 400, colour: strong ? pen.ink : pen.faint });
    const group = unitNode("g", {}, wash, label);
    if (line.hint) group.append(pen.hint(line.hint));
    if (line.detail) {
      const [value, weight] = line.detail;
      const middle = at.x + at.label + 10 + at.detail * 0.46;
      const look = { size: 10.5, digits: true };
      group.append(pen.text(middle - 4, base, value, { ...look, anchor: "end" }), pen.text(middle, base, weight, look));
    }
    const look = { anchor: "end", size: strong ? 12.5 : 11.5, digits: true, weight: strong ? 700 : 400 };
    const number = pen.text(at.x + at.width, base, "", { ...look, ...line.attributes });
    group.append(number);
    if (line.rule) group.append(pen.path(`M${at.x},${top} H${at.x + at.width}`, { stroke: pen.hair, "stroke-width": 1 }));
    if (line.pick) {
      group.setAttribute("style", "cursor: pointer");
      group.append(pen.rect(at.x - 5, top, at.width + 10, high, { fill: "transparent" }));
      group.addEventListener("pointerenter", line.pick);
      group.addEventListener("click", line.pick);
    }
    if (line.art) group.append(line.art(top));
    this.root.append(group);
    const drawn = { ...line, number, wash, top, high };
    if (line.role === "part" || line.role === "sum") {
      drawn.bar = pen.rect(0, top + high / 2 - 5, 0, 10, { rx: 1.5 });
      drawn.join = pen.path("", { stroke: pen.hair, "stroke-width": 1 });
      this.bars.append(drawn.join, drawn.bar);
    }
    return drawn;
  }

  /** Lights a line; none for −1. */
  choose(chosen) {
    this.lines.forEach((line, k) => line.wash.setAttribute("opacity", k === chosen ? 1 : 0));
  }

  /** Writes the numbers; `values` has one for each line, `chosen` is the line that is lit. */
  fill(values, chosen = -1) {
    this.choose(chosen);
    const { pen, left, right } = this;
    const parts = this.lines.map((line, k) => (line.bar && Number.isFinite(values[k]) ? values[k] : 0));
    let sum = 0;
    const ends = this.lines.map((line, k) => (line.role === "part" ? [sum, (sum += parts[k])] : [0, parts[k]]));
    const [low, high] = unitReach([[0], ...ends]);
    const across = (value) => left + ((value - low) / (high - low || 1)) * (right - left - 12);
    const decimals = unitDecimals(parts);
    const barred = this.lines.filter((line) => line.bar);
    if (barred.length) this.zero.setAttribute("d", `M${across(0)},${barred[0].top + 1} V${barred.at(-1).top + barred.at(-1).high - 1}`);
    this.lines.forEach((line, k) => {
      const value = values[k];
      line.number.setAttribute("data-value", value);
      if (!line.bar) {
        line.number.textContent = unitShort(value, 4);
        return;
      }
      const plus = line.role === "part" && value > 0 ? "+" : "";
      line.number.textContent = plus + (Math.abs(value) < 0.5 * 10 ** -decimals ? unitShort(value, 2) : unitFigure(value, decimals));
      const [from, to] = ends[k].map(across);
      const wide = Math.max(Math.abs(to - from), value ? 1 : 0);
      unitSet(line.bar, { x: Math.min(from, to).toFixed(2), width: wide.toFixed(2), fill: line.role === "sum" ? pen.ink : pen.sign(value) });
      if (line.role !== "part") return;
      const next = this.lines[k + 1];
      line.join.setAttribute("d", `M${to.toFixed(2)},${line.top + line.high / 2 + 5} V${next.top + next.high / 2 - 5}`);
    });
  }

  /** What Keras has for the last line, beside ours; of what was taken from Keras nothing is said. */
  compare(ours, keras, equal, borrowed) {
    const { number } = this.lines.at(-1);
    number.setAttribute("data-equal", equal);
    if (borrowed && equal) {
      number.textContent = unitShort(keras, 4);
      number.setAttribute("fill", this.pen.faint);
      return;
    }
    number.textContent = equal ? `${unitShort(keras, 4)} ✓` : `${unitShort(keras, 4)}, off by ${unitShort(keras - ours, 3)}`;
    number.setAttribute("fill", equal ? (this.pen.theme.dark ? "#6cc98a" : "#157a37") : (this.pen.theme.dark ? "#ff8f84" : "#b3261e"));
  }
}
