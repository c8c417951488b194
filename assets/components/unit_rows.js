// The inputs of a sum, one below the other: input map × slice of the kernel → what it gives; and the lines to the plus sign.

const UNIT_PLUS = 11; // radius of the plus sign
const UNIT_NAME = 18; // room for an input's name over its map

/** What is written where a kernel's slice would be; null where there is one, or nothing at all. */
function unitTag(numbers, source) {
  const { form, geometry } = numbers;
  if (form === "max" || form === "mean") {
    const whole = geometry.size[0] >= source.height && geometry.size[1] >= source.width;
    return [form === "max" ? "largest of" : "mean of", whole ? "the map" : `${geometry.size[0]} × ${geometry.size[1]}`];
  }
  if (form === "sum" && source.weights && source.weights[0] !== 1) return [`× ${unitShort(source.weights[0], 3)}`];
  return null;
}

/** Where things stand in a row, for maps of `map` px: lefts of input, slice and part, and the row's right end. */
function unitColumns(numbers, map, tight) {
  const slice = Math.round(map * 0.72);
  const input = 8;
  if (numbers.form === "convolution") {
    const at = { map, slice, input, kernel: input + map + (tight ? 18 : 22) };
    const end = at.kernel + slice;
    return numbers.merges ? { ...at, part: end + (tight ? 22 : 28), end: end + (tight ? 22 : 28) + map } : { ...at, end };
  }
  const tagged = numbers.sources.some((source) => unitTag(numbers, source));
  return { map, slice: 68, input, kernel: input + map + 24, end: tagged ? input + map + 24 + 68 : input + map };
}

class UnitRows {
  /** `at` is {y, map, gap, tight}: the top of the first map, the maps' side, room under the first row for a remark, small gaps. */
  constructor(pen, numbers, at, choose) {
    Object.assign(this, { pen, numbers, choose, map: at.map });
    this.columns = unitColumns(numbers, at.map, at.tight);
    this.root = unitNode("g");
    this.sockets = [];
    this.rows = [];
    this.tiles = [];
    this.outputs = [];
    this.scales(pen.theme.dark);
    this.headings(at.y);
    const count = numbers.sources.length + (numbers.unit.others ? 1 : 0);
    const tops = Array.from({ length: count }, (_, k) => at.y + k * (at.map + UNIT_NAME + 6) + (k ? at.gap : 0));
    numbers.sources.forEach((source, index) => this.row(source, index, tops[index]));
    if (numbers.unit.others) this.others(tops[count - 1]);
    this.bottom = tops[count - 1] + at.map;
  }

  scales(dark) {
    const { sources, rest, form, merges } = this.numbers;
    this.inputs = unitInputScales(sources, dark);
    this.partScale = unitScale(unitReach(sources.map((source) => source.part)), true, dark);
    this.restScale = unitScale(unitReach([rest]), true, dark);
    const weights = sources.filter((source) => source.weights).map((source) => source.weights);
    this.weightScale = unitScale(unitReach(weights), true, dark);
    this.parted = merges && form === "convolution";
  }

  headings(y) {
    const { columns, map, pen, numbers } = this;
    const top = y - UNIT_NAME + 3;
    const title = numbers.unit.others ? "strongest" : numbers.sources.length > 1 ? "inputs" : "input";
    this.root.append(unitHeading(pen, columns.input, top, map, title, this.inputs.head));
    if (numbers.form !== "convolution") return;
    this.root.append(unitHeading(pen, columns.kernel, top, columns.slice, "slice", this.weightScale));
    if (this.parted) this.root.append(unitHeading(pen, columns.part, top, map, "intermediate", this.partScale));
  }

  row(source, index, y) {
    const { pen, columns, map, numbers } = this;
    const middle = y + map / 2;
    const wide = numbers.joins ? Math.max(columns.end - columns.input, 130) : columns.end - columns.input;
    const wash = pen.rect(0, y - UNIT_NAME, wide + 16, map + UNIT_NAME + 5, { rx: 8, fill: pen.wash, opacity: 0 });
    const room = numbers.form === "convolution" ? wide : Math.max(wide, 150);
    const name = pen.text(columns.input, y - 5, source.name, { size: 11, room, cut: "start", colour: pen.faint });
    const shape = { rows: source.height, cols: source.width };
    const given = { values: source.values, scale: this.inputs.of(source), name: source.name };
    const tile = new UnitTile(pen, { x: columns.input, y, side: map, ...shape, ...given });
    const window = numbers.window(0, 0);
    tile.mark(window.rows, window.cols);
    const several = numbers.sources.length > 1;
    const group = unitNode("g", { "data-testid": "unit-row", "data-source": index }, wash, name, tile.root);
    if (several) pen.button(group, wash, `Show what ${source.name} gives`);
    group.append(pen.hint(`${source.name}: ${source.height} × ${source.width}`));
    let part = null;
    if (numbers.form === "convolution") {
      group.append(pen.text((columns.input + map + columns.kernel) / 2, middle + 4, "×", { anchor: "middle", size: 14, colour: pen.faint }));
      group.append(this.slice(source, columns.kernel, middle));
      if (this.parted) {
        group.append(pen.arrow(`M${columns.kernel + columns.slice + 5},${middle} H${columns.part - 5}`));
        const given = { rows: numbers.rows, cols: numbers.cols, values: source.part, scale: this.partScale, name: `what ${source.name} gives` };
        part = new UnitTile(pen, { x: columns.part, y, side: map, ...given });
        part.mark(1, 1);
        group.append(part.root);
        this.outputs.push(part);
      }
    } else if (unitTag(numbers, source)) {
      group.append(this.tag(unitTag(numbers, source), middle));
    }
    if (several) {
      group.addEventListener("pointerenter", () => this.choose(index));
      group.addEventListener("focus", () => this.choose(index));
      group.addEventListener("click", () => this.choose(index));
    }
    this.rows.push({ wash, name, group });
    this.tiles.push(tile);
    const bare = numbers.form !== "convolution" && !unitTag(numbers, source);
    this.sockets.push({ x: bare ? columns.input + map : columns.end, y: middle });
    this.root.append(group);
  }

  /** A slice of the kernel as coloured cells; one that is a single cell has its number in it. */
  slice(source, left, middle) {
    const { pen, columns, numbers } = this;
    const [rows, cols] = numbers.geometry.size;
    const one = rows * cols === 1;
    const side = one ? 38 : columns.slice;
    const cell = side / Math.max(rows, cols);
    const [x, y] = [left + (columns.slice - cols * cell) / 2, middle - (rows * cell) / 2];
    const grid = unitNode("g", { "data-testid": "unit-slice" });
    const gap = cell >= 8 ? 1 : 0;
    source.weights.forEach((weight, k) => {
      const rgb = this.weightScale.rgb(weight);
      const [cx, cy] = [x + (k % cols) * cell, y + Math.floor(k / cols) * cell];
      grid.append(pen.rect(cx, cy, cell - gap, cell - gap, { fill: cssColour(rgb) }));
      if (!one) return;
      const look = { anchor: "middle", size: 10, digits: true, colour: unitInkOn(rgb) };
      grid.append(pen.text(cx + cell / 2, cy + cell / 2 + 3.5, unitShort(weight, 2), look));
    });
    const frame = pen.rect(x, y, cols * cell - gap, rows * cell - gap, { fill: "transparent", stroke: pen.hair });
    grid.append(frame, pen.hint(this.sliceInWords(source.weights)));
    return grid;
  }

  /** The numbers of a slice, row by row. */
  sliceInWords(weights) {
    const [rows, cols] = this.numbers.geometry.size;
    if (rows * cols > 64) return "slice of the kernel";
    const line = (i) => Array.from(weights.slice(i * cols, (i + 1) * cols), (weight) => unitShort(weight, 3)).join("  ");
    return ["slice of the kernel", ...Array.from({ length: rows }, (_, i) => line(i))].join("\n");
  }

  tag(lines, middle) {
    const { pen, columns } = this;
    const wide = columns.slice;
    const high = 12 + 14 * lines.length;
    const box = pen.rect(columns.kernel, middle - high / 2, wide, high, { rx: 6, fill: pen.theme.paper, stroke: pen.line });
    const [x, y] = [columns.kernel + wide / 2, middle - high / 2 + 17];
    const words = lines.map((line, k) => pen.text(x, y + 14 * k, line, { anchor: "middle", room: wide - 6 }));
    const from = columns.input + this.map + 4;
    return unitNode("g", {}, pen.arrow(`M${from},${middle} H${columns.kernel - 4}`), box, ...words);
  }

  others(y) {
    const { pen, columns, map, numbers } = this;
    const { others } = numbers.unit;
    const middle = y + map / 2;
    const end = columns.part ? columns.part - 12 : columns.end;
    const many = others === 1 ? ["the other input"] : [`the other ${others.toLocaleString("en")}`, "inputs together"];
    const look = { anchor: "end", size: 11, colour: pen.faint };
    const words = many.map((line, k) => pen.text(end, middle - 4 + 14 * k, line, look));
    const reach = `±${unitShort(this.restScale.high, 3)}`;
    words.push(pen.text(end, middle - 4 + 14 * many.length, reach, { ...look, size: 9, digits: true }));
    this.root.append(...words);
    if (columns.part) {
      const { rows, cols, rest: values } = numbers;
      const name = "what the other inputs give together";
      const tile = new UnitTile(pen, { x: columns.part, y, side: map, rows, cols, values, scale: this.restScale, name });
      tile.mark(1, 1);
      this.outputs.push(tile);
      this.root.append(tile.root);
    }
    this.sockets.push({ x: columns.end, y: middle });
  }

  /** Lines from the rows to the plus sign at `to`; in a narrow drawing they run down on the right and come back below. */
  wires(to, bus) {
    const paths = this.sockets.map(({ x, y }) => {
      const down = bus && `M${x + 6},${y} H${bus.x - 14} q14,0 14,14 V${bus.y - 14} q0,14 -14,14`;
      if (bus) return `${down} H${to.x + 14} q-14,0 -14,14 V${to.y - UNIT_PLUS - 1}`;
      const [from, end] = [x + 6, to.x - UNIT_PLUS - 1];
      const bend = from + (end - from) * 0.55;
      return `M${from},${y} C${bend},${y} ${bend},${to.y} ${end},${to.y}`;
    });
    this.lines = paths.map((d) => this.pen.path(d, { "stroke-width": 1.5, "stroke-linecap": "round" }));
    return unitNode("g", { "aria-hidden": "true" }, ...this.lines);
  }

  look(now, chosen, covered) {
    const { numbers, pen } = this;
    const at = numbers.window(now.row, now.col);
    for (const tile of this.tiles) tile.look(at.row, at.col);
    for (const tile of this.outputs) tile.look(now.row, now.col);
    for (const tile of this.outputs) tile.coverAfter(covered);
    this.rows.forEach(({ wash, name }, index) => {
      const on = index === chosen && this.rows.length > 1;
      wash.setAttribute("opacity", on ? 1 : 0);
      name.setAttribute("fill", on ? pen.ink : pen.faint);
    });
    if (!this.lines || numbers.form === "product") return;
    if (!numbers.adds) {
      this.lines.forEach((line, k) => {
        const won = now.parts[k] === now.total;
        line.setAttribute("stroke", won ? pen.sign(now.parts[k]) : pen.hair);
        line.setAttribute("stroke-width", won ? 3.4 : 1);
      });
      return;
    }
    const given = numbers.unit.others ? [...now.parts, now.rest] : now.parts;
    const most = given.reduce((found, value) => (Number.isFinite(value) ? Math.max(found, Math.abs(value)) : found), 0) || 1;
    this.lines.forEach((line, k) => {
      const share = Number.isFinite(given[k]) ? Math.abs(given[k]) / most : 0;
      line.setAttribute("stroke", pen.sign(given[k]));
      line.setAttribute("stroke-width", (1 + 2.4 * share).toFixed(2));
    });
  }
}
