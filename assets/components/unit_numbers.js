// The numbers of one channel unfolded into its sums; nothing here touches the page. What Python sends is described in
// explorer/trace; only `after` and `result` are Keras's own, everything else is computed here, in double precision.

const UNIT_LARGEST_TABLE = 256;

/** The numbers in a base64 text of little-endian float32. */
function unitFloats(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k += 1) bytes[k] = letters.charCodeAt(k);
  return new Float32Array(bytes.buffer);
}

const unitSigmoid = (x) => 1 / (1 + Math.exp(-x));
const unitClip = (x, low, high) => Math.min(Math.max(x, low), high);
const unitSoftplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const UNIT_FUNCTIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  relu6: (x) => unitClip(x, 0, 6),
  leakyrelu: (x) => (x < 0 ? 0.2 * x : x),
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  selu: (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x),
  sigmoid: unitSigmoid,
  tanh: Math.tanh,
  silu: (x) => x * unitSigmoid(x),
  swish: (x) => x * unitSigmoid(x),
  hardsigmoid: (x) => unitClip(x + 3, 0, 6) / 6,
  hardsilu: (x) => (x * unitClip(x + 3, 0, 6)) / 6,
  hardswish: (x) => (x * unitClip(x + 3, 0, 6)) / 6,
  softplus: unitSoftplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  mish: (x) => x * Math.tanh(unitSoftplus(x)),
  exponential: Math.exp,
  logsigmoid: (x) => -unitSoftplus(-x),
};

const UNIT_NOUNS = {
  max: "largest value", mean: "mean", copy: "value", picture: "pixel", product: "product", maximum: "largest value", minimum: "smallest value",
};

/** What the parts make, in a word or two: "sum", "largest value"; or, where there is little room, "largest". */
function unitNoun(form, short = false) {
  const noun = UNIT_NOUNS[form] || "sum";
  return short ? noun.split(" ")[0] : noun;
}

/** How two parts of a joining that is no sum become one. */
const UNIT_JOINED = { product: (a, b) => a * b, maximum: Math.max, minimum: Math.min };

/** The numbers of a normalisation at one place: mean and deviation may be others at each; null where a step has none. */
function unitNormalisation({ normalisation }, index) {
  const at = (value) => (typeof value === "number" ? value : value[index]);
  return normalisation && { ...normalisation, mean: at(normalisation.mean), deviation: at(normalisation.deviation) };
}

/** What an activation does to a number: the function that its curve has, else the curve itself; null where none was sent. */
function unitActivation(step) {
  if (!step.curve) return null;
  const [xs, ys] = step.curve;
  const most = Math.max(...ys.map(Math.abs), 1e-9);
  const top = Math.max(...ys);
  const slope = xs[0] ? ys[0] / xs[0] : 0;
  const named = UNIT_FUNCTIONS[String(step.name).toLowerCase().replaceAll("_", "")];
  const candidates = [named, (x) => unitClip(x, 0, top), (x) => (x < 0 ? slope * x : x)];
  const fits = (f) => f && xs.every((x, k) => Math.abs(f(x) - ys[k]) <= 2e-4 * most);
  return candidates.find(fits) || ((x) => unitAlong(xs, ys, x));
}

/** The height of a sampled curve at x, straight between two samples; NaN beyond its ends. */
function unitAlong(xs, ys, x) {
  const last = xs.length - 1;
  const place = ((x - xs[0]) / (xs[last] - xs[0])) * last;
  if (!(place >= 0 && place <= last)) return NaN;
  const index = Math.min(Math.floor(place), last - 1);
  return ys[index] + (ys[index + 1] - ys[index]) * (place - index);
}

class UnitNumbers {
  constructor(unit) {
    this.unit = unit;
    this.form = unit.form;
    this.geometry = unit.geometry;
    this.maps = unit.shape.length === 2;
    [this.rows, this.cols] = this.maps ? unit.shape : [1, 1];
    this.cells = this.rows * this.cols;
    this.bias = unit.bias ?? NaN;
    this.result = unitFloats(unit.result);
    this.rest = unitFloats(unit.rest);
    this.given = unitFloats(unit.total);
    // A step that pads or crops: the sum and the result have different cells.
    if (this.rest.length !== this.cells || this.given.length !== this.cells || !unit.sources.length) this.form = "other";
    this.steps = this.form === "other" ? [] : unit.steps.map((step) => this.step(step));
    this.sources = this.form === "other" ? [] : unit.sources.map((source) => this.source(source));
    this.flat = this.form === "dense" && unit.flattened ? this.flattened(unit.flattened) : null;
    const [low, high] = unitReach([this.result]);
    this.scale = Math.max(1, -low, high);
    this.total = this.form === "other" ? this.result : this.addUp();
  }

  step(sent) {
    const { normalisation: n } = sent;
    const read = (value) => (typeof value === "string" ? unitFloats(value) : value ?? NaN);
    const numbers = n && { mean: read(n.mean), deviation: read(n.deviation), gain: n.gain ?? NaN, offset: n.offset ?? NaN };
    return { ...sent, normalisation: numbers, after: sent.after === null ? this.result : unitFloats(sent.after), f: unitActivation(sent) };
  }

  source(sent) {
    const source = { ...sent, values: unitFloats(sent.values), weights: sent.weights === null ? null : unitFloats(sent.weights) };
    source.part = this.part(source);
    return source;
  }

  /** The sum of a dense layer map by map: {shape, sources, others, rest}; a source has its products and their sum. */
  flattened(sent) {
    const sources = sent.sources.map((each) => {
      const [values, weights] = [unitFloats(each.values), unitFloats(each.weights)];
      const products = Float64Array.from(values, (value, k) => value * weights[k]);
      return { ...each, values, weights, products, sum: products.reduce((sum, product) => sum + product, 0) };
    });
    return { ...sent, rest: sent.rest ?? NaN, sources };
  }

  /** Whether parts are added to each other or to a bias, so that the sum is not just the one part. */
  get merges() {
    return this.sources.length > 1 || this.unit.others > 0 || (this.form === "convolution" && this.bias !== 0);
  }

  /** Whether several maps are put together cell by cell. */
  get joins() {
    return this.sources.length > 1 && (this.form === "sum" || !this.adds);
  }

  /** Whether what the inputs give is added up; else it is multiplied, or one of it is taken. */
  get adds() {
    return !(this.form in UNIT_JOINED);
  }

  /** What one input gives on its own, a number a cell of the result. */
  part(source) {
    const { form } = this;
    if (form === "convolution") return this.convolved(source);
    if (form === "max" || form === "mean") return this.pooled(source);
    const weight = source.weights ? source.weights[0] : 1;
    const part = new Float64Array(source.values);
    for (let k = 0; k < part.length; k += 1) part[k] *= weight;
    return part;
  }

  convolved({ values, weights, height, width }) {
    const { size, strides, dilation, pad } = this.geometry;
    const part = new Float64Array(this.cells);
    for (let i = 0; i < size[0]; i += 1) {
      for (let j = 0; j < size[1]; j += 1) {
        const weight = weights[i * size[1] + j];
        for (let row = 0; row < this.rows; row += 1) {
          const r = row * strides[0] - pad[0] + i * dilation[0];
          if (r < 0 || r >= height) continue;
          for (let col = 0; col < this.cols; col += 1) {
            const c = col * strides[1] - pad[1] + j * dilation[1];
            if (c >= 0 && c < width) part[row * this.cols + col] += weight * values[r * width + c];
          }
        }
      }
    }
    return part;
  }

  pooled(source) {
    const part = new Float64Array(this.cells);
    for (let row = 0; row < this.rows; row += 1) {
      for (let col = 0; col < this.cols; col += 1) part[row * this.cols + col] = this.pool(source, row, col);
    }
    return part;
  }

  pool({ values, height, width }, row, col) {
    const { size, strides, dilation, pad } = this.geometry;
    let [count, sum, most] = [0, 0, -Infinity];
    for (let i = 0; i < size[0]; i += 1) {
      const r = row * strides[0] - pad[0] + i * dilation[0];
      if (r < 0 || r >= height) continue;
      for (let j = 0; j < size[1]; j += 1) {
        const c = col * strides[1] - pad[1] + j * dilation[1];
        if (c < 0 || c >= width) continue;
        const value = values[r * width + c];
        count += 1;
        sum += value;
        if (value > most || Number.isNaN(value)) most = value;
      }
    }
    return this.form === "max" ? most : sum / count;
  }

  addUp() {
    const total = new Float64Array(this.rest);
    const [first, ...others] = this.sources;
    const join = UNIT_JOINED[this.form];
    for (let k = 0; k < total.length; k += 1) total[k] = this.adds ? total[k] + this.bias + first.part[k] : first.part[k];
    for (const { part } of others) {
      for (let k = 0; k < total.length; k += 1) total[k] = join ? join(total[k], part[k]) : total[k] + part[k];
    }
    return total;
  }

  /** Everything that one value of the result is made of. */
  at(row, col) {
    const index = row * this.cols + col;
    let value = this.total[index];
    const steps = this.steps.map((step) => {
      const before = value;
      value = this.after(step, value, index);
      return { before, value, borrowed: this.borrows(step, before) };
    });
    return {
      row, col, index,
      parts: this.sources.map((source) => source.part[index]),
      rest: this.rest[index],
      total: this.total[index],
      steps,
      output: value,
      borrowed: steps.some((step) => step.borrowed),
      keras: this.result[index],
    };
  }

  after(step, x, index) {
    const { kind, f } = step;
    const normalisation = unitNormalisation(step, index);
    if (normalisation) return (normalisation.gain * (x - normalisation.mean)) / normalisation.deviation + normalisation.offset;
    if (kind === "same") return x;
    if (kind === "activation" && !f) return this.shared(x) ?? step.after[index];
    const value = f ? f(x) : NaN;
    // A curve that was sampled over less than this value says nothing of it.
    return Number.isNaN(value) && Number.isFinite(x) ? step.after[index] : value;
  }

  /** Whether what a step makes of a number is not computed here, but what Keras has. */
  borrows(step, x) {
    if (step.normalisation || step.kind === "same") return false;
    if (step.kind === "activation" && !step.f) return this.shared(x) === null;
    return Number.isFinite(x) && Number.isNaN(step.f ? step.f(x) : NaN);
  }

  /** This class's share of all scores' exponentials; null where the other scores are not known. */
  shared(logit) {
    const { softmax } = this.unit;
    if (!softmax || softmax.kind !== "softmax") return null;
    const most = Math.max(...softmax.classes.map(([, score]) => score));
    const told = softmax.classes.reduce((sum, [, score]) => sum + Math.exp(score - most), 0);
    const own = softmax.classes.find(([, , , chosen]) => chosen);
    const others = told / (1 - softmax.share) - (own ? Math.exp(own[1] - most) : 0);
    const ours = Math.exp(logit - most); // of the sum as it is computed here, which is not Keras's to the last digit
    return ours / (ours + Math.max(others, 0));
  }

  /** Whether a number of ours is Keras's: to a ten-thousandth of the channel's largest value. */
  agrees(ours, keras) {
    return Object.is(ours, keras) || (Number.isNaN(ours) && Number.isNaN(keras)) || Math.abs(ours - keras) <= 1e-4 * this.scale;
  }

  /** The cells of one input under the window at a place: {row, col, inside, value, weight, product} each. */
  taps(source, row, col) {
    const { size, strides, dilation, pad } = this.geometry || { size: [1, 1], strides: [1, 1], dilation: [1, 1], pad: [0, 0] };
    const taps = [];
    for (let i = 0; i < size[0]; i += 1) {
      for (let j = 0; j < size[1]; j += 1) {
        const [r, c] = [row * strides[0] - pad[0] + i * dilation[0], col * strides[1] - pad[1] + j * dilation[1]];
        const inside = r >= 0 && r < source.height && c >= 0 && c < source.width;
        const value = inside ? source.values[r * source.width + c] : 0;
        const weight = source.weights ? source.weights[i * size[1] + j] : 1;
        taps.push({ i, j, row: r, col: c, inside, value, weight, product: value * weight });
      }
    }
    return taps;
  }

  /** The window's extent over an input: {row, col, rows, cols}, which may reach into the padding. */
  window(row, col) {
    if (!this.geometry) return { row, col, rows: 1, cols: 1 };
    const { size, strides, dilation, pad } = this.geometry;
    const [rows, cols] = [0, 1].map((axis) => (size[axis] - 1) * dilation[axis] + 1);
    return { row: row * strides[0] - pad[0], col: col * strides[1] - pad[1], rows, cols };
  }

  /** Whether the cells of a window are few enough to be shown one by one. */
  get tabled() {
    return Boolean(this.geometry) && this.geometry.size[0] * this.geometry.size[1] <= UNIT_LARGEST_TABLE;
  }
}
