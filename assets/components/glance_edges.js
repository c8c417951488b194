// The lines of the overview: which way a connection goes past other columns, its curve, its colour and width.

const WEAKEST_EDGE = 0.03;

/**
 * Every connection between two columns, {from, to, way, levels, track}. Ways: "near" to the next level; "along" the
 * source's own branch, or "ahead" along the target's, where nothing stands between; else "round", on a track beside all.
 */
function glanceLinks(columns, levels, boxes) {
  const levelOf = new Map(levels.flatMap((level, at) => level.map((index) => [index, at])));
  const edgesOf = (at, side) => levels[at].map((index) => boxes[index].flow[side]);
  const taken = [];
  const links = columns.flatMap((column, to) => column.parents.map((from) => ({ from, to })));
  for (const link of links) {
    const [first, last] = [levelOf.get(link.from), levelOf.get(link.to)];
    const between = levels.slice(first + 1, last).flat();
    const free = (cross) => between.every((k) => boxes[k].cross[1] < cross[0] || boxes[k].cross[0] > cross[1]);
    link.gaps = first < last && [
      [Math.max(...edgesOf(first, 1)), Math.min(...edgesOf(first + 1, 0))],
      [Math.max(...edgesOf(last - 1, 1)), Math.min(...edgesOf(last, 0))],
    ];
    if (last - first < 2) link.way = "near";
    else if (free(boxes[link.from].cross)) link.way = "along";
    else if (free(boxes[link.to].cross)) link.way = "ahead";
    else {
      link.way = "round";
      link.track = freeTrack(taken, first, last);
    }
  }
  return links;
}

/** The innermost track on which nothing else runs between two levels. */
function freeTrack(taken, first, last) {
  let track = 0;
  while (taken.some((other) => other.track === track && other.first < last && first < other.last)) track += 1;
  taken.push({ track, first, last });
  return track;
}

/** Writes points given as (flow, cross) in the order that a path wants. */
function penOf(layout) {
  const point = layout.vertical
    ? (flow, cross) => `${cross.toFixed(1)} ${flow.toFixed(1)}`
    : (flow, cross) => `${flow.toFixed(1)} ${cross.toFixed(1)}`;
  const curve = (f1, c1, f2, c2) => {
    const middle = (f1 + f2) / 2;
    return `C${point(middle, c1)} ${point(middle, c2)} ${point(f2, c2)}`;
  };
  return { point, curve };
}

/** The path of one edge, from a channel of the link's first column to one of its second. */
function edgePath(layout, link, from, to) {
  const { point, curve } = penOf(layout);
  const [source, target] = [layout.boxes[link.from], layout.boxes[link.to]];
  const [a, b] = [source.places[from], target.places[to]];
  if (link.way === "round") return roundPath(layout, link, a, b);
  const begin = link.way === "along" ? link.gaps[1][0] : source.end;
  const finish = link.way === "ahead" ? link.gaps[0][1] : target.start;
  return `M${point(a.end, a.centre)}L${point(begin, a.centre)}${curve(begin, a.centre, finish, b.centre)}L${point(b.start, b.centre)}`;
}

/** From a channel into the gap behind it, along the link's track past the columns between, and into the other channel. */
function roundPath(layout, link, a, b) {
  return trackPath(layout, link, [a.end, a.centre], [b.start, b.centre]);
}

/**
 * A path along a link's track. Its ends are (flow, cross) of a point beside the gap that is next to it, from where it
 * turns into that gap; or, with `below`, of a point from which it goes straight to the track.
 */
function trackPath(layout, link, from, to, below = [false, false]) {
  const { point } = penOf(layout);
  const track = layout.tracks.at + link.track * layout.tracks.step;
  const [[f1, c1], [f2, c2]] = [from, to];
  const out = below[0] ? f1 : link.gaps[0][0] + (link.gaps[0][1] - link.gaps[0][0]) * 0.3;
  const back = below[1] ? f2 : link.gaps[1][1] - (link.gaps[1][1] - link.gaps[1][0]) * 0.3;
  const [r, s] = [Math.min(7, Math.abs(track - c1) / 2), Math.min(7, Math.abs(track - c2) / 2)];
  const begin = below[0] ? `M${point(f1, c1)}` : `M${point(f1, c1)}L${point(Math.max(out - r, f1), c1)}Q${point(out, c1)} ${point(out, c1 + r)}`;
  const end = below[1] ? `L${point(f2, c2)}` : `L${point(back, c2 + s)}Q${point(back, c2)} ${point(Math.min(back + s, f2), c2)}L${point(f2, c2)}`;
  const along = `L${point(out, track - r)}Q${point(out, track)} ${point(out + r, track)}L${point(back - s, track)}Q${point(back, track)} ${point(back, track - s)}`;
  return begin + along + end;
}

/** The band of a whole skip connection, {line, arrow}: out of one column and into another, from below where that is free. */
function bandPath(layout, link) {
  const { point } = penOf(layout);
  const [side, sides] = layout.vertical ? ["right", ["top", "bottom"]] : ["bottom", ["left", "right"]];
  const [source, target] = [layout.boxes[link.from], layout.boxes[link.to]];
  const free = (box) => layout.boxes.every((other) => other.flow[0] > box.flow[1] || other.flow[1] < box.flow[0] || other[side] <= box[side]);
  const middle = (box) => (box[sides[0]] + box[sides[1]]) / 2;
  const height = (box) => box.places.reduce((sum, place) => sum + place.centre, 0) / Math.max(box.places.length, 1);
  const below = [free(source), free(target)];
  const inline = source.foot && source.foot.look === "inline" ? 16 : 5;
  const from = below[0] ? [middle(source) + 5, source[side] + inline] : [source.end, height(source)];
  const to = below[1] ? [middle(target) - 5, target[side] + 8] : [target.start - 6, height(target)];
  const tip = below[1]
    ? [[to[0] - 5, to[1] + 2], [to[0], to[1] - 5], [to[0] + 5, to[1] + 2]]
    : [[to[0] - 1, to[1] - 5], [to[0] + 6, to[1]], [to[0] - 1, to[1] + 5]];
  const arrow = `M${tip.map(([flow, cross]) => point(flow, cross)).join("L")}Z`;
  return { line: trackPath(layout, link, from, to, below), arrow };
}

/** A band for a connection of which no single edges are drawn, {line, arrow}: none of the shown channels meet in it. */
function plainPath(layout, link) {
  const { point, curve } = penOf(layout);
  const [source, target] = [layout.boxes[link.from], layout.boxes[link.to]];
  const middle = (box) => box.places.reduce((sum, place) => sum + place.centre, 0) / Math.max(box.places.length, 1);
  const [c1, c2] = [middle(source), middle(target)];
  const begin = link.way === "along" ? link.gaps[1][0] : source.end;
  const finish = link.way === "ahead" ? link.gaps[0][1] : target.start;
  const [tip, back] = [target.start, target.start - 7];
  return {
    line: `M${point(source.end, c1)}L${point(begin, c1)}${curve(begin, c1, Math.min(finish, back), c2)}L${point(back, c2)}`,
    arrow: `M${point(back, c2 - 5)}L${point(tip, c2)}L${point(back, c2 + 5)}Z`,
  };
}

/** Colours of edges by sign: {"1", "-1", "0"}. */
function edgeColours(theme) {
  const stops = theme.dark ? DIVERGING.dark : DIVERGING.light;
  return { "1": cssColour(stops[5]), "-1": cssColour(stops[1]), "0": cssColour(theme.ink) };
}

/** How much to fade each connection's edges at rest, so that one of a hundred strong edges is as calm as one of ten. */
function calmOf(edges) {
  const weight = new Map();
  for (const { link, strength } of edges) weight.set(link, (weight.get(link) || 0) + strength ** 2);
  return new Map([...weight].map(([link, sum]) => [link, withinBounds(10 / sum, 0.4, 1)]));
}

/** How an edge looks at rest, faded to `calm`, or lit (`calm` is null): thick when strong, thin and faint when weak. */
function edgeLook(strength, sign, theme, calm) {
  const s = withinBounds(Number(strength) || 0, 0, 1);
  const quiet = sign === 0 ? 0.6 : 1;
  const lit = calm === null;
  return {
    fill: "none",
    stroke: edgeColours(theme)[String(Math.sign(sign) || 0)],
    "stroke-width": (lit ? 0.8 + 2.5 * s ** 1.5 : 0.5 + 2 * s ** 2.4).toFixed(2),
    "stroke-opacity": (lit ? 0.28 + 0.7 * s : (0.06 + 0.44 * s ** 2.4) * quiet * calm).toFixed(3),
    "stroke-linecap": "round",
  };
}

/** The edge through which most flows; null where there is none. */
const strongestOf = (edges) => edges.reduce((best, edge) => (best && best.strength >= edge.strength ? best : edge), null);
