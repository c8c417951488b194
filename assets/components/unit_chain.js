// From the sum to the result: the sum's map, one box for each step after it, and the result's map.

const UNIT_STEP = { normalisation: 132, scaling: 132, activation: 76, same: 70, other: 92 };
const UNIT_NORMALISATIONS = {
  LayerNormalization: "layer normalisation", GroupNormalization: "group normalisation",
  RMSNormalization: "RMS normalisation", UnitNormalization: "length becomes 1",
};
const UNIT_FUNCTION_NAMES = {
  relu: "ReLU", relu6: "ReLU6", silu: "SiLU", swish: "SiLU", gelu: "GELU", elu: "ELU", selu: "SELU",
  leakyrelu: "leaky ReLU", prelu: "PReLU", hardsigmoid: "hard sigmoid", hardsilu: "hard SiLU", hardswish: "hard SiLU",
};

/** What a step is called: the activation's name as it is written in books, else what kind of step it is. */
function unitStepName(step) {
  if (step.kind === "normalisation") return UNIT_NORMALISATIONS[step.name] || "normalisation";
  if (step.kind === "scaling") return "scaling";
  const top = /^relu$/i.test(step.name) && step.f ? step.f(1e6) : 1e6;
  if (top < 1e6) return `ReLU${unitShort(top, 3)}`;
  return UNIT_FUNCTION_NAMES[String(step.name).toLowerCase().replaceAll("_", "")] || String(step.name).replaceAll("_", " ");
}

/** How wide a step's box is; in a `tight` drawing a little less. */
function unitStepWidth(step, tight) {
  const wide = step.kind === "activation" && !step.curve ? 96 : UNIT_STEP[step.kind] || UNIT_STEP.other;
  return tight ? wide - 16 : wide;
}

/** One short remark on an activation; null where there is none to make. */
function unitStepRemark(step) {
  if (step.kind !== "activation" || !step.f) return null;
  const top = Math.max(...step.curve[1]);
  const flat = step.f(1e6);
  const most = unitShort(flat, 2);
  if (/^relu6?$/i.test(step.name)) return flat <= top * 1.001 ? ["below 0 becomes 0,", `above ${most} becomes ${most}`] : ["negative becomes 0"];
  if (/^sigmoid$/i.test(step.name)) return ["squeezed between", "0 and 1"];
  if (/^tanh$/i.test(step.name)) return ["squeezed between", "−1 and 1"];
  if (/leaky/i.test(step.name)) return ["negative becomes small"];
  return /silu|swish|gelu|mish/i.test(step.name) ? ["far below 0 becomes 0"] : null;
}

/** The numbers of a normalisation with more digits than there is room for, a line each. */
function unitExactly({ normalisation }) {
  const written = (value) => (typeof value === "number" ? unitShort(value, 7) : "of each place's own");
  return normalisation ? Object.entries(normalisation).map(([name, value]) => `${name} ${written(value)}`) : [];
}

class UnitChain {
  /**
   * `at` is {x, y, right, map}: left end, middle of the first line, right end, side of the maps; `tight`
   * where there is little room, `bare` where the sum itself is drawn elsewhere.
   */
  constructor(pen, numbers, at, totalScale) {
    Object.assign(this, { pen, numbers, at });
    const { result } = numbers;
    const reach = unitReach([result]);
    this.totalScale = totalScale;
    this.resultScale = numbers.steps.length ? unitScale(reach, reach[0] < 0, pen.theme.dark) : totalScale;
    this.root = unitNode("g");
    this.outputs = [];
    this.values = [];
    this.curves = [];
    this.formulas = [];
    this.activation = null;
    this.place(this.items());
  }

  items() {
    const { numbers, at } = this;
    const { steps, form } = numbers;
    const given = form === "copy" || form === "picture" || at.bare;
    const items = steps.map((step, index) => ({ kind: "step", step, index, width: unitStepWidth(step, at.tight) }));
    if (steps.length && !given) items.unshift({ kind: "total", width: at.map });
    items.push({ kind: "result", width: at.map + 4 });
    return items;
  }

  /** Breaks the items into lines that fit, and draws them with arrows between. */
  place(items) {
    const { at, pen } = this;
    const least = at.tight ? 14 : 20;
    const all = items.reduce((sum, item) => sum + item.width + least, -least);
    this.wrapped = all > at.right - at.x;
    const right = this.wrapped ? at.right - 20 : at.right; // the line turns there
    const lines = [[]];
    let used = 0;
    for (const item of items) {
      if (lines.at(-1).length && used + least + item.width > right - at.x) {
        lines.push([]);
        used = 0;
      }
      used += item.width + (lines.at(-1).length ? least : 0);
      lines.at(-1).push(item);
    }
    const pitch = at.map + 72;
    let before = null;
    lines.forEach((line, k) => {
      const y = at.y + k * pitch;
      const full = line.reduce((sum, item) => sum + item.width, 0);
      const gap = line.length > 1 ? unitClip((right - at.x - full) / (line.length - 1), least, 64) : 0;
      let { x } = at;
      for (const item of line) {
        this.item(item, x, y);
        if (before && before.y === y) this.root.append(pen.arrow(`M${before.x + 5},${y} H${x - 5}`));
        if (before && before.y !== y) this.root.append(this.turn(before, { x, y }));
        before = { x: x + item.width, y };
        x += item.width + gap;
      }
    });
    this.right = before.x;
    this.bottom = before.y + at.map / 2 + 24;
  }

  /** The arrow from the end of one line to the beginning of the next. */
  turn(from, to) {
    const [x, y] = [from.x + 5, from.y + this.at.map / 2 + 27];
    const left = to.x - 10;
    return this.pen.arrow(`M${x},${from.y} h4 q8,0 8,8 V${y - 8} q0,8 -8,8 H${left + 4} q-8,0 -8,8 V${to.y - 8} q0,8 8,8 H${to.x - 3}`);
  }

  item(item, x, y) {
    const { pen, numbers, at } = this;
    if (item.kind === "step") {
      this.step(item, x, y);
    } else {
      const last = item.kind === "result";
      const side = item.width;
      const values = last ? numbers.result : numbers.total;
      const scale = last ? this.resultScale : this.totalScale;
      const title = last ? "result" : unitNoun(numbers.form, true);
      const { rows, cols } = numbers;
      const look = { scale, name: title, frame: last ? 2 : 1, told: false };
      const tile = new UnitTile(pen, { x, y: y - side / 2, side, rows, cols, values, ...look });
      tile.mark(1, 1);
      this.outputs.push(tile);
      const ramp = numbers.cells > 1 ? scale : null;
      this.root.append(tile.root, unitHeading(pen, x, y - side / 2 - (ramp ? 0 : -14), side, title, ramp));
    }
    const weight = item.kind === "result" ? 700 : 400;
    const value = pen.text(x + item.width / 2, y + at.map / 2 + 18, "", { anchor: "middle", size: 12, digits: true, weight });
    const read = { total: (now) => now.total, step: (now) => now.steps[item.index].value, result: (now) => now.output }[item.kind];
    this.values.push({ value, read });
    this.root.append(value);
  }

  step({ step, index, width }, x, y) {
    const { pen, at } = this;
    const high = step.kind === "same" ? 34 : Math.min(at.map, 56);
    const middle = x + width / 2;
    const title = pen.text(middle, y - high / 2 - 8, unitStepName(step), { anchor: "middle", weight: 600, size: 11.5, room: width + 14 });
    const box = pen.rect(x, y - high / 2, width, high, { rx: 7, fill: pen.theme.paper, stroke: pen.line });
    const group = unitNode("g", {}, title, box, pen.hint([`${step.path}: ${step.name}`, ...unitExactly(step)].join("\n")));
    this.root.append(group);
    if (step.normalisation) group.append(...this.formula(step, middle, y, width));
    else if (step.curve) group.append(...this.curve(step, index, x, y - high / 2, width, high));
    else {
      const words = step.kind === "same" ? "no change" : "as Keras has it";
      group.append(pen.text(middle, y + 4, words, { anchor: "middle", size: 10.5, colour: pen.faint, room: width - 8 }));
    }
    if (step.kind === "activation") this.activation = { step, x: middle, y: y + at.map / 2 };
  }

  /** gain · (x − mean) / deviation + offset, with this channel's numbers, in as many digits as have room. */
  formula(step, middle, y, width) {
    const { pen } = this;
    const size = width < 130 ? 9.5 : 10.5;
    const sign = (value) => (value < 0 ? "−" : "+");
    const centred = ({ mean }, short) => (step.normalisation.mean === 0 ? "x" : `(x ${sign(-mean)} ${short(mean)})`);
    const divided = ({ deviation }, short) => `/ ${short(deviation)}`;
    const times = ({ gain }, short) => (gain === 1 ? "" : `× ${gain < 0 ? "−" : ""}${short(gain)} `);
    const plus = ({ offset }, short) => (offset === 0 ? "" : `${sign(offset)} ${short(offset)}`);
    const last = (numbers, short) => `${times(numbers, short)}${plus(numbers, short)}`.trim() || (step.kind === "scaling" ? "× 1" : "");
    const lines = (step.kind === "scaling" ? [[4, last]] : [[-11, centred], [4, divided], [19, last]]).map(([at, write]) => {
      const words = pen.text(middle, y + at, "", { anchor: "middle", size, digits: true, room: width - 2 });
      const put = (numbers) => {
        const written = [5, 4, 3, 2].map((digits) => write(numbers, (value) => unitShort(Math.abs(value), digits)));
        words.textContent = written.find((each) => pen.fits(each, size, width - 6, 400, true)) || written.at(-1);
      };
      return { words, put };
    });
    const put = (index) => lines.forEach((line) => line.put(unitNormalisation(step, index)));
    put(0);
    if (typeof step.normalisation.deviation !== "number") this.formulas.push(put);
    return lines.map(({ words }) => words);
  }

  /** An activation's curve with its axes; the dot on it is moved to the value that is looked at. */
  curve(step, index, left, top, width, high) {
    const { pen } = this;
    const [xs] = step.curve;
    const seen = unitReach([xs, this.befores(index)]);
    const reach = Math.max(Math.abs(seen[0]), Math.abs(seen[1])) || 1;
    const f = (x) => (step.f ? step.f(x) : NaN);
    const points = Array.from({ length: 81 }, (_, k) => [(k / 40 - 1) * reach, f((k / 40 - 1) * reach)]).filter(([, y]) => Number.isFinite(y));
    const [low, high2] = unitReach([points.map(([, y]) => y), [0]]);
    const pad = 8;
    const across = (x) => left + pad + ((x + reach) / (2 * reach)) * (width - 2 * pad);
    const up = (y) => top + high - pad - ((y - low) / (high2 - low || 1)) * (high - 2 * pad);
    const d = points.map(([x, y], k) => `${k ? "L" : "M"}${across(x).toFixed(1)},${up(y).toFixed(1)}`).join(" ");
    const dot = unitNode("circle", { r: 3.6, fill: pen.theme.accent, stroke: pen.theme.paper, "stroke-width": 1.2 });
    this.curves.push({ index, dot, across, up });
    const axis = { stroke: pen.hair, "stroke-width": 1 };
    return [
      pen.path(`M${left + 3},${up(0).toFixed(1)} H${left + width - 3} M${across(0).toFixed(1)},${top + 3} V${top + high - 3}`, axis),
      pen.path(d, { stroke: pen.ink, "stroke-width": 1.6, "stroke-linejoin": "round" }),
      dot,
    ];
  }

  /** The numbers that a step is given, as Keras has them. */
  befores(index) {
    return index ? this.numbers.steps[index - 1].after : this.numbers.total;
  }

  look(now, covered) {
    for (const tile of this.outputs) {
      tile.look(now.row, now.col);
      tile.coverAfter(covered);
    }
    for (const put of this.formulas) put(now.index);
    for (const { value, read } of this.values) value.textContent = unitShort(read(now), 4);
    for (const { index, dot, across, up } of this.curves) {
      const { before, value } = now.steps[index];
      const there = Number.isFinite(before) && Number.isFinite(value);
      dot.setAttribute("visibility", there ? "visible" : "hidden");
      if (there) unitSet(dot, { cx: across(before).toFixed(1), cy: up(value).toFixed(1) });
    }
  }
}
