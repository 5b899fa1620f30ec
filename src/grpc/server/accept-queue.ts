/**
 * Calls are let in a few per turn of the event loop. Whole connections' worth of calls can arrive in one turn, and all
 * that is done for them would be done before a timer fires or an answer of the upstream is read: a gateway that has to
 * refuse thousands would serve none meanwhile.
 */

/** A call at the entrance. */
export interface Entrant {
  /** Tells connections apart. Asked only of a call that has to wait. */
  readonly connection: string;
  /** Called once, at the call's turn: at once, or in a later turn of the event loop. */
  enter(): void;
}

/** A call that waits. */
export interface Waiting {
  /** Makes sure that the call is not let in any more. */
  leave(): void;
}

/** Where calls wait for the turn of the event loop that they are worked on in. */
export interface Entrance {
  /** Lets a call in at once, or keeps it until others have been. */
  arrive(entrant: Entrant): Waiting | undefined;
  /** Calls that wait. */
  readonly waiting: number;
}

/** So many take about as long as a timer is late anyway; a turn by itself costs next to nothing. */
const usualPerTurn = 32;

/** An entrance where nobody waits. Connections take turns, so that one with many calls does not keep the others waiting. */
export function createEntrance(perTurn: number = usualPerTurn): Entrance {
  /** By connection, in the order of their turns. */
  const lines = new Map<string, Set<Entrant>>();
  let waiting = 0;
  let entered = 0;

  const count = (): void => {
    if (entered === 0) setImmediate(turn);
    entered += 1;
  };
  const leave = (connection: string, entrant: Entrant): void => {
    const line = lines.get(connection);
    if (line?.delete(entrant) !== true) return;
    waiting -= 1;
    if (line.size === 0) lines.delete(connection);
  };
  const next = (): Entrant | undefined => {
    for (const [connection, line] of lines) {
      for (const entrant of line) {
        leave(connection, entrant);
        // Behind all others.
        if (lines.delete(connection)) lines.set(connection, line);
        return entrant;
      }
    }
    return undefined;
  };
  const turn = (): void => {
    entered = 0;
    for (let turns = 0; turns < perTurn; turns += 1) {
      const entrant = next();
      if (entrant === undefined) return;
      count();
      entrant.enter();
    }
  };

  return {
    arrive(entrant) {
      if (waiting === 0 && entered < perTurn) {
        count();
        entrant.enter();
        return undefined;
      }
      const { connection } = entrant;
      const line = lines.get(connection);
      if (line === undefined) lines.set(connection, new Set([entrant]));
      else line.add(entrant);
      waiting += 1;
      return { leave: () => leave(connection, entrant) };
    },
    get waiting() {
      return waiting;
    },
  };
}
