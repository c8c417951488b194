// The pieces of the overview's picture as SVG: channels, heads, feet, brackets. Colours are written out, so that the
// picture can be saved as it stands. Text is always set as text, never parsed.

const SVG_SPACE = "http://www.w3.org/2000/svg";

function glanceNode(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG_SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** What every drawing function needs: the theme, its inks, and a measure of text. */
function glanceInk(theme, font) {
  const context = document.createElement("canvas").getContext("2d");
  const known = new Map();
  const measure = (text, size, weight = 400) => {
    const key = `${size} ${weight} ${text}`;
    if (!known.has(key)) {
      context.font = `${weight} ${size}px ${font}`;
      known.set(key, context.measureText(text).width);
    }
    return known.get(key);
  };
  return {
    theme,
    font,
    measure,
    strong: cssColour(theme.ink),
    faint: cssColour(theme.ink, theme.dark ? 0.72 : 0.66),
    hair: cssColour(theme.ink, theme.dark ? 0.24 : 0.16),
    wash: cssColour(theme.ink, theme.dark ? 0.12 : 0.07),
    stops: (signed) => (signed ? DIVERGING[theme.dark ? "dark" : "light"] : VIRIDIS),
  };
}

/** The text, or as much of it as fits into `width`, with an ellipsis. */
function shortened(text, width, measure) {
  if (measure(text) <= width) return text;
  const letters = [...text];
  let [low, high] = [0, letters.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(`${letters.slice(0, middle).join("")}…`) <= width) low = middle;
    else high = middle - 1;
  }
  return `${letters.slice(0, low).join("").trimEnd()}…`;
}

/** A line of text; {size, weight, fill, anchor, width, halo, italic}. */
function glanceText(ink, words, x, y, look = {}) {
  const { size = 11, weight = 400, fill = ink.faint, anchor = "middle", width = Infinity, halo = false, italic = false } = look;
  const text = glanceNode("text", { x: x.toFixed(1), y: y.toFixed(1), "font-size": size, "font-weight": weight, fill, "text-anchor": anchor });
  if (italic) text.setAttribute("font-style", "italic");
  if (halo) {
    for (const [name, value] of Object.entries({ "paint-order": "stroke", stroke: ink.theme.paper, "stroke-width": 5, "stroke-linejoin": "round" })) {
      text.setAttribute(name, value);
    }
  }
  text.textContent = shortened(String(words), width, (part) => ink.measure(part, size, weight));
  return text;
}

/** "123,456 parameters", or shorter where some column (`tight`) has no room for that. */
function parametersIn(words, width, tight, measure) {
  const [number, ...rest] = words.split(" ");
  const value = Number(number.replaceAll(",", ""));
  if (!tight || rest[0] !== "parameters" || !Number.isFinite(value)) return words;
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
  return [`${number} param.`, `${compact} param.`].find((each) => measure(each) <= width) || compact;
}

/** A column's head: title, shape, parameters, and the button that unfolds it. Returns {node, button}. */
function drawHead(column, head, ink) {
  const node = glanceNode("g", { class: "glance-head" });
  const tip = glanceNode("title");
  const rule = column.look === "maps" || column.look === "units" ? `${column.rule} channels` : "";
  tip.textContent = [column.title, column.note, column.shape, column.parameters, rule].filter(Boolean).join("\n");
  node.append(tip);
  const draw = { middle: stackedHead, start: stackedHead, lane: laneHead, narrow: laneHead, row: rowHead }[head.look];
  const button = column.opens ? foldButton("open", column, ink) : null;
  draw(column, head, ink, node, button);
  if (button) node.append(button.node);
  return { node, button: button && button.node };
}

function stackedHead(column, head, ink, node, button) {
  const anchor = head.look;
  const line = (words, y, look) => node.append(glanceText(ink, words, head.x, y, { anchor, width: head.width, ...look }));
  const bold = { size: 12.5, weight: 600, fill: ink.strong };
  const lines = head.lines > 1 ? titleLines(head.title, head.width, (part) => ink.measure(part, 12.5, 600)) : [head.title];
  const top = head.y + (head.lines - lines.length) * 15;
  lines.forEach((words, k) => line(words, top + 13 + k * 15, bold));
  const below = head.y + (head.lines - 1) * 15;
  line(shapeIn(column.shape, head.width, (part) => ink.measure(part, 10.5)), below + 28, { size: 10.5 });
  const parameters = parametersIn(column.parameters, head.width, head.tight, (part) => ink.measure(part, 10.5));
  if (parameters) line(parameters, below + 41, { size: 10.5 });
  if (!button) return;
  const words = [column.note, column.note.split(": ").pop(), ""].find((each) => ink.measure(each, 10) + 26 <= head.width + 2);
  button.draw(head.x, below + (parameters ? 48 : 35), words, anchor);
}

/** A long title in two lines, broken after "_", "." or a space. */
function titleLines(title, width, measure) {
  if (measure(title) <= width) return [title];
  const parts = title.split(/(?<=[_./ -])/);
  let first = parts.shift();
  while (parts.length && measure(first + parts[0]) <= width) first += parts.shift();
  const rest = parts.join("");
  return rest ? [first, rest] : [first];
}

/** "112 × 112 × 32", closer together where there is little room. */
function shapeIn(words, width, measure) {
  return measure(words) <= width ? words : words.replaceAll(" × ", "×");
}

function laneHead(column, head, ink, node, button) {
  const room = head.width - (button ? 20 : 0);
  const title = glanceText(ink, head.title, head.x, head.y, { size: 11, weight: 600, fill: ink.strong, anchor: "start", width: room, halo: true });
  if (head.look === "narrow") {
    title.setAttribute("y", head.y + 11);
    node.append(glanceText(ink, column.shape, head.x, head.y + 24, { size: 10, anchor: "start", width: head.width, halo: true }));
  } else if (column.lanes <= GLANCE_ROOMY) {
    title.setAttribute("y", head.y - 12);
    const measure = (part) => ink.measure(part, 9.5);
    const short = shapeIn(column.shape, head.width, measure);
    const words = [`${short} · ${column.parameters.replace("parameters", "param.")}`, short];
    const line = column.parameters ? words.find((each) => measure(each) <= head.width) || short : short;
    node.append(glanceText(ink, line, head.x, head.y, { size: 9.5, anchor: "start", width: head.width, halo: true }));
  } else {
    const after = ink.measure(title.textContent, 11, 600) + 6;
    if (ink.measure(column.shape, 9.5) <= room - after) {
      node.append(glanceText(ink, column.shape, head.x + after, head.y, { size: 9.5, anchor: "start", halo: true }));
    }
  }
  node.append(title);
  const top = head.look === "narrow" ? -2 : column.lanes <= GLANCE_ROOMY ? -25 : -13;
  if (button) button.draw(head.x + head.width - 9, head.y + top, "", "middle");
}

function rowHead(column, head, ink, node, button) {
  const y = head.y + 14;
  const note = column.note.split(": ").pop();
  const room = head.width - (button ? ink.measure(note, 10) + 34 : 0);
  const title = glanceText(ink, head.title, head.x, y, { size: 13, weight: 600, fill: ink.strong, anchor: "start", width: room, halo: true });
  const after = ink.measure(title.textContent, 13, 600) + 8;
  node.append(title);
  if (room - after > 40) node.append(glanceText(ink, column.shape, head.x + after, y, { anchor: "start", width: room - after, halo: true }));
  if (column.parameters) node.append(glanceText(ink, column.parameters, head.x, head.y + 29, { size: 10.5, anchor: "start", width: head.width * 0.45, halo: true }));
  if (button) button.draw(head.x + head.width, head.y, note, "end");
}

/** A small round button with a plus or a minus, and words beside it: {node, draw(x, y, words, anchor)}; 18 high. */
function foldButton(does, { id, title, note }, ink) {
  const label = does === "open" ? `Unfold ${title}${note ? `, ${note}` : ""}` : `Fold ${title}`;
  const node = glanceNode("g", { class: "fold", role: "button", tabindex: -1, "data-do": does, "data-group": id, "aria-label": label });
  const draw = (x, y, words, anchor) => {
    const width = words ? ink.measure(words, 10) + 26 : 18;
    const left = x - width * { start: 0, middle: 0.5, end: 1 }[anchor];
    const [cx, cy] = [left + 9, y + 9];
    const sign = does === "open" ? `M${cx - 4} ${cy}h8M${cx} ${cy - 4}v8` : `M${cx - 4} ${cy}h8`;
    node.append(
      glanceNode("rect", { class: "plate", x: left, y, width, height: 18, rx: 9, fill: ink.theme.paper, stroke: ink.hair }),
      glanceNode("path", { d: sign, stroke: ink.strong, "stroke-width": 1.4, "stroke-linecap": "round", fill: "none" }),
    );
    if (words) node.append(glanceText(ink, words, left + 17.5, y + 12.6, { size: 10, anchor: "start" }));
    node.box = { x: left, y, width, height: 18 };
  };
  return { node, draw };
}

/** A column's foot: the colour scale, the numbers at its ends, and which channels are shown. */
function drawFoot(column, foot, ink, id) {
  const node = glanceNode("g", { class: "glance-foot" });
  if (!foot) return node;
  if (foot.look === "inline" || foot.look === "row") return inlineFoot(column, foot, ink, id, node);
  let y = foot.y;
  if (column.range && foot.look === "stacked") {
    node.append(...colourRamp(column, foot.x - foot.width / 2, y, foot.width, ink, id));
    const ends = [2, 1, 0].map((decimals) => column.range.map((end) => shown(end, decimals)));
    const fits = ([low, high]) => ink.measure(low, 10) + ink.measure(high, 10) + 6 <= foot.width + 4;
    const [low, high] = ends.find(fits) || ends.at(-1);
    node.append(
      glanceText(ink, low, foot.x - foot.width / 2 - 2, y + 17, { size: 10, anchor: "start" }),
      glanceText(ink, high, foot.x + foot.width / 2 + 2, y + 17, { size: 10, anchor: "end" }),
    );
    y += 20;
  }
  const anchor = foot.look === "rule" ? "start" : "middle";
  if (column.rule) node.append(glanceText(ink, column.rule, foot.x, y + 11, { size: 10.5, anchor, width: foot.width + 24 }));
  return node;
}

function inlineFoot(column, foot, ink, id, node) {
  const right = foot.look === "row";
  const ends = column.range ? column.range.map((end) => shown(end)) : [];
  const sizes = ends.map((end) => ink.measure(end, 9.5));
  const rule = right ? column.rule : "";
  const ruleWidth = rule ? ink.measure(rule, 10.5) + 10 : 0;
  const bar = right ? 44 : Math.max(foot.width - sizes.reduce((sum, size) => sum + size, 0) - 8, 16);
  const whole = (ends.length ? sizes[0] + sizes[1] + bar + 8 : 0) + ruleWidth;
  let x = right ? foot.x - whole : foot.x - whole / 2;
  const word = (text, size) => node.append(glanceText(ink, text, x, foot.y + 3, { size, anchor: "start", halo: true }));
  if (ends.length) {
    word(ends[0], 9.5);
    node.append(...colourRamp(column, x + sizes[0] + 4, foot.y - 3, bar, ink, id));
    x += sizes[0] + bar + 8;
    word(ends[1], 9.5);
    x += sizes[1] + 10;
  }
  if (rule) word(rule, 10.5);
  else if (column.rule && column.lanes <= GLANCE_ROOMY) {
    node.append(glanceText(ink, column.rule, foot.x, foot.y + 16, { size: 10, anchor: "middle", width: foot.width + 10, halo: true }));
  }
  return node;
}

function colourRamp(column, x, y, width, ink, id) {
  const stops = ink.stops(column.signed);
  const gradient = glanceNode("linearGradient", { id }, ...stops.map((stop, k) => (
    glanceNode("stop", { offset: (k / (stops.length - 1)).toFixed(3), "stop-color": cssColour(stop) })
  )));
  return [gradient, glanceNode("rect", { x, y, width, height: 6, rx: 3, fill: `url(#${id})`, stroke: ink.hair, "stroke-width": 0.75 })];
}

/** One channel of a column, as a node at its place. */
function drawPlace(column, k, place, ink, sprite) {
  const draw = { classes: drawClass, units: drawUnit }[column.look] || drawSquare;
  const node = glanceNode("g", { class: "tile", transform: `translate(${place.x.toFixed(1)} ${place.y.toFixed(1)})` });
  node.append(...draw(column, k, place, ink, sprite));
  return node;
}

function drawSquare(column, k, { width, height }, ink, sprite) {
  const parts = [
    glanceNode("rect", { width, height, rx: 3.5, fill: ink.wash }),
    glanceNode("rect", { width, height, rx: 3.5, fill: column.tiles ? `url(#${sprite}-${k})` : "none", stroke: ink.hair }),
  ];
  if (column.look === "picture") parts.push(channelName(column.labels[k], width, height, ink));
  return parts;
}

/** The squares of a column's sprite as fills; (`<svg viewBox>` would cut them too, but hides how large a square is). */
function spriteFills(column, { width }, id) {
  const { side, channels, tiles } = column;
  const fine = width * (window.devicePixelRatio || 1) < side;
  const image = glanceNode("image", { id, href: tiles, width: side, height: side * channels.length, preserveAspectRatio: "none" });
  image.setAttribute("image-rendering", fine ? "auto" : "pixelated");
  return [image, ...channels.map((_, k) => glanceNode(
    "pattern",
    { id: `${id}-${k}`, width: 1, height: 1, viewBox: `0 ${k * side} ${side} ${side}`, preserveAspectRatio: "none" },
    glanceNode("use", { href: `#${id}` }),
  ))];
}

function channelName(name, width, height, ink) {
  const tint = tintOf(name);
  const shade = ink.theme.dark ? 1 : 0.74;
  const fill = tint ? cssColour(TINTS[tint].map((v) => Math.round(v * shade))) : ink.faint;
  return glanceText(ink, name, width / 2, height + 13, { size: 11, fill, weight: 600, halo: true });
}

function unitColour(column, k, ink) {
  const [low, high] = column.range || [0, 1];
  return cssColour(alongStops(ink.stops(column.signed), (column.values[k] - low) / (high - low || 1)));
}

function drawUnit(column, k, { width, height }, ink) {
  return [glanceNode("rect", { x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 4, fill: unitColour(column, k, ink), stroke: ink.hair })];
}

/** A probability for the eye: "< 0.1 %" for the smallest. */
function percentOf(probability) {
  return probability > 0 && probability < 0.001 ? "< 0.1 %" : `${(100 * probability).toFixed(1)} %`;
}

function drawClass(column, k, { width, height }, ink) {
  const probability = column.values ? column.values[k] : 0;
  const likely = column.values && probability === Math.max(...column.values);
  const share = percentOf(probability);
  const taken = ink.measure(share, 11, 600) + 10;
  const words = height / 2 + 1;
  const look = likely ? { weight: 600, fill: ink.strong } : {};
  const filled = Math.max(width * withinBounds(probability, 0, 1), 2);
  return [
    glanceNode("rect", { x: -4, width: width + 8, height, fill: "transparent" }),
    glanceText(ink, column.labels[k], 0, words, { size: 12, anchor: "start", width: width - taken, fill: ink.strong, weight: likely ? 600 : 400 }),
    glanceText(ink, share, width, words, { size: 11, anchor: "end", ...look }),
    glanceNode("rect", { y: words + 5, width, height: 6, rx: 3, fill: ink.wash }),
    glanceNode("rect", { y: words + 5, width: filled, height: 6, rx: Math.min(3, filled / 2), fill: likely ? ink.theme.accent : cssColour(ink.theme.ink, 0.45) }),
  ];
}

/** The line over (or beside) an unfolded group, its title, and the button that folds it. Returns {node, label, button}. */
function drawBracket({ id, title, from, to, at }, ink, vertical) {
  const button = foldButton("close", { id, title }, ink);
  const line = vertical ? `M${at + 6} ${from + 4}H${at}V${to}H${at + 6}` : `M${from} ${at + 12}V${at}H${to}V${at + 12}`;
  const room = vertical ? 240 : to - from - 52;
  const words = shortened(title, Math.max(room, 0), (part) => ink.measure(part, 11.5, 600));
  const width = ink.measure(words, 11.5, 600) + 24;
  const bold = { size: 11.5, weight: 600, fill: ink.strong, anchor: "start" };
  const label = glanceNode("g");
  if (vertical) {
    button.draw(at - 9, from - 20, "", "start");
    label.append(button.node, glanceText(ink, words, at + 14, from - 7, { ...bold, halo: true }));
  } else {
    const left = (from + to - width) / 2;
    button.draw(left, at - 9, "", "start");
    label.append(
      glanceNode("rect", { x: left - 7, y: at - 9, width: width + 14, height: 18, fill: ink.theme.paper }),
      button.node, glanceText(ink, words, left + 24, at + 4, bold),
    );
  }
  const path = glanceNode("path", { d: line, fill: "none", stroke: ink.faint, "stroke-width": 1, "stroke-linejoin": "round" });
  return { node: glanceNode("g", { class: "bracket" }, path, label), label, button: button.node, width };
}

/** A ring around a box; dashed for the keyboard's place, `thin` around what a note speaks of. */
function drawRing({ x, y, width, height }, ink, dashed, thin = false) {
  const off = dashed ? 5 : 2.5;
  const frame = { x: x - off, y: y - off, width: width + 2 * off, height: height + 2 * off, rx: 3.5 + off, fill: "none" };
  const line = dashed ? { stroke: ink.strong, "stroke-width": 1.8, "stroke-dasharray": "4 3" } : { stroke: ink.theme.accent, "stroke-width": thin ? 1.4 : 2.5 };
  return glanceNode("g", { class: dashed ? "focus-ring" : "ring" }, glanceNode("rect", { ...frame, ...line }));
}
