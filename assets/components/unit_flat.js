// A sum of a dense layer that reads maps, map by map: each map, the unit's weights laid out like it, their products, and
// where a cell stands in the row of numbers that the maps are flattened to.

const UNIT_FLAT = { pitch: 44, narrow: 58, tallest: 132, named: 56, strip: 12, fan: 44, gaps: 94, least: 18, threads: 120, tints: 24 };

/** Whether a line of the plain ledger tells a single number, which stands in the maps here. */
const unitIsTerm = ({ attributes }) => ["unit-term", "unit-rest"].includes(attributes["data-testid"]);

/** Where everything of such a sum goes: known before it is drawn. */
class UnitFlatPlan {
  /**
   * `lines` are those of the plain ledger. `at` is {x, y, width, height}: where the ledger goes; `height` is what the lines
   * of single numbers would take.
   */
  constructor(numbers, lines, at) {
    const { sources, others } = numbers.flat;
    const narrow = at.width < 400;
    Object.assign(this, { at, after: lines.filter((line) => !unitIsTerm(line)) });
    this.pitch = unitClip(Math.floor(at.height / sources.length), narrow ? UNIT_FLAT.narrow : UNIT_FLAT.pitch, UNIT_FLAT.tallest);
    this.named = this.pitch >= UNIT_FLAT.named; // the name stands over the map, not beside it
    this.label = this.named ? 0 : Math.min(66, at.width * 0.2);
    const fan = narrow ? 24 : UNIT_FLAT.fan;
    const gaps = UNIT_FLAT.gaps - UNIT_FLAT.fan + fan;
    const room = at.width - this.label - (narrow ? 132 : 170);
    this.side = unitClip(Math.floor((room - gaps) / 3), UNIT_FLAT.least, this.pitch - (this.named ? 20 : 5));
    if (this.named) this.pitch = this.side + 24;
    const left = at.x + this.label + (this.named ? 0 : 10);
    const strip = left + this.side + fan;
    const weights = strip + UNIT_FLAT.strip + 18;
    this.columns = { map: left, strip, weights, products: weights + this.side + 16 };
    this.detail = 3 * this.side + gaps;
    this.bottom = at.y + sources.length * this.pitch + (this.after.length + (others ? 1 : 0)) * UNIT_TERM + 24;
  }

  /** The place of the ledger. */
  get ledger() {
    return { ...this.at, pitch: UNIT_TERM, label: this.label, detail: this.detail };
  }
}

class UnitFlat {
  /**
   * `plan` is a UnitFlatPlan. `hands` is {seen, say(words)}: `seen` keeps the cell and the map that are looked at, and
   * whether a pointer that passes leaves them, {cell, chosen, pinned}, from drawing to drawing.
   */
  constructor(pen, numbers, plan, hands) {
    const { pitch, named, side, columns, after } = plan;
    Object.assign(this, { pen, numbers, flat: numbers.flat, hands, seen: hands.seen, pitch, named, side, columns, after });
    const { x, y, width } = plan.at;
    this.top = y;
    this.scales();
    this.rows = [];
    this.names = unitNode("g", { "pointer-events": "none" });
    this.seen.cell = this.seen.cell || this.strongest();
    this.joins = unitNode("g", { "pointer-events": "none" });
    this.ledger = new UnitWaterfall(pen, plan.ledger, this.lines());
    this.root = unitNode("g", { "data-testid": "unit-flat" }, this.headings(), this.ledger.root, this.strip(), this.joins, this.names);
    this.told = pen.text(x, this.ledger.bottom + 16, "", { size: 11, room: width, "data-testid": "unit-cell" });
    this.root.append(this.told);
    this.roomForWords = width;
  }

  scales() {
    const { sources } = this.flat;
    const { dark } = this.pen.theme;
    this.inputs = unitInputScales(sources, dark);
    this.weightScale = unitScale(unitReach(sources.map((source) => source.weights)), true, dark);
    this.productScale = unitScale(unitReach(sources.map((source) => source.products)), true, dark);
  }

  /** The cell of the first map that gives most. */
  strongest() {
    const [{ products, width }] = this.flat.sources;
    const index = products.reduce((best, value, k) => (Math.abs(value) > Math.abs(products[best]) ? k : best), 0);
    return { row: Math.floor(index / width), col: index % width };
  }

  lines() {
    const { flat } = this;
    const parts = flat.sources.map((source, index) => ({
      role: "part", label: this.named ? "" : source.name, hint: `${source.name}: ${source.height} × ${source.width}`, pitch: this.pitch,
      detail: ["", ""], art: (top) => this.row(source, top),
      attributes: { "data-testid": "unit-plane", "data-channel": source.channel, "data-source": index },
    }));
    const label = flat.others === 1 ? "the other map" : `the other ${flat.others.toLocaleString("en")} maps`;
    const others = { role: "part", label, hint: `${label}: what they give together`, attributes: { "data-testid": "unit-rest" } };
    return [...parts, ...(flat.others ? [others] : []), ...this.after];
  }

  values(now) {
    const { flat, numbers } = this;
    const after = unitLedgerValues(numbers, now).slice(now.parts.length + (numbers.unit.others ? 1 : 0));
    return [...flat.sources.map(({ sum }) => sum), ...(flat.others ? [flat.rest] : []), ...after];
  }

  /** One map × its weights = the products. */
  row(source, top) {
    const { pen, columns, side } = this;
    const y = top + (this.named ? 17 : (this.pitch - side) / 2);
    const middle = y + side / 2;
    const shape = { y, side, rows: source.height, cols: source.width };
    const tiles = [
      new UnitTile(pen, { ...shape, x: columns.map, values: source.values, scale: this.inputs.of(source), name: source.name, told: false }),
      new UnitTile(pen, { ...shape, x: columns.weights, values: source.weights, scale: this.weightScale, name: `weights for ${source.name}`, told: false }),
      new UnitTile(pen, { ...shape, x: columns.products, values: source.products, scale: this.productScale, name: `products of ${source.name}`, told: false }),
    ];
    const index = this.rows.length;
    for (const tile of tiles) {
      tile.mark(1, 1);
      tile.hit.setAttribute("style", "cursor: crosshair; touch-action: none");
      tile.hit.setAttribute("data-testid", "unit-flat-map");
      const look = (event) => {
        const drags = event.pointerType !== "mouse" && event.buttons;
        if (!this.seen.pinned || drags) this.lookAt(tile.cellUnder(event), index);
      };
      tile.hit.addEventListener("pointermove", look);
      tile.hit.addEventListener("pointerdown", look);
      tile.hit.addEventListener("click", (event) => {
        event.stopPropagation();
        this.pin(tile.cellUnder(event), index);
      });
    }
    this.rows.push({ tiles, middle });
    const sign = (x, text) => pen.text(x, middle + 4, text, { anchor: "middle", size: 13, colour: pen.faint });
    const signs = [sign(columns.weights - 8, "×"), sign(columns.products - 8, "=")];
    const halo = { "paint-order": "stroke", stroke: pen.theme.paper, "stroke-width": 4, "stroke-linejoin": "round" };
    if (this.named) this.names.append(pen.text(columns.map, y - 5, source.name, { size: 11, room: 2 * side, colour: pen.faint, ...halo }));
    const frame = pen.rect(columns.map - 4, y - 4, columns.products + side - columns.map + 8, side + 8, { rx: 6, fill: "transparent" });
    const group = unitNode("g", { "data-testid": "unit-flat-row" }, frame, ...signs, ...tiles.map((tile) => tile.root));
    group.addEventListener("focus", () => this.lookAt(this.seen.cell, index));
    return pen.button(group, frame, `Look at ${source.name}; arrows lead from cell to cell`);
  }

  headings() {
    const { pen, columns, side, top } = this;
    const y = top + (this.named ? 2 : 0);
    const many = this.flat.sources.length > 1;
    return unitNode("g", {},
      unitHeading(pen, columns.map, y, side, many ? "maps" : "map", this.inputs.head),
      unitHeading(pen, columns.strip, y, UNIT_FLAT.strip, "row", null),
      unitHeading(pen, columns.weights, y, side, "weights", this.weightScale),
      unitHeading(pen, columns.products, y, side, "products", this.productScale));
  }

  /** The whole row of numbers, as a strip beside the maps. */
  strip() {
    const { pen, columns, rows, side } = this;
    const [first, last] = [rows[0].middle - side / 2, rows.at(-1).middle + side / 2];
    this.ends = [first, last];
    const [height, width] = this.flat.shape;
    const bar = pen.rect(columns.strip, first, UNIT_FLAT.strip, last - first, { rx: 2, fill: pen.wash, stroke: pen.hair });
    const told = `all ${this.length.toLocaleString("en")} numbers in one row: cell by cell, of each cell all channels; coloured are those of the maps shown here`;
    this.tinted = this.flat.sources.map((source) => this.placesOf(source));
    const group = unitNode("g", { "data-testid": "unit-flat-strip" }, bar, ...this.tinted, pen.hint(told));
    const cells = height * width;
    const step = (last - first) / cells;
    if (step >= 3) {
      const d = Array.from({ length: cells - 1 }, (_, k) => `M${columns.strip},${(first + (k + 1) * step).toFixed(2)} h${UNIT_FLAT.strip}`).join("");
      group.append(pen.path(d, { stroke: pen.hair, "stroke-width": 0.7 }));
    }
    return group;
  }

  /** The numbers of a map at their places in the row, in the map's own colours; alike ones are one path. */
  placesOf(source) {
    const { pen, columns, inputs } = this;
    const { low, high, rgb } = inputs.of(source);
    const alike = new Map();
    source.values.forEach((value, k) => {
      const tint = Math.round((UNIT_FLAT.tints * (value - low)) / (high - low));
      const y = this.heightOf({ row: Math.floor(k / source.width), col: k % source.width }, source);
      alike.set(tint, `${alike.get(tint) || ""}M${columns.strip},${y.toFixed(2)} h${UNIT_FLAT.strip}`);
    });
    const [first, last] = this.ends;
    const thick = unitClip((last - first) / this.length, 1.1, 6);
    const paths = [...alike].map(([tint, d]) =>
      pen.path(d, { stroke: `rgb(${rgb(low + (tint / UNIT_FLAT.tints) * (high - low))})`, "stroke-width": thick.toFixed(2) }));
    return unitNode("g", {}, ...paths);
  }

  /** How far down the strip a cell of a map has its number. */
  heightOf(cell, { channel }) {
    const [first, last] = this.ends;
    return first + ((this.numberOf(cell, channel) + 0.5) / this.length) * (last - first);
  }

  /** The way of a cell of a map to its place in the row. */
  way({ row, col }, index) {
    const [map] = this.rows[index].tiles;
    const [x, y] = [map.x + (col + 1) * map.cell, map.y + (row + 0.5) * map.high].map((each) => each.toFixed(2));
    const to = this.heightOf({ row, col }, this.flat.sources[index]).toFixed(2);
    const bend = ((map.x + map.width + this.columns.strip) / 2).toFixed(2);
    return `M${x},${y} C${bend},${y} ${bend},${to} ${this.columns.strip},${to}`;
  }

  /** The ways of a whole map, fanned out over the row; of a large map every so many. */
  fan(index) {
    const { width, values } = this.flat.sources[index];
    const every = Math.ceil(values.length / UNIT_FLAT.threads);
    const cells = Array.from({ length: Math.ceil(values.length / every) }, (_, k) => ({ row: Math.floor((k * every) / width), col: (k * every) % width }));
    return this.pen.path(cells.map((cell) => this.way(cell, index)).join(""), { stroke: this.pen.line, "stroke-width": 0.8, "stroke-opacity": 0.5, "data-testid": "unit-flat-fan" });
  }

  get length() {
    return this.flat.shape.reduce((product, side) => product * side, 1);
  }

  /** Where a cell of a channel stands in the row of numbers. */
  numberOf({ row, col }, channel) {
    const [, width, channels] = this.flat.shape;
    return (row * width + col) * channels + channel;
  }

  lookAt(cell, chosen = this.seen.chosen) {
    const { seen } = this;
    if (cell.row === seen.cell.row && cell.col === seen.cell.col && chosen === seen.chosen) return;
    Object.assign(seen, { cell, chosen });
    this.show();
    this.hands.say(this.told.textContent);
  }

  /** Keeps a cell where it is; the pinned one is freed. */
  pin(cell, chosen) {
    const { seen } = this;
    const again = seen.pinned && cell.row === seen.cell.row && cell.col === seen.cell.col && chosen === seen.chosen;
    Object.assign(seen, { cell, chosen, pinned: !again });
    this.show();
    this.hands.say(this.told.textContent);
  }

  onKey(event) {
    const [rows, cols] = this.flat.shape;
    const to = keyMove(event, this.seen.cell, rows, cols);
    if (to) this.lookAt(to);
    return Boolean(to);
  }

  look(now) {
    this.ledger.fill(this.values(now));
    this.show();
  }

  show() {
    const { columns, pen, rows, flat } = this;
    const { cell, chosen } = this.seen;
    this.ledger.choose(flat.sources.length > 1 ? chosen : -1);
    for (const { tiles } of rows) for (const tile of tiles) tile.look(cell.row, cell.col);
    this.tinted.forEach((group, index) => group.setAttribute("opacity", index === chosen ? 1 : 0.3));
    this.tinted[chosen].parentNode.append(this.tinted[chosen]); // over those of the others: a long row has no room for all
    if (this.fanned !== chosen) [this.fanned, this.threads] = [chosen, this.fan(chosen)];
    const to = this.heightOf(cell, flat.sources[chosen]).toFixed(2);
    const look = { stroke: pen.theme.accent, "stroke-width": 1.8 };
    const end = pen.path(`M${columns.strip},${to} h${UNIT_FLAT.strip}`, { ...look, "stroke-width": 2.4 });
    this.joins.replaceChildren(this.threads, pen.path(this.way(cell, chosen), look), end);
    this.tell();
  }

  /** The looked-at cell in words. */
  tell() {
    const { cell, chosen } = this.seen;
    const source = this.flat.sources[chosen];
    const k = cell.row * source.width + cell.col;
    const number = this.numberOf(cell, source.channel);
    const product = `${unitShort(source.values[k], 3)} × ${unitShort(source.weights[k], 3)} = ${unitShort(source.products[k], 3)}`;
    const where = `row ${cell.row}, column ${cell.col}`;
    const pinned = this.seen.pinned ? " (pinned)" : "";
    const words = [
      `${source.name}, ${where} is number ${number.toLocaleString("en")} of ${this.length.toLocaleString("en")}: ${product}${pinned}`,
      `${where} is number ${number.toLocaleString("en")}: ${product}${pinned}`,
    ];
    const shape = { "data-number": number, "data-value": source.values[k], "data-weight": source.weights[k], "data-product": source.products[k] };
    unitSet(this.told, { ...shape, "data-row": cell.row, "data-col": cell.col, "data-pinned": Boolean(this.seen.pinned) });
    this.told.textContent = this.pen.fits(words[0], 11, this.roomForWords) ? words[0] : words[1];
  }
}
