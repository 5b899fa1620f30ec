/** Edits (insert, delete, replace) that turn one text into the other. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const deleted = (previous[column] ?? 0) + 1;
      const inserted = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, deleted, inserted));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/** The known name that an unknown one was probably meant to be; `undefined` if none is near. */
export function nearestName(unknown: string, known: readonly string[]): string | undefined {
  // Longer texts are no typing errors, and comparing them would take time.
  if (unknown.length > 80) return undefined;
  const wanted = unknown.toLowerCase();
  const nearest = known
    .map((name) => ({ name, distance: editDistance(wanted, name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)[0];
  if (nearest === undefined) return undefined;
  return nearest.distance <= Math.max(2, Math.floor(nearest.name.length / 3))
    ? nearest.name
    : undefined;
}

/** Ends a sentence about an unknown name. */
export const suggest = (nearest: string | undefined): string =>
  nearest === undefined ? "" : `; did you mean ${nearest}?`;
