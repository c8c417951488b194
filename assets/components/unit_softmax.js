// The logits of the classes and the share that each one's exponential has of all.

const UNIT_CLASS_PITCH = 24;

class UnitSoftmax {
  /** `at` is {x, y, width}. */
  constructor(pen, softmax, at) {
    const { classes, others, share, kind, added } = softmax;
    const soft = kind === "softmax";
    this.root = unitNode("g", { role: "list", "aria-label": "Probabilities of the classes" });
    const count = classes.length + others;
    const all = count === 1 ? "the one logit" : `all ${count.toLocaleString("en")} logits`;
    const formed = soft ? `softmax of ${all}` : "sigmoid of the logit";
    const whole = added ? `${formed}, which the network leaves out` : formed;
    const title = pen.fits(whole, 12, at.width, 600) ? whole : `${formed}, added`;
    const digits = { size: 11, digits: true };
    const columns = { name: Math.min(at.width * 0.36, 150), score: at.width < 300 ? 46 : 58, number: 54 };
    const left = at.x + columns.name + columns.score + 12;
    const room = Math.max(at.width - columns.name - columns.score - columns.number - 20, 20);
    const number = at.x + at.width;
    const formula = soft ? (room < 110 ? "share of e^logit" : "e^logit, as a share of all") : "1 / (1 + e^−logit)";
    this.root.append(
      pen.text(at.x, at.y, title, { weight: 600, size: 12, room: at.width }),
      pen.text(at.x + columns.name + columns.score, at.y + 20, "logit", { anchor: "end", size: 10.5, colour: pen.faint }),
      pen.text(left, at.y + 20, formula, { size: 10.5, colour: pen.faint, room: room + columns.number }),
    );
    const long = (value) => (value > 0 ? Math.max(Math.min(value, 1) * room, 1) : 0);
    const bar = (y, value, colour) => pen.rect(left, y - 5.5, long(value), 11, { rx: 2, fill: colour });
    const track = (y) => pen.rect(left, y - 5.5, room, 11, { rx: 2, fill: pen.wash });
    let y = at.y + 26;
    for (const [name, score, probability, chosen] of classes) {
      const middle = y + UNIT_CLASS_PITCH / 2;
      const weight = chosen ? 700 : 400;
      const row = unitNode("g", { role: "listitem" }, pen.hint(name));
      if (chosen) row.append(pen.rect(at.x - 6, y + 1, at.width + 12, UNIT_CLASS_PITCH - 2, { rx: 6, fill: pen.wash }));
      row.append(
        pen.text(at.x, middle + 4, name, { size: 11.5, weight, room: columns.name - 6 }),
        pen.text(at.x + columns.name + columns.score, middle + 4, unitShort(score, 4), { ...digits, anchor: "end", weight }),
        track(middle),
        bar(middle, probability, chosen ? pen.theme.accent : pen.line),
        pen.text(number, middle + 4, unitPercent(probability), {
          ...digits, anchor: "end", weight, "data-testid": "unit-softmax", "data-value": probability, "data-logit": score,
        }),
      );
      this.root.append(row);
      y += UNIT_CLASS_PITCH;
    }
    if (others) {
      const middle = y + UNIT_CLASS_PITCH / 2;
      const words = others === 1 ? "the other one" : `the other ${others.toLocaleString("en")}`;
      const told = pen.text(number, middle + 4, unitPercent(share), { ...digits, anchor: "end" });
      const name = pen.text(at.x, middle + 4, words, { size: 11.5, colour: pen.faint, room: columns.name });
      this.root.append(name, track(middle), bar(middle, share, pen.line), told);
      y += UNIT_CLASS_PITCH;
    }
    this.bottom = y;
  }
}

/** A probability in percent. */
function unitPercent(share) {
  if (!Number.isFinite(share)) return unitOdd(share);
  const text = share > 0 && share < 0.0005 ? "< 0.1" : (100 * share).toFixed(1);
  return `${text} %`;
}
