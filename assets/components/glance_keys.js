// Where an arrow key leads in the overview.

/** The stop that an arrow key leads to: along the flow to the nearest of the next column, across it to the next in its own. */
function glanceMove(event, from, stops, vertical) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const keys = vertical ? ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"] : ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  const flow = ({ box }) => (vertical ? box.y + box.height / 2 : box.x + box.width / 2);
  const cross = ({ box }) => (vertical ? box.x + box.width / 2 : box.y + box.height / 2);
  const nearest = (list, far) => list.reduce((best, stop) => (best && far(best) <= far(stop) ? best : stop), undefined);
  const off = (stop) => Math.abs(cross(stop) - cross(from));
  const channels = stops.filter((stop) => stop.k >= 0);
  const levels = channels.map((stop) => stop.level);
  const onLevel = (level) => nearest(channels.filter((stop) => stop.level === level), off);
  if (event.key === "Home") return onLevel(Math.min(...levels));
  if (event.key === "End") return onLevel(Math.max(...levels));
  const way = keys.indexOf(event.key);
  if (way < 0) return undefined;
  const sign = way % 2 ? 1 : -1;
  if (way < 2) {
    const beside = stops.filter((stop) => stop.column === from.column && stop.k >= 0 && from.k >= 0 && (flow(stop) - flow(from)) * sign > 2 && off(stop) < 2);
    if (beside.length) return nearest(beside, (stop) => Math.abs(flow(stop) - flow(from)));
    const next = levels.filter((level) => (level - from.level) * sign > 0);
    return next.length ? onLevel(sign > 0 ? Math.min(...next) : Math.max(...next)) : undefined;
  }
  const line = stops.filter((stop) => stop.level === from.level && (cross(stop) - cross(from)) * sign > 2);
  return nearest(line, (stop) => off(stop) + 2 * Math.abs(flow(stop) - flow(from)));
}
