/**
 * Gateway processes that are killed and started again at random, behind relays that break
 * connections, before a Key Protect that loses answers.
 */
import { unaryCall } from "../../examples/unary-call.ts";
import type { FaultAction } from "../../src/emulator/control/faults.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { gatewayEnv } from "../process/gateway-env.ts";
import { serveGateway, type ServingGateway } from "../process/serving.ts";
import { createRandom } from "../simulation/random.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { startRelay } from "./relay.ts";

/**
 * The fate of a create at Key Protect, with its probability. All others are answered slowly. Five
 * of a hundred creates fail: with more, `retryThrottling` would keep even a client that repeats
 * creates from doing so, and this search could find nothing.
 */
const fates: readonly (readonly [probability: number, action: FaultAction])[] = [
  [0.01, { kind: "reset", when: "after-processing" }],
  [0.005, { kind: "reset", when: "before-processing" }],
  [0.005, { kind: "stall" }],
  [0.005, { kind: "hang" }],
  [0.005, { kind: "garble" }],
  [0.005, { kind: "truncate" }],
  [0.005, { kind: "rewrite", status: 303 }],
  [0.005, { kind: "rewrite", status: 502 }],
  [0.005, { kind: "respond", status: 503 }],
];
/** Pauses between the pieces of an answer: half of the answers have the first. */
const pausesMs = [20, 60, 120];
/** A replica is hurt after at most this many calls since it was whole. */
const mostCallsBetween = 160;

/** Two replicas, of which at most one is down at a time. */
export interface UnreliableGateways extends AsyncDisposable {
  /** Addresses for clients. */
  readonly addresses: readonly string[];
  /**
   * Is told of each call. After a random number of them, a replica is killed or cut off. Resolves
   * when the call may begin.
   */
  callBegins(): Promise<void>;
  /** How often a replica was killed so far. */
  kills(): number;
  /** Names of all keys of the instance. Ends the faults. */
  keyNames(): Promise<readonly string[]>;
}

/** Starts two replicas of the compiled gateway `main`, and hurts them as calls begin. */
export async function startUnreliableGateways(
  main: string,
  seed: number,
): Promise<UnreliableGateways> {
  const random = createRandom(seed);
  const emulator = await startEmulator({ random: createRandom(seed + 1) });
  const match = { operation: "createKey" };
  for (const [probability, action] of fates) emulator.faults.add({ match, probability, action });
  for (const intervalMs of pausesMs) {
    const action = { kind: "drip", chunkBytes: 200, intervalMs } as const;
    emulator.faults.add({ match, probability: 0.5, action });
  }
  const first = await startReplica(main, emulator);
  const second = await startReplica(main, emulator);

  let kills = 0;
  const hurt = async (): Promise<void> => {
    const replica = random() < 0.5 ? first : second;
    const fate = random();
    if (fate < 0.25) {
      replica.cut();
      return;
    }
    kills += 1;
    await replica.restart(fate < 0.4 ? "SIGTERM" : "SIGKILL");
  };
  const callsUntilNext = (): number => 12 + Math.ceil(mostCallsBetween * random());
  let callsLeft = callsUntilNext();
  let healed = Promise.resolve();
  let isHurt = false;
  return {
    addresses: [first.address, second.address],
    async callBegins() {
      callsLeft -= 1;
      if (callsLeft > 0) return;
      if (isHurt) {
        await healed;
        return;
      }
      isHurt = true;
      callsLeft = callsUntilNext();
      healed = hurt().finally(() => {
        isHurt = false;
        // After calls have waited, the next ones have to be on their way before it is hurt again.
        if (callsLeft <= 0) callsLeft = callsUntilNext();
      });
    },
    kills: () => kills,
    async keyNames() {
      emulator.faults.clear();
      await healed;
      // Everything that the killed processes sent is executed before the next one serves.
      await first.restart("SIGKILL");
      return first.keyNames();
    },
    async [Symbol.asyncDispose]() {
      await healed;
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      await emulator[Symbol.asyncDispose]();
    },
  };
}

/** A gateway process behind a relay. */
async function startReplica(main: string, emulator: Emulator) {
  const settings = await gatewayEnv(emulator, {
    GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "1000",
    GATEWAY_DRAIN_GRACE_MS: "100",
  });
  const relay = await startRelay(Number(settings.address.split(":")[1]));
  let gateway: ServingGateway = await serveGateway(main, settings);
  return {
    address: relay.address,
    cut: () => relay.cut(),
    async restart(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
      gateway.send(signal);
      await gateway.exit;
      await gateway[Symbol.asyncDispose]();
      gateway = await serveGateway(main, settings);
    },
    async keyNames(): Promise<readonly string[]> {
      const names: string[] = [];
      let pageToken = "";
      do {
        const request = { pageSize: 1_000, pageToken, skip: 0 };
        const { error, response } = await unaryCall(gateway.keys, "listKeys", request);
        if (response === undefined) throw error ?? new Error("no list of keys");
        names.push(...response.keys.map(({ name }) => name));
        pageToken = response.nextPageToken;
      } while (pageToken !== "");
      return names;
    },
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}
