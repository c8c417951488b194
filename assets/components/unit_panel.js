// The arithmetic of one value: its heading with the Play button, patch × slice, and the ledger of what all inputs give.

const UNIT_LEDGER = 200; // the ledger's least width beside the grids
const UNIT_GAP = 36;

class UnitPanel {
  constructor(pen, numbers, at, hands, scales) {
    Object.assign(this, { pen, numbers, at, scales });
    const { player } = hands;
    const button = player ? player.button(at.x, at.y) : null;
    this.heading = pen.text(at.x + (button ? 84 : 0), at.y + 16, "", { size: 13, weight: 600, room: at.width });
    this.hint = pen.text(at.x + at.width, at.y + 16, "", { size: 11, anchor: "end", colour: pen.faint, "data-live": "" });
    this.root = unitNode("g", { "data-testid": "unit-arithmetic" }, this.heading, this.hint, ...(button ? [button] : []));
    const top = at.y + 38;
    let left = at.x;
    let y = top;
    if (numbers.tabled && numbers.form !== "dense") {
      this.grids = new UnitGrids(pen, numbers, { x: at.x, y: top, width: at.width });
      this.root.append(this.grids.root);
      const beside = Math.max(this.grids.width, 190) + UNIT_GAP;
      if (at.width - beside >= UNIT_LEDGER) left = at.x + beside;
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
    this.heading.textContent = `The ${unitNoun(numbers.form)}${numbers.cells > 1 ? ` at row ${now.row}, column ${now.col}` : ""}`;
    if (this.grids) this.grids.fill(numbers.sources[chosen], chosen, now, this.scales.input(numbers.sources[chosen]), this.scales.weight);
    this.ledger.fill(unitLedgerValues(numbers, now), this.pickable ? chosen : -1);
    this.ledger.compare(now.output, now.keras, numbers.agrees(now.output, now.keras), now.borrowed);
  }

  /** Says how to look elsewhere, where there is room for it. */
  advise(words) {
    this.hint.textContent = this.at.width >= 480 && this.numbers.cells > 1 ? words : "";
  }
}

/** The lines of a channel's ledger, in order. */
function unitLedgerLines(numbers, choose) {
  const { form, sources, steps, unit } = numbers;
  const lines = [];
  const dense = form === "dense";
  if (form === "convolution" || form === "sum" || dense) {
    sources.forEach((source, index) => {
      const attributes = dense
        ? { "data-testid": "unit-term", "data-input": source.values[0], "data-weight": source.weights[0], "data-source": index }
        : { "data-testid": "unit-part", "data-source": index };
      const detail = dense ? [unitShort(source.values[0], 4), `× ${unitShort(source.weights[0], 4)}`] : null;
      const [channel, row, col] = source.place || [];
      const label = source.place ? `channel ${channel} (${row}, ${col})` : source.name;
      const hint = source.place ? `${source.name}: channel ${channel}, row ${row}, column ${col}` : source.name;
      const pick = !dense && sources.length > 1 ? () => choose(index) : null;
      lines.push({ role: "part", label, cut: "start", hint, detail, attributes, pick });
    });
    const others = unit.others === 1 ? "the other one" : `the other ${unit.others.toLocaleString("en")}`;
    const together = { hint: `${others}: what they give together`, attributes: { "data-testid": "unit-rest" } };
    if (unit.others) lines.push({ role: "part", label: others, ...together });
    if (form !== "sum") lines.push({ role: "part", label: "bias", attributes: { "data-testid": "unit-bias" } });
  }
  if (!numbers.adds) {
    sources.forEach((source, index) => {
      const attributes = { "data-testid": "unit-part", "data-source": index };
      lines.push({ role: "step", label: `${index && form === "product" ? "× " : ""}${source.name}`, hint: source.name, attributes });
    });
  }
  const added = lines.some(({ role }) => role === "part");
  const name = form in UNIT_NOUNS ? `the ${unitNoun(form, true)}` : "sum";
  lines.push({ role: added ? "sum" : "step", label: name, rule: lines.length > 0, attributes: { "data-testid": "unit-sum" } });
  steps.forEach((step) => {
    const words = { normalisation: "normalised", scaling: "scaled", same: `${step.name}: no change` }[step.kind] || `after ${unitStepName(step)}`;
    const attributes = { "data-testid": "unit-step", "data-path": step.path, "data-kind": step.kind };
    lines.push({ role: "step", label: words, hint: `${step.path}: ${step.name}`, attributes });
  });
  lines.push({ role: "step", label: "result", strong: true, rule: true, attributes: { "data-testid": "unit-output" } });
  lines.push({ role: "told", label: "Keras", attributes: { "data-testid": "unit-keras" } });
  return lines;
}

/** The numbers of those lines at one place. */
function unitLedgerValues(numbers, now) {
  const values = [];
  const { form, unit } = numbers;
  if (form === "convolution" || form === "sum" || form === "dense") {
    values.push(...now.parts);
    if (unit.others) values.push(now.rest);
    if (form !== "sum") values.push(numbers.bias);
  }
  if (!numbers.adds) values.push(...now.parts);
  return [...values, now.total, ...now.steps.map(({ value }) => value), now.output, now.keras];
}
