// Where everything of the overview stands, from its columns and the width alone; nothing here touches the page.
//
// Lengths are CSS pixels. The network flows to the right, or downwards on a phone: "flow" is the coordinate along it,
// "cross" the one across it. A place is {x, y, width, height, centre, start, end}: the box of one channel, its middle
// across the flow, and where edges end and start along it.

const GLANCE_PHONE = 640;
const GLANCE_EDGE = 20;
const GLANCE_TILE = { narrowest: 26, scrolled: 38, widest: 56 };
const GLANCE_PITCH = 66; // from column to column while something is unfolded, so that heads can be read
const GLANCE_HEAD = { title: 16, line: 13, button: 24 };
const GLANCE_FOOT = { stacked: 42 };
const GLANCE_CLASS = { least: 34, most: 60 };
const GLANCE_BRACKET = 26;
const GLANCE_TRACK = 9;
const GLANCE_NOTES = 58;
const GLANCE_LANES_HEIGHT = 620;
const GLANCE_ROOMY = 3; // branches side by side that have room for all their words

/** The layout: {vertical, width, height, tile, boxes, brackets, links, tracks, notes}; `boxes` has one entry a column. */
function glanceLayout(columns, groups, width, withNotes) {
  const levels = glanceLevels(columns);
  const nest = nestOf(columns);
  const titles = shortTitles(columns, groups, nest);
  const layout = width < GLANCE_PHONE ? rowsLayout(columns, groups, levels, width) : columnsLayout(columns, groups, levels, width, withNotes, titles);
  layout.boxes.forEach((box, index) => { box.head.title = titles[index]; });
  for (const bracket of layout.brackets) bracket.title = without(nest, bracket.title);
  return layout;
}

/** Indices of the columns of each level, first level first. */
function glanceLevels(columns) {
  const found = [...new Set(columns.map((column) => column.level))].sort((a, b) => a - b);
  return found.map((level) => columns.flatMap((column, index) => (column.level === level ? [index] : [])));
}

const withinBounds = (value, low, high) => Math.min(Math.max(value, low), high);
const largestOf = (numbers, least = 0) => numbers.reduce((most, number) => Math.max(most, number), least);

/** Room over and under the squares of a branch; few branches have a second line there. */
const laneEnds = (lanes) => (lanes <= GLANCE_ROOMY ? { head: 31, foot: 29 } : { head: 19, foot: 17 });

/** Squares of a branch stand in several short columns: {side, rows, cols, pitch}. */
function laneGrid(count, lanes, tile) {
  const side = Math.min(tile, lanes > 2 ? 30 : 36);
  const pitch = side + 4;
  const fit = Math.floor((GLANCE_LANES_HEIGHT / lanes - laneEnds(lanes).head - laneEnds(lanes).foot) / pitch);
  const cols = Math.ceil(count / withinBounds(fit, 2, Math.max(count, 2)));
  return { side, rows: Math.ceil(count / Math.max(cols, 1)), cols, pitch };
}

const unitSide = (tile) => withinBounds(Math.round(tile * 0.6), 15, 26);

/** How wide a column is when squares have the side `tile`. */
function columnWidth(column, tile, classes) {
  if (column.look === "classes") return classes;
  if (column.look === "picture") return Math.round(tile * 1.2);
  const side = column.look === "units" ? unitSide(tile) : tile;
  if (column.lanes < 2) return side;
  const grid = laneGrid(column.channels.length, column.lanes, side);
  return Math.max(grid.cols * grid.pitch - 4, 54);
}

/**
 * The largest squares with which everything fits, and the gap between columns: {tile, gap, widths}. While something is
 * unfolded, columns keep apart and the picture may be wider than the page.
 */
function fitColumns(columns, levels, folded, available, tallest, classes) {
  const gaps = Math.max(levels.length - 1, 1);
  const widthsAt = (tile) => levels.map((level) => largestOf(level.map((k) => columnWidth(columns[k], tile, classes))));
  const gapAt = (tile) => Math.max(Math.round(tile * 0.66), folded ? 20 : GLANCE_PITCH - tile);
  const spareAt = (tile) => (available - widthsAt(tile).reduce((total, width) => total + width, 0)) / gaps;
  const fits = (tile) => spareAt(tile) >= gapAt(tile);
  const sizes = Array.from({ length: tallest - GLANCE_TILE.narrowest + 1 }, (_, k) => tallest - k);
  const most = folded ? GLANCE_TILE.narrowest : Math.min(GLANCE_TILE.scrolled, tallest);
  const tile = sizes.find(fits) || most;
  return { tile, widths: widthsAt(tile), gap: withinBounds(spareAt(tile), gapAt(tile) + (fits(tile) ? 0 : 4), 290) };
}

/** The one nested network that all dotted titles begin with, such as "base."; nothing in small pictures, which have room. */
function nestOf(columns) {
  const nests = new Set(columns.filter(({ title }) => title.includes(".")).map(({ title }) => title.slice(0, title.indexOf(".") + 1)));
  return nests.size === 1 && columns.length > 5 ? [...nests][0] : "";
}

const without = (nest, title) => (title.startsWith(nest) && title.length > nest.length ? title.slice(nest.length) : title);

/** What a head says: the column's title, without that of the unfolded group over it, nor its nest. The tip says all. */
function shortTitles(columns, groups, nest) {
  const titles = new Map(groups.map((group) => [group.id, group.title]));
  return columns.map(({ title, inside }) => {
    const over = titles.get(inside.at(-1));
    const rest = over && title.startsWith(over) ? title.slice(over.length) : "";
    return /^[_./-]./.test(rest) ? rest.slice(1) : without(nest, title);
  });
}

function columnsLayout(columns, groups, levels, width, withNotes, titles) {
  const single = columns.filter((column) => column.lanes < 2);
  const countsOf = (classes) => single.filter((column) => (column.look === "classes") === classes).map((column) => column.channels.length);
  const most = largestOf(countsOf(false), 4);
  const budget = withinBounds(width * 0.49, 436, 600);
  const tallest = withinBounds(Math.floor(budget / most) - 5, GLANCE_TILE.narrowest, GLANCE_TILE.widest);
  const classes = withinBounds(width * 0.145, 128, 190);
  const { tile, gap, widths } = fitColumns(columns, levels, !groups.length, width - 2 * GLANCE_EDGE, tallest, classes);
  const laneHeights = columns.filter((column) => column.lanes > 1).map((column) => column.lanes * laneHeight(column, tile));
  const pitchIn = (height) => withinBounds(height / most, tile + 4, tile * 1.5);
  const height = Math.max(most * pitchIn(budget), largestOf(laneHeights), largestOf(countsOf(true)) * GLANCE_CLASS.least);
  const zone = { height, pitch: pitchIn(height), tile };

  const depth = largestOf(columns.map((column) => column.inside.length));
  const headTop = depth * GLANCE_BRACKET;
  const long = levels.some((level, at) => level.some((k) => columns[k].lanes < 2 && titles[k].length * 7 > widths[at] + gap - 8));
  const titleLines = long ? 2 : 1;
  zone.top = headTop + headHeight(single, titleLines);
  const natural = widths.reduce((total, each) => total + each, 0) + (levels.length - 1) * gap;
  const boxes = new Array(columns.length);
  let left = Math.max((width - natural) / 2, GLANCE_EDGE);
  levels.forEach((level, at) => {
    for (const index of level) boxes[index] = columnBox(columns[index], { left, width: widths[at], gap, headTop, titleLines }, zone);
    left += widths[at] + gap;
  });
  const links = glanceLinks(columns, levels, boxes);
  const tracks = 1 + largestOf(links.map((link) => link.track ?? -1), -1);
  const bottom = zone.top + zone.height;
  const footTop = bottom + (tracks ? tracks * GLANCE_TRACK + 14 : 8);
  columns.forEach((column, index) => placeFoot(boxes[index], column, footTop, gap));
  const notesTop = footTop + GLANCE_FOOT.stacked;
  return {
    vertical: false,
    width: Math.max(width, Math.ceil(left - gap + GLANCE_EDGE)),
    height: Math.ceil(notesTop + (withNotes ? GLANCE_NOTES : 4)),
    tile,
    gap,
    boxes,
    brackets: glanceBrackets(columns, groups, boxes, depth),
    links,
    tracks: { at: bottom + 12, step: GLANCE_TRACK },
    notes: { top: notesTop, foot: footTop },
  };
}

function laneHeight(column, tile) {
  const { rows, pitch } = laneGrid(column.channels.length, column.lanes, column.look === "units" ? unitSide(tile) : tile);
  const { head, foot } = laneEnds(column.lanes);
  return head + rows * pitch + foot + 8;
}

function headHeight(columns, titleLines) {
  const lines = 1 + (columns.some((column) => column.parameters) ? 1 : 0);
  const button = columns.some((column) => column.opens) ? GLANCE_HEAD.button : 4;
  return titleLines * GLANCE_HEAD.title + lines * GLANCE_HEAD.line + button + 6;
}

/** One column: {left, right, top, bottom, flow: [start, end], cross: [start, end], places, head, foot}. */
function columnBox(column, { left, width, gap, headTop, titleLines }, zone) {
  const places = column.lanes > 1 ? lanePlaces(column, left, width, zone) : columnPlaces(column, left, width, zone);
  const box = boxAround(places, left, left + width, zone.top, zone.top + zone.height);
  box.flow = [box.left, box.right];
  box.cross = [box.top, box.bottom];
  const centre = left + width / 2;
  if (column.lanes > 1) {
    box.head = { look: "lane", x: left - gap * 0.36, y: box.top - 6, width: width + gap * 0.72 };
    const { head, foot } = laneEnds(column.lanes);
    box.cross = [box.top - head, box.bottom + foot];
  } else if (column.look === "classes") box.head = { look: "start", x: left, y: headTop, width, lines: titleLines };
  else box.head = { look: "middle", x: centre, y: headTop, width: width + gap - 8, lines: titleLines };
  return box;
}

/** The box around places, and where edges leave and enter it along the flow: {…, start, end}. */
function boxAround(places, left, right, top, bottom) {
  if (!places.length) return { places, left, right, top, bottom, start: left, end: right };
  return {
    places,
    start: Math.min(...places.map((place) => place.start)),
    end: Math.max(...places.map((place) => place.end)),
    left: Math.min(...places.map((place) => place.x)),
    right: Math.max(...places.map((place) => place.x + place.width)),
    top: Math.min(...places.map((place) => place.y)),
    bottom: Math.max(...places.map((place) => place.y + place.height)),
  };
}

function sidewaysPlace(x, y, width, height) {
  return { x, y, width, height, centre: y + height / 2, start: x - 3, end: x + width + 3 };
}

function columnPlaces(column, left, width, zone) {
  const count = column.channels.length;
  const side = { picture: Math.round(zone.tile * 1.2), units: unitSide(zone.tile) }[column.look] || zone.tile;
  const wide = column.look === "classes" ? width : side;
  const high = column.look === "classes" ? 32 : side;
  const spread = { picture: zone.tile * 4.6, classes: GLANCE_CLASS.most }[column.look];
  const pitch = spread ? Math.min(zone.height / count, spread) : zone.pitch;
  const top = zone.top + (zone.height - count * pitch) / 2;
  return column.channels.map((_, k) => sidewaysPlace(left + (width - wide) / 2, top + k * pitch + (pitch - high) / 2, wide, high));
}

function lanePlaces(column, left, width, zone) {
  const limit = column.look === "units" ? unitSide(zone.tile) : zone.tile;
  const { side, rows, cols, pitch } = laneGrid(column.channels.length, column.lanes, limit);
  const band = zone.height / column.lanes;
  const { head, foot } = laneEnds(column.lanes);
  const top = zone.top + column.lane * band + (band - head - rows * pitch - foot) / 2 + head;
  const first = left + (width - (cols * pitch - 4)) / 2;
  return column.channels.map((_, k) => sidewaysPlace(first + Math.floor(k / rows) * pitch, top + (k % rows) * pitch, side, side));
}

function placeFoot(box, column, top, gap) {
  const centre = (box.left + box.right) / 2;
  if (column.lanes > 1) box.foot = { look: "inline", x: centre, y: box.bottom + 10, width: box.right - box.left + gap * 0.7 };
  else if (column.look === "classes") box.foot = { look: "rule", x: box.left, y: top, width: box.right - box.left };
  else box.foot = { look: "stacked", x: centre, y: top, width: withinBounds(gap + box.right - box.left - 12, 44, 72) };
}

/** A line above (or beside) the columns of every unfolded group: {id, title, depth, from, to, at}. */
function glanceBrackets(columns, groups, boxes, depth, vertical = false) {
  return groups.flatMap(({ id, title }) => {
    const inside = boxes.filter((_, index) => columns[index].inside.includes(id));
    if (!inside.length) return [];
    const own = columns.find((column) => column.inside.includes(id)).inside.indexOf(id);
    const [from, to] = [Math.min(...inside.map((box) => box.flow[0])), Math.max(...inside.map((box) => box.flow[1]))];
    return [{ id, title, depth: own, from: from - 8, to: to + 8, at: vertical ? 9 + own * 10 : own * GLANCE_BRACKET + 10 }];
  });
}

function rowsLayout(columns, groups, levels, width) {
  const depth = largestOf(columns.map((column) => column.inside.length));
  const left = 8 + (depth ? depth * 10 + 12 : 0);
  const boxes = new Array(columns.length);
  const begun = new Set();
  const lay = (right) => {
    let y = 2;
    begun.clear();
    for (const level of levels) {
      for (const id of level.flatMap((k) => columns[k].inside)) {
        if (!begun.has(id)) y += 26;
        begun.add(id);
      }
      const lanes = largestOf(level.map((k) => columns[k].lanes), 1);
      const band = (right - left) / lanes;
      for (const k of level) boxes[k] = rowBox(columns[k], left + columns[k].lane * band, band - (lanes > 1 ? 8 : 0), y);
      y = largestOf(level.map((k) => boxes[k].end)) + 32;
    }
    return y;
  };
  lay(width - 8);
  // Room for the tracks of the skip connections is known only once it is known which there are.
  const count = 1 + largestOf(glanceLinks(columns, levels, boxes).map((link) => link.track ?? -1), -1);
  const right = width - 8 - (count ? count * GLANCE_TRACK + 8 : 0);
  const height = lay(right);
  return {
    vertical: true,
    width,
    height: height - 20,
    tile: largestOf(boxes.flatMap((box) => box.places.map((place) => place.height))),
    gap: 34,
    boxes,
    brackets: glanceBrackets(columns, groups, boxes, depth, true),
    links: glanceLinks(columns, levels, boxes),
    tracks: { at: right + 10, step: GLANCE_TRACK },
    notes: null,
  };
}

/** One row of a phone's picture: its head over its squares, in one line or two. */
function rowBox(column, left, width, top) {
  const small = column.lanes > 1;
  const y = top + (small ? 32 : column.look === "picture" ? 24 : 38);
  const head = { look: small ? "narrow" : "row", x: left, y: top, width };
  const places = column.look === "classes" ? barPlaces(column, left, width, y) : rowPlaces(column, left, width, y);
  const box = { ...boxAround(places, left, left + width, y, y + 20), head };
  box.flow = [top, box.bottom];
  box.cross = [left, left + width];
  box.foot = small ? null : { look: "row", x: left + width, y: top + 26, width };
  return box;
}

function barPlaces(column, left, width, top) {
  const step = width / column.channels.length;
  return column.channels.map((_, k) => ({
    x: left, y: top + k * 32, width, height: 28, centre: left + (k + 0.5) * step, start: top - 3, end: top + k * 32 + 28,
  }));
}

function rowPlaces(column, left, width, top) {
  const count = Math.max(column.channels.length, 1);
  const widest = { picture: 56, units: 24 }[column.look] || 44;
  const sideOf = (cols) => Math.min(Math.floor((width + 5) / cols) - 5, widest);
  let rows = 1;
  while (rows < count && sideOf(Math.ceil(count / rows)) < (column.look === "units" ? 16 : 26)) rows += 1;
  const cols = Math.ceil(count / rows);
  const side = Math.max(sideOf(cols), 8);
  const step = column.look === "picture" ? width / count : Math.min(width / cols, side * 1.5);
  const first = left + (width - cols * step) / 2 + (step - side) / 2;
  return column.channels.map((_, k) => {
    const [x, y] = [first + (k % cols) * step, top + Math.floor(k / cols) * (side + 6)];
    return { x, y, width: side, height: side, centre: x + side / 2, start: y - 3, end: y + side + (column.look === "picture" ? 18 : 3) };
  });
}
