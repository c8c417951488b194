// The enlarged channel with its numbers, put where it hides least of what is lit.

const LENS_GAP = 12;
const LENS_SIDE = 136; // as in glance.css

class GlanceLens extends Peek {
  /** Shows a square of a picture (or one colour, or neither) and words for the box `at`; `lit` are the boxes to leave free. */
  show(svg, at, lit, { picture, from, side, colour }, words) {
    Object.assign(this, { svg, at, lit });
    this.canvas.hidden = !picture && !colour;
    this.canvas.classList.toggle("flat", Boolean(colour));
    const size = picture ? side : 1;
    if (this.canvas.width !== size) [this.canvas.width, this.canvas.height] = [size, size];
    if (picture) cutSquare(this.canvas, picture, 0, from * side, side);
    fitSquare(this.canvas, LENS_SIDE);
    if (colour) {
      const context = this.canvas.getContext("2d");
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    this.text.textContent = words;
    if (!this.box.matches(":popover-open")) this.box.showPopover();
    this.place();
  }

  /** The candidate place nearest the channel that covers least of what is lit. */
  place() {
    if (!this.box.matches(":popover-open")) return;
    const origin = this.svg.getBoundingClientRect();
    const [width, height] = [this.box.offsetWidth, this.box.offsetHeight];
    const boxes = this.lit.map((box) => [origin.left + box.x, origin.top + box.y, origin.left + box.x + box.width, origin.top + box.y + box.height]);
    const [left, top, right, bottom] = [origin.left + this.at.x, origin.top + this.at.y, origin.left + this.at.x + this.at.width, origin.top + this.at.y + this.at.height];
    const [middle, centre] = [(left + right) / 2, (top + bottom) / 2];
    const ends = [Math.min(left, ...boxes.map((box) => box[0])), Math.max(right, ...boxes.map((box) => box[2]))];
    const level = withinBounds(centre - height / 2, 4, Math.max(window.innerHeight - height - 4, 4));
    const across = withinBounds(middle - width / 2, 4, Math.max(window.innerWidth - width - 4, 4));
    const candidates = [
      [ends[1] + LENS_GAP, level], [ends[0] - LENS_GAP - width, level], [across, bottom + LENS_GAP], [across, top - LENS_GAP - height],
      [right + LENS_GAP, level], [left - LENS_GAP - width, level],
    ];
    const cost = ([x, y]) => {
      const outside = x < 2 || x + width > window.innerWidth - 2 || y < 2 || y + height > window.innerHeight - 2;
      const hidden = boxes.reduce((sum, box) => sum + Math.max(Math.min(x + width, box[2]) - Math.max(x, box[0]), 0)
        * Math.max(Math.min(y + height, box[3]) - Math.max(y, box[1]), 0), 0);
      return Math.hypot(x + width / 2 - middle, y + height / 2 - centre) + hidden / 5 + (outside ? 1e4 : 0);
    };
    const [x, y] = candidates.reduce((best, each) => (cost(each) < cost(best) ? each : best));
    this.box.style.left = `${x.toFixed(1)}px`;
    this.box.style.top = `${y.toFixed(1)}px`;
  }
}
