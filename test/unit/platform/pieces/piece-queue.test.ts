import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallEnded, CallLifetime } from "../../../../src/platform/call-signal.ts";
import {
  createPieceQueue,
  mapInPieces,
  type PieceQueue,
} from "../../../../src/platform/pieces/piece-queue.ts";

/** A queue whose turns of the event loop are driven. */
function createDriven() {
  const turns: (() => void)[] = [];
  const queue = createPieceQueue({
    priorities: ["interactive", "management", "bulk"],
    nextTurn: (callback) => void turns.push(callback),
  });
  return {
    queue,
    /** Runs the next turn and all that follows at once. */
    turn: async (): Promise<void> => {
      turns.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
    get turnsAsked() {
      return turns.length;
    },
  };
}

const ownerOf = (priority: string) => {
  const lifetime = new CallLifetime();
  return { rpc: { priority }, signal: lifetime, lifetime };
};

/** Runs three pieces of a call and notes each. */
async function work(
  queue: PieceQueue,
  name: string,
  owner: ReturnType<typeof ownerOf>,
  done: string[],
) {
  for (const piece of [1, 2, 3]) {
    await queue.turn(owner);
    done.push(`${name}${piece}`);
  }
}

describe("the queue of pieces", () => {
  test("one piece runs per turn of the event loop, whatever the number of calls", async () => {
    const { queue, turn } = createDriven();
    const done: string[] = [];
    for (const name of ["a", "b", "c"]) void work(queue, name, ownerOf("bulk"), done);
    const seen: string[] = [];
    for (let turns = 0; turns < 9; turns += 1) {
      await turn();
      seen.push(done.join(" "));
    }
    expect(seen.slice(0, 4)).toEqual(["a1", "a1 a2", "a1 a2 a3", "a1 a2 a3 b1"]);
    expect(seen.at(-1)).toBe("a1 a2 a3 b1 b2 b3 c1 c2 c3");
  });

  test("at most one piece runs per turn, and the order is that of priorities and first pieces, whatever the calls", async () => {
    const priorities = ["interactive", "management", "bulk"];
    const call = fc.record({
      priority: fc.constantFrom(...priorities),
      pieces: fc.integer({ min: 1, max: 6 }),
      startsAt: fc.integer({ min: 0, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 8 }), async (calls) => {
        const { queue, turn } = createDriven();
        const ran: number[] = [];
        /** The calls that have begun, in their order, with the number of pieces left. */
        const begun: { readonly name: number; readonly priority: string; left: number }[] = [];
        const run = async (name: number, priority: string, pieces: number): Promise<void> => {
          const owner = ownerOf(priority);
          for (let piece = 0; piece < pieces; piece += 1) {
            await queue.turn(owner);
            ran.push(name);
          }
        };
        for (let turns = 0; turns < 64; turns += 1) {
          for (const [name, { priority, pieces, startsAt }] of calls.entries()) {
            if (startsAt !== turns) continue;
            begun.push({ name, priority, left: pieces });
            void run(name, priority, pieces);
          }
          const before = ran.length;
          await turn();
          const [next] = priorities.flatMap((priority) =>
            begun.filter((each) => each.priority === priority && each.left > 0),
          );
          expect(ran.slice(before)).toEqual(next === undefined ? [] : [next.name]);
          if (next !== undefined) next.left -= 1;
        }
        expect(begun.every(({ left }) => left === 0)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test("pieces of a call with a higher priority are first", async () => {
    const { queue, turn } = createDriven();
    const done: string[] = [];
    void work(queue, "bulk", ownerOf("bulk"), done);
    void work(queue, "unknown", ownerOf("another"), done);
    await turn();
    void work(queue, "interactive", ownerOf("interactive"), done);
    for (let turns = 0; turns < 8; turns += 1) await turn();
    expect(done.join(" ")).toBe(
      "bulk1 interactive1 interactive2 interactive3 bulk2 bulk3 unknown1 unknown2 unknown3",
    );
  });

  test("the pieces of a call that has ended are dropped with its reason, and take no turn", async () => {
    const { queue, turn } = createDriven();
    const done: string[] = [];
    const ended = ownerOf("bulk");
    const outcome = work(queue, "ended", ended, done).catch((error: unknown) => error);
    void work(queue, "other", ownerOf("bulk"), done);
    await turn();
    ended.lifetime.end(new CallEnded("deadline"), () => {});
    await turn();
    await turn();
    expect(done).toEqual(["ended1", "other1", "other2"]);
    expect(await outcome).toEqual(new CallEnded("deadline"));
  });

  test("a queue without pieces asks for no turn", async () => {
    const driven = createDriven();
    void work(driven.queue, "a", ownerOf("bulk"), []);
    for (let turns = 0; turns < 3; turns += 1) await driven.turn();
    expect(driven.turnsAsked).toBe(0);
  });
});

describe("mapInPieces", () => {
  test("a list is mapped in its order, with a turn before each piece", async () => {
    const events: string[] = [];
    const mapped = await mapInPieces(
      [1, 2, 3, 4, 5],
      2,
      async () => void events.push("turn"),
      (item) => {
        events.push(String(item));
        return item * 10;
      },
    );
    expect(mapped).toEqual([10, 20, 30, 40, 50]);
    expect(events).toEqual(["turn", "1", "2", "turn", "3", "4", "turn", "5"]);
  });

  test("a list of one piece is mapped without a turn", async () => {
    const { queue, turnsAsked } = createDriven();
    const turn = (): Promise<void> => queue.turn(ownerOf("bulk"));
    expect(await mapInPieces([1, 2], 2, turn, (item) => item + 1)).toEqual([2, 3]);
    expect(turnsAsked).toBe(0);
  });

  test("an error in a later piece ends the work there", async () => {
    const seen: number[] = [];
    const mapped = mapInPieces(
      [1, 2, 3, 4, 5, 6],
      2,
      async () => {},
      (item) => {
        seen.push(item);
        if (item === 3) throw new Error("the third is wrong");
        return item;
      },
    );
    await expect(mapped).rejects.toThrow("the third is wrong");
    expect(seen).toEqual([1, 2, 3]);
  });
});
