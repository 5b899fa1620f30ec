/** The caller's trace, from the metadata `traceparent` and `tracestate` (W3C Trace Context). */
import type { CallTrace } from "../platform/tracing/call-trace.ts";

/** Metadata key, and header, of a trace and its newest span. */
export const parentHeader = "traceparent";

/** Metadata key, and header, with what tracing systems add to a trace. */
export const stateHeader = "tracestate";

/** A trace that the caller began or continued. */
export interface TraceContext {
  readonly traceId: string;
  /** The caller's span. */
  readonly spanId: string;
  /** Whether the caller records its span. */
  readonly isSampled: boolean;
  /** The `tracestate`; absent if there is none, or one that is not valid. */
  readonly state: string | undefined;
}

/** Version, trace, span, flags, and what a later version may add. */
const parentForm = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const onlyZeros = /^0+$/;

/**
 * Reads the caller's trace from the values of both metadata keys. Returns `undefined` for none, for
 * one that is not valid, and for more than one, since it is unknown which of them is meant.
 */
export function parseTraceContext(
  parents: readonly unknown[],
  states: readonly unknown[],
): TraceContext | undefined {
  const [parent, ...others] = parents;
  if (typeof parent !== "string" || others.length > 0) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", rest] = parentForm.exec(parent) ?? [];
  // Version 00 has nothing more, and 255 is no version.
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && rest !== undefined) return undefined;
  if (onlyZeros.test(traceId) || onlyZeros.test(spanId)) return undefined;
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return { traceId, spanId, isSampled, state: parseState(states) };
}

/** Writes a `traceparent` of version 00. */
export const writeTraceParent = ({
  traceId,
  spanId,
  isSampled,
}: Pick<TraceContext, "traceId" | "spanId" | "isSampled">): string =>
  `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;

/** Key, or tenant and system; then visible characters except `,` and `=`, with blanks between. */
const stateMember =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ !-+\--<>-~]{0,255}[!-+\--<>-~]$/;

/** The most characters and entries of a `tracestate` that are passed on. */
const stateLimits = { characters: 512, members: 32 };

/** Joins and checks a `tracestate`, whose parts may come in several headers. */
function parseState(values: readonly unknown[]): string | undefined {
  const members = values
    .join(",")
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  const text = members.join(",");
  const isValid =
    members.every((member) => stateMember.test(member)) &&
    keys.size === members.length &&
    members.length <= stateLimits.members &&
    text.length <= stateLimits.characters;
  return isValid && text !== "" ? text : undefined;
}

/** The trace of a call that is not recorded. It is logged, and may be passed on as it came. */
export class UnrecordedTrace implements CallTrace {
  readonly traceId: string;
  readonly spanId = undefined;
  /** The caller's trace. */
  readonly received: TraceContext;

  constructor(received: TraceContext) {
    this.traceId = received.traceId;
    this.received = received;
  }

  queued(): void {}

  permitted(): void {}

  joined(): void {}
}
