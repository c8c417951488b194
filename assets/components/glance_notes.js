// Short notes beside the picture that say what is looked at, with thin arrows; below everything, so that they hide nothing.

const NOTE_SIZE = 12;
const NOTE_WIDTH = 178;
const NOTE_GAP = 26;

/** Words for what is seen of the network while nothing is looked at: [{words, x, to}], `x` is where the arrow points. */
function restingNotes(columns, layout, edges, left, right) {
  const drawn = new Set(edges.map((edge) => edge.link));
  const seen = (x) => x > left + 40 && x < right - 40;
  const gapOf = (link) => (layout.boxes[link.from].flow[1] + layout.boxes[link.to].flow[0]) / 2;
  const near = layout.links.filter((link) => link.way === "near" && drawn.has(link) && columns[link.to].lanes < 2 && seen(gapOf(link)));
  const gapAt = (share) => near.length && gapOf(near[Math.min(Math.floor(near.length * share), near.length - 1)]);
  const apart = near.length === 1 ? 16 : 0;
  const notes = [];
  if (near.length) notes.push({ words: "thick lines: much of what a channel gets comes from there", x: gapAt(0.18) - apart, to: "gap" });
  if (near.length && edges.some((edge) => edge.sign < 0)) notes.push({ words: "blue lines add, red lines take away", x: gapAt(0.62) + apart, to: "gap" });
  const counted = columns.flatMap((column, k) => (
    column.rule && column.look !== "classes" && column.count > column.channels.length && column.lanes < 2 && seen(middleOf(layout.boxes[k])) ? [k] : []
  ));
  const one = counted[Math.floor(counted.length * 0.4)];
  if (one !== undefined) notes.push({ words: `${columns[one].rule}: the others are computed too, but not drawn`, x: middleOf(layout.boxes[one]), to: "foot" });
  const free = (x) => notes.every((note) => Math.abs(note.x - x) > 30);
  const bands = layout.links.filter((link) => link.way === "round").flatMap((link) => {
    const [from, to] = [layout.boxes[link.from].flow[1], layout.boxes[link.to].flow[0]];
    return near.map(gapOf).filter((x) => x > from && x < to && free(x));
  });
  if (bands.length) notes.push({ words: "grey band: a shortcut past the layers between", x: bands[Math.floor(bands.length / 2)], to: "gap" });
  return notes;
}

const middleOf = (box) => (box.left + box.right) / 2;

/** Words for one channel: what feeds it most, what it goes into most, what a click does. */
function channelNotes(columns, layout, at, edges, hidden) {
  const column = columns[at.column];
  const box = layout.boxes[at.column];
  const named = (index, k) => ({
    classes: columns[index].labels[k],
    picture: `the picture's ${columns[index].labels[k]}`,
  }[columns[index].look] || `${columns[index].labels[k]} of ${columns[index].title}`);
  const fed = strongestOf(edges.filter((edge) => edge.link.to === at.column));
  const feeds = strongestOf(edges.filter((edge) => edge.link.from === at.column));
  const notes = [];
  const gap = layout.vertical ? 0 : Math.min(layout.gap / 2, 50);
  if (fed) {
    const verb = fed.sign < 0 ? "most is taken away by" : "most comes from";
    notes.push({ words: `${verb} ${named(fed.link.from, fed.from)}`, x: box.left - gap, to: "gap" });
  }
  const unseen = fed ? undefined : hidden.find(([index, k]) => index === at.column && k === at.k);
  if (unseen) notes.push({ words: `comes from ${unseen[2]}, which is not drawn`, x: box.left - gap, to: "gap" });
  if (column.look !== "picture") {
    const words = column.look === "classes" ? "click: the terms of its logit" : "click: the sums that made it";
    notes.push({ words, x: middleOf(box), to: "foot" });
  }
  if (feeds) notes.push({ words: `it goes most into ${named(feeds.link.to, feeds.to)}`, x: box.right + gap, to: "gap" });
  return notes;
}

/** Words in as few lines of `width` as hold them, all about as long. */
function wrapped(words, width, measure) {
  const fill = (limit) => words.split(" ").reduce((lines, word) => {
    const longer = `${lines.at(-1)} ${word}`.trim();
    return measure(longer) <= limit ? [...lines.slice(0, -1), longer] : [...lines, word];
  }, [""]).filter(Boolean);
  const count = fill(width).length;
  let limit = width;
  while (limit > 40 && fill(limit - 8).length === count) limit -= 8;
  return fill(limit).slice(0, 3);
}

/** Places notes side by side within [left, right], each near what it points at; those that find no room are left out. */
function placedNotes(notes, left, right, ink) {
  const measure = (part) => ink.measure(part, NOTE_SIZE) * 1.02;
  const made = notes.filter((note) => note.x > left && note.x < right).map((note) => {
    const lines = wrapped(note.words, NOTE_WIDTH, measure).map((line) => shortened(line, NOTE_WIDTH, measure));
    return { ...note, lines, width: largestOf(lines.map(measure)) };
  });
  const taken = () => made.reduce((sum, note) => sum + note.width + NOTE_GAP, -NOTE_GAP);
  while (made.length && taken() > right - left) made.pop();
  made.sort((a, b) => a.x - b.x);
  // Neighbours that would overlap become one block, which stands where its notes together are nearest to what they mean.
  const blocks = [];
  for (const note of made) {
    let block = { notes: [note], width: note.width, x: note.x };
    while (blocks.length && edgeOf(blocks.at(-1), left, right) + blocks.at(-1).width + NOTE_GAP > edgeOf(block, left, right)) {
      const before = blocks.pop();
      const count = before.notes.length + block.notes.length;
      const x = (before.x * before.notes.length + block.x * block.notes.length) / count;
      block = { notes: [...before.notes, ...block.notes], width: before.width + NOTE_GAP + block.width, x };
    }
    blocks.push(block);
  }
  for (const block of blocks) {
    let edge = edgeOf(block, left, right);
    for (const note of block.notes) {
      note.left = edge;
      edge += note.width + NOTE_GAP;
    }
  }
  return made;
}

const edgeOf = (block, left, right) => withinBounds(block.x - block.width / 2, left, right - block.width);

function drawNotes(notes, layout, left, right, ink) {
  const { top, foot } = layout.notes;
  return placedNotes(notes, left + 8, right - 8, ink).map((note) => {
    const begin = [note.left + note.width / 2, top + 17];
    const end = [note.x, note.to === "foot" ? top + 1 : foot - 2];
    const line = `M${begin.join(" ")}C${begin[0]} ${top + 4} ${end[0]} ${top + 14} ${end[0]} ${top + 2}V${end[1]}`;
    const arrow = `M${end[0] - 3} ${end[1] + 5}L${end[0]} ${end[1]}L${end[0] + 3} ${end[1] + 5}`;
    return glanceNode(
      "g",
      { class: "note-of-glance" },
      glanceNode("path", { d: line + arrow, fill: "none", stroke: ink.faint, "stroke-width": 1, "stroke-linecap": "round" }),
      ...note.lines.map((words, k) => glanceText(ink, words, begin[0], top + 28 + k * 14, { size: NOTE_SIZE, italic: true })),
    );
  });
}
