import * as fc from "fast-check";
import { expect, test } from "vitest";
import { startEmulator } from "../../../support/start-emulator.ts";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { createRestClient, rejectionIn } from "../rest-client.ts";
import type { RestClient } from "../rest-client.ts";

/** The model: the expected states and timers of a key, written independently and more simply. */
interface Model {
  now: number;
  state: 1 | 2 | 5 | "gone";
  disabledAt: number;
  deletedAt: number;
  rotatedAt: number;
}

interface Real {
  readonly emulator: Emulator;
  readonly client: RestClient;
  readonly id: string;
}

const never = Number.NEGATIVE_INFINITY;
const hour = 3600;
const day = 24 * hour;

type Step = (model: Model) => number;

const steps: Readonly<Record<string, Step>> = {
  wrap: (model) => (model.state === 5 ? 410 : model.state === 1 ? 200 : 409),
  rotate: (model) => {
    if (model.state === 5) return 410;
    if (model.state !== 1 || model.now < model.rotatedAt + hour) return 409;
    model.rotatedAt = model.now;
    return 204;
  },
  disable: (model) => {
    if (model.state === 5) return 410;
    if (model.state !== 1) return 409;
    model.state = 2;
    model.disabledAt = model.now;
    return 204;
  },
  enable: (model) => {
    if (model.state === 5) return 410;
    if (model.state !== 2 || model.now < model.disabledAt + 30) return 409;
    model.state = 1;
    return 204;
  },
  delete: (model) => {
    if (model.state === 5) return 410;
    model.state = 5;
    model.deletedAt = model.now;
    return 204;
  },
  restore: (model) => {
    if (model.state !== 5) return 409;
    if (model.now >= model.deletedAt + 30 * day) return 400;
    if (model.now < model.deletedAt + 30) return 409;
    model.state = 1;
    return 201;
  },
  purge: (model) => {
    if (model.state !== 5 || model.now < model.deletedAt + 4 * hour) return 409;
    model.state = "gone";
    return 204;
  },
};

const requests: Readonly<Record<string, readonly [method: string, path: string]>> = {
  wrap: ["POST", "/actions/wrap"],
  rotate: ["POST", "/actions/rotate"],
  disable: ["POST", "/actions/disable"],
  enable: ["POST", "/actions/enable"],
  delete: ["DELETE", ""],
  restore: ["POST", "/restore"],
  purge: ["DELETE", "/purge"],
};

function act(name: string): fc.AsyncCommand<Model, Real> {
  return {
    check: () => true,
    toString: () => name,
    async run(model, { client, id }) {
      const [method, path] = requests[name] ?? ["GET", ""];
      const expected = model.state === "gone" ? 404 : (steps[name]?.(model) ?? 0);
      const answer = await client.call(method, `/keys/${id}${path}`);
      expect(answer.status).toBe(expected);
      const shown = await client.call("GET", `/keys/${id}`);
      if (model.state === "gone") expect(shown.status).toBe(404);
      else expect(shown.body.at("resources", 0, "state")).toBe(model.state);
    },
  };
}

function wait(seconds: number): fc.AsyncCommand<Model, Real> {
  return {
    check: () => true,
    toString: () => `wait ${seconds} s`,
    async run(model, { emulator }) {
      model.now += seconds;
      emulator.clock.advance(seconds * 1000);
      if (model.state === 5 && model.now >= model.deletedAt + 90 * day) model.state = "gone";
    },
  };
}

test("a key follows the state diagram and the timers for any sequence of actions", async () => {
  // The machine's clock stands still: only the commands move time.
  await using emulator = await startEmulator({ wallNow: () => Date.UTC(2026, 0, 2) });
  const client = createRestClient(emulator);
  const commands = fc.commands(
    [
      ...Object.keys(requests).map((name) => fc.constant(act(name))),
      fc.constantFrom(29, 30, hour - 1, hour, 4 * hour, 30 * day, 60 * day).map(wait),
    ],
    { maxCommands: 25 },
  );
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      emulator.clock.reset();
      const id = await client.createKey();
      const model: Model = {
        now: 0,
        state: 1,
        disabledAt: never,
        deletedAt: never,
        rotatedAt: never,
      };
      await fc.asyncModelRun(() => ({ model, real: { emulator, client, id } }), sequence);
    }),
    { numRuns: 40 },
  );
});

test("an expired key is in state 3, where it can unwrap but not wrap", async () => {
  await using emulator = await startEmulator();
  const client = createRestClient(emulator);
  const expirationDate = new Date(emulator.clock.now() + 60_000).toISOString();
  const id = await client.createKey({ expirationDate });
  const wrapped = await client.call("POST", `/keys/${id}/actions/wrap`, {});
  emulator.clock.advance(60_000);
  const shown = await client.call("GET", `/keys/${id}/metadata`);
  expect(shown.body.at("resources", 0, "state")).toBe(3);
  expect((await client.call("POST", `/keys/${id}/actions/wrap`, {})).status).toBe(409);
  const ciphertext = wrapped.body.text("ciphertext");
  expect((await client.call("POST", `/keys/${id}/actions/unwrap`, { ciphertext })).status).toBe(
    200,
  );
  await client.call("DELETE", `/keys/${id}`);
  emulator.clock.advance(30_000);
  const restored = await client.call("POST", `/keys/${id}/restore`);
  expect(restored.body.at("resources", 0, "reasons", 0, "code")).toBe("KEY_EXPIRED_ERR");
});

test.each([
  ["an enabled", "once per elapsed interval", { interval_month: 2 }, 3],
  ["a disabled", "never", { enabled: false, interval_month: 2 }, 1],
])("%s rotation policy rotates a key %s", async (_state, _often, rotation, expected) => {
  await using emulator = await startEmulator();
  const client = createRestClient(emulator);
  const id = await client.createKey();
  const policy = { type: "application/vnd.ibm.kms.policy+json", rotation };
  await client.call("PUT", `/keys/${id}/policies`, {
    metadata: { collectionType: "x", collectionTotal: 1 },
    resources: [policy],
  });
  emulator.clock.advance(5 * 30 * day * 1000);
  const versions = await client.call("GET", `/keys/${id}/versions`);
  expect(versions.body.at("metadata", "collectionTotal")).toBe(expected);
});

test("the first authorization to delete a key expires after seven days", async () => {
  await using emulator = await startEmulator();
  const [alice, bob] = [createRestClient(emulator), createRestClient(emulator, { userIndex: 1 })];
  const id = await alice.createKey();
  await alice.call("PUT", `/keys/${id}/policies?policy=dualAuthDelete`, {
    metadata: { collectionType: "x", collectionTotal: 1 },
    resources: [{ dualAuthDelete: { enabled: true } }],
  });
  await alice.call("POST", `/keys/${id}?action=setKeyForDeletion`);
  const set = await alice.call("GET", `/keys/${id}`);
  expect(set.body.at("resources", 0, "dualAuthDelete", "keySetForDeletion")).toBe(true);
  emulator.clock.advance(7 * day * 1000);
  const late = await bob.call("DELETE", `/keys/${id}`);
  expect(late.body.at("resources", 0, "reasons", 0, "code")).toBe("AUTHORIZATIONS_NOT_MET");
  await alice.call("POST", `/keys/${id}/actions/setKeyForDeletion`);
  expect((await bob.call("DELETE", `/keys/${id}`)).status).toBe(204);
});

const hourMs = 3_600_000;

// Action, preparation, waiting time in ms, request, status and reason code before that time, status
// after it.
test.each<[string, string[], number, string, number, string | undefined, number]>([
  ["enable", ["disable"], 30_000, "enable", 409, "REQ_TOO_EARLY_ERR", 204],
  ["restore", ["delete"], 30_000, "restore", 409, "REQ_TOO_EARLY_ERR", 201],
  ["rotate", ["rotate"], hourMs, "rotate", 409, "KEY_ROTATION_NOT_PERMITTED", 204],
  ["purge", ["delete"], 4 * hourMs, "purge", 409, "REQ_TOO_EARLY_ERR", 204],
  ["restore too late", ["delete"], 30 * 24 * hourMs, "restore", 201, undefined, 400],
  ["restore when purged", ["delete"], 90 * 24 * hourMs, "restore", 400, "KEY_RESTORE_EXPIRED", 404],
])(
  "the timer of %s is exact to the millisecond",
  async (_, before, ms, name, early, reason, onTime) => {
    await using emulator = await startEmulator({ wallNow: () => Date.UTC(2026, 0, 2) });
    const client = createRestClient(emulator);
    const request = (id: string, step: string) => {
      const [method, path] = requests[step] ?? ["GET", ""];
      return client.call(method, `/keys/${id}${path}`);
    };
    const [first, second] = [await client.createKey(), await client.createKey()];
    for (const step of before) {
      await request(first, step);
      await request(second, step);
    }
    emulator.clock.advance(ms - 1);
    expect(rejectionIn(await request(first, name))).toEqual([early, reason]);
    emulator.clock.advance(1);
    expect((await request(second, name)).status).toBe(onTime);
  },
);
