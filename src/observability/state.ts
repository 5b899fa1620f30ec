import type { TokenState } from "../iam/token.ts";
import type { UpstreamState } from "../upstream/state.ts";

/** What a gateway is doing, as `/state` tells it. It tells neither secrets nor anything that a caller wrote. */
export interface GatewayState {
  /** The gateway's own version. */
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly isDraining: boolean;
  /** By alias. */
  readonly instances: Readonly<Record<string, InstanceState>>;
}

/** What a gateway is doing about one Key Protect instance. */
export interface InstanceState extends UpstreamState {
  /** Absent where callers bring their own tokens. */
  readonly token?:
    | {
        readonly phase: TokenState["phase"];
        /** Since it was asked for; absent while there is none. */
        readonly ageSeconds: number | undefined;
        /** Why the newest try to get one failed; absent if it did not. */
        readonly failure: TokenState["failure"];
      }
    | undefined;
  /** The part of the quota that is this replica's; absent where none is shared. */
  readonly share?: ShareState | undefined;
}

/** How a quota is shared at this moment. */
export interface ShareState {
  /** Where the rate comes from, such as `lease` or `static`. */
  readonly kind: string;
  readonly ratePerSecond: number;
  /** Replicas that share. */
  readonly members: number;
}

/** The token part of the state, of a source of tokens. */
export const tokenStateOf = ({ phase, ageMs, failure }: TokenState): InstanceState["token"] => ({
  phase,
  ageSeconds: ageMs === undefined ? undefined : ageMs / 1_000,
  failure,
});

/** Three decimals are more than anybody reads. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value;

/** The state as JSON, indented for those who look at it with `curl`. */
export const stateText = (state: GatewayState): string => JSON.stringify(state, rounded, 2);
