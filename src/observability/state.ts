/** The content of `/state`. It contains neither secrets nor texts of callers. */
import type { TokenState } from "../iam/token.ts";
import type { UpstreamState } from "../upstream/state.ts";

/** The state of a gateway. */
export interface GatewayState {
  /** The gateway's own version. */
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly isDraining: boolean;
  /** By alias. */
  readonly instances: Readonly<Record<string, InstanceState>>;
}

/** The state of one Key Protect instance in the gateway. */
export interface InstanceState extends UpstreamState {
  /** Host and port of the proxy on the way to Key Protect; absent if there is none. */
  readonly proxy?: string | undefined;
  /** Absent where callers bring their own tokens. */
  readonly token?:
    | {
        /** How the token is got: `iam`, `container`, `vpc` or `iamAssume`. */
        readonly authType: TokenState["authType"];
        readonly phase: TokenState["phase"];
        /** Seconds since the token was requested; absent while there is no token. */
        readonly ageSeconds: number | undefined;
        /** Why the newest refresh failed; absent if it succeeded. */
        readonly failure: TokenState["failure"];
        /**
         * When the present credential last gave a token, in ISO 8601; absent while it has not, as
         * just after it was replaced.
         */
        readonly lastExchange: string | undefined;
      }
    | undefined;
  /** This replica's part of the quota; absent if the quota is not shared. */
  readonly share?: ShareState | undefined;
}

/** How a quota is shared now. */
export interface ShareState {
  /** The source of the rate, such as `lease` or `static`. */
  readonly kind: string;
  readonly ratePerSecond: number;
  /** Replicas that share the quota. */
  readonly members: number;
  /** Replicas that room is kept for although they are not heard. */
  readonly unheard: number;
}

/** The token part of an instance's state. */
export const tokenStateOf = (state: TokenState): InstanceState["token"] => ({
  authType: state.authType,
  phase: state.phase,
  ageSeconds: state.ageMs === undefined ? undefined : state.ageMs / 1_000,
  failure: state.failure,
  lastExchange:
    state.credentialUsedAt === undefined
      ? undefined
      : new Date(state.credentialUsedAt).toISOString(),
});

/** Rounds numbers to three decimals: a replacer for `JSON.stringify`. */
export const rounded = (_key: string, value: unknown): unknown =>
  typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value;

/** Formats the state as indented JSON, for readers with `curl`. */
export const stateText = (state: GatewayState): string => JSON.stringify(state, rounded, 2);
