// The arithmetic of sliding windows in double precision; nothing here touches the page.
//
// A grid is {rows, cols, values}: values is a flat list, row after row. Convolution means cross-correlation, as in Keras.
// `options` is {kernel: {rows, cols, values}, stride, dilation, padding, bias, relu}.

/** Output size along one axis and the cells padded before and after it, as TensorFlow does ("same" is asymmetric). */
function axisWindows(size, window, stride, dilation, padding) {
  const reach = (window - 1) * dilation + 1;
  if (padding === "valid") {
    return { count: Math.max(Math.floor((size - reach) / stride) + 1, 0), before: 0, after: 0 };
  }
  const count = Math.ceil(size / stride);
  const total = Math.max((count - 1) * stride + reach - size, 0);
  const before = Math.floor(total / 2);
  return { count, before, after: total - before };
}

/** Rows and columns of windows over a grid: {rows: {count, before, after}, cols: {…}}. */
function windowsOver(grid, options) {
  const { kernel, stride, dilation, padding } = options;
  return {
    rows: axisWindows(grid.rows, kernel.rows, stride, dilation, padding),
    cols: axisWindows(grid.cols, kernel.cols, stride, dilation, padding),
  };
}

/** The index that a padded cell copies, or -1 where it holds zero. Reflection does not repeat the border. */
function sourceIndex(index, size, padding) {
  if (index >= 0 && index < size) return index;
  if (padding === "edge") return index < 0 ? 0 : size - 1;
  if (padding !== "reflect") return -1;
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const folded = ((index % period) + period) % period;
  return folded < size ? folded : period - folded;
}

/** The value at (row, col), which may lie outside the grid, in the padding. */
function paddedValue(grid, row, col, padding) {
  const r = sourceIndex(row, grid.rows, padding);
  const c = sourceIndex(col, grid.cols, padding);
  return r < 0 || c < 0 ? 0 : grid.values[r * grid.cols + c];
}

/** One step of the convolution: every pixel × weight of the window at output (row, col), their sum, and what follows. */
function convolutionStep(grid, options, row, col) {
  const { kernel, stride, dilation, padding, bias, relu } = options;
  const windows = windowsOver(grid, options);
  const taps = [];
  let sum = 0;
  for (let i = 0; i < kernel.rows; i += 1) {
    for (let j = 0; j < kernel.cols; j += 1) {
      const r = row * stride - windows.rows.before + i * dilation;
      const c = col * stride - windows.cols.before + j * dilation;
      const pixel = paddedValue(grid, r, c, padding);
      const weight = kernel.values[i * kernel.cols + j];
      taps.push({ row: r, col: c, i, j, pixel, weight, product: pixel * weight });
      sum += pixel * weight;
    }
  }
  const total = sum + bias;
  return { taps, sum, total, output: relu ? Math.max(total, 0) : total };
}

/** The whole output grid; empty (0 rows or columns) when the window does not fit. */
function convolveGrid(grid, options) {
  const windows = windowsOver(grid, options);
  const [rows, cols] = [windows.rows.count, windows.cols.count];
  const values = [];
  if (!rows || !cols) return { rows: 0, cols: 0, values };
  for (let row = 0; row < rows; row += 1) {
    for (let col = 0; col < cols; col += 1) values.push(convolutionStep(grid, options, row, col).output);
  }
  return { rows, cols, values };
}

/** One step of pooling (no padding): the cells of the window, which of them won (max only), and the value. */
function poolingStep(grid, pooling, row, col) {
  const cells = [];
  for (let i = 0; i < pooling.size; i += 1) {
    for (let j = 0; j < pooling.size; j += 1) {
      const [r, c] = [row * pooling.stride + i, col * pooling.stride + j];
      cells.push({ row: r, col: c, value: grid.values[r * grid.cols + c] });
    }
  }
  if (pooling.kind === "max") {
    const winner = cells.reduce((best, cell) => (cell.value > best.value ? cell : best));
    return { cells, winner, value: winner.value };
  }
  const sum = cells.reduce((total, cell) => total + cell.value, 0);
  return { cells, winner: null, value: sum / cells.length };
}

/** The whole pooled grid; empty when the window does not fit. */
function poolGrid(grid, pooling) {
  const rows = axisWindows(grid.rows, pooling.size, pooling.stride, 1, "valid").count;
  const cols = axisWindows(grid.cols, pooling.size, pooling.stride, 1, "valid").count;
  const values = [];
  if (!rows || !cols) return { rows: 0, cols: 0, values };
  for (let row = 0; row < rows; row += 1) {
    for (let col = 0; col < cols; col += 1) values.push(poolingStep(grid, pooling, row, col).value);
  }
  return { rows, cols, values };
}

/** The output cells whose window takes in the pixel (row, col), be it directly or through the padding. */
function outputsUsing(grid, options, row, col) {
  const windows = windowsOver(grid, options);
  const { kernel, stride, dilation, padding } = options;
  const along = (axis, size, taps, index) => {
    const found = [];
    for (let o = 0; o < axis.count; o += 1) {
      const uses = (k) => sourceIndex(o * stride - axis.before + k * dilation, size, padding) === index;
      if (Array.from({ length: taps }, (_, k) => k).some(uses)) found.push(o);
    }
    return found;
  };
  const cols = along(windows.cols, grid.cols, kernel.cols, col);
  return along(windows.rows, grid.rows, kernel.rows, row).flatMap((r) => cols.map((c) => ({ row: r, col: c })));
}

/** The cell with the largest |value| among those that `prefer(row, col)`, nearest the middle when several tie. */
function strongestCell(grid, prefer) {
  let best = { row: 0, col: 0, size: -2, off: 0 };
  grid.values.forEach((value, index) => {
    const [row, col] = [Math.floor(index / grid.cols), index % grid.cols];
    const off = Math.abs(row - (grid.rows - 1) / 2) + Math.abs(col - (grid.cols - 1) / 2);
    const size = prefer(row, col) ? Math.abs(value) : -1;
    if (size > best.size || (size === best.size && off < best.off)) best = { row, col, size, off };
  });
  return { row: best.row, col: best.col };
}

/** Smallest and largest value. */
function rangeOf(values) {
  return values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
}

/** A number for the eye: at most `decimals` places, a real minus sign. The exact one stands in data-value. */
function shown(value, decimals = 2) {
  const size = Math.abs(value);
  const tiny = size !== 0 && size < 0.5 * 10 ** -decimals;
  const text = tiny || size >= 1e6 ? value.toExponential(1) : String(Number(value.toFixed(decimals)));
  return text.replace("-", "−");
}
