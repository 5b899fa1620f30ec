/** The state of an instance in a word, for people who look at many of them. */
import type { InstanceState } from "../../observability/state.ts";
import type { StateWord } from "../messages.ts";

/** A word, and a sentence that explains it. */
export interface Described {
  readonly word: StateWord;
  readonly why: string;
}

const seconds = (ms: number): string => `${Math.max(1, Math.ceil(ms / 1_000))} s`;

/** Describes open and half-open circuits; `undefined` if both let calls through. */
function describeCircuits({ circuits }: InstanceState): Described | undefined {
  if (circuits === undefined) return undefined;
  const open = (["data", "management"] as const).filter((name) => circuits[name].state === "open");
  const [first] = open;
  if (first !== undefined) {
    const retryInMs = Math.max(...open.map((name) => circuits[name].retryInMs));
    return {
      word: "circuit open",
      why: `Key Protect fails: ${open.join(" and ")} calls are refused. Next probe in ${seconds(retryInMs)}.`,
    };
  }
  const probing = (["data", "management"] as const).filter(
    (name) => circuits[name].state === "halfOpen",
  );
  if (probing.length === 0) return undefined;
  return {
    word: "recovering",
    why: `One probe at a time is sent for ${probing.join(" and ")} calls.`,
  };
}

function describeToken({ token }: InstanceState): Described | undefined {
  if (token === undefined || token.phase === "fresh" || token.phase === "due") return undefined;
  const cause = token.failure === undefined ? "IAM was not asked yet" : token.failure;
  return { word: "no token", why: `There is no usable IAM token (${cause}).` };
}

/**
 * Describes an instance by what matters most to its callers. `throttledLately`: the 429s of the
 * last ten seconds.
 */
export function describeInstance(
  state: InstanceState,
  isDraining: boolean,
  throttledLately: number,
): Described {
  if (isDraining) return { word: "draining", why: "The gateway is shutting down." };
  const { rate, queue } = state;
  const waiting = queue.interactive + queue.management + queue.bulk;
  const found = describeCircuits(state) ?? describeToken(state);
  if (found !== undefined) return found;
  if (rate.pausedForMs !== undefined) {
    const why = `Key Protect refuses requests. Nothing is sent for ${seconds(rate.pausedForMs)}.`;
    return { word: "throttled", why };
  }
  if (rate.phase === "blackout") {
    return { word: "throttled", why: "Key Protect refuses all requests; only probes are sent." };
  }
  if (throttledLately > 0) {
    const times = throttledLately === 1 ? "once" : `${throttledLately} times`;
    return { word: "throttled", why: `Key Protect answered 429 ${times} in the last 10 s.` };
  }
  if (waiting > 0) {
    const calls = waiting === 1 ? "1 call waits" : `${waiting} calls wait`;
    const what = rate.perSecond === undefined ? "a connection" : "quota";
    return { word: "at quota", why: `${calls} for ${what}.` };
  }
  return { word: "serving", why: "Requests are sent as calls come." };
}
