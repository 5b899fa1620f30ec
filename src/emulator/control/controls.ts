/** The parts of an emulator that can be driven, in code and over the control routes. */
import type { EmulatorClock } from "../clock.ts";
import type { Tokens } from "../iam/tokens.ts";
import type { TrustedProfiles } from "../iam/trusted-profiles.ts";
import type { PlantedKmipObject } from "../kmip/object-routes.ts";
import type { User } from "../user.ts";
import type { Faults } from "./faults.ts";
import type { Quota } from "./quota.ts";
import type { RequestLog } from "./request-log.ts";

/** The parts of an emulator that tests read and change, in code or over the control routes. */
export interface Controls {
  /** Base URL of Key Protect and of IAM, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly instanceIds: readonly string[];
  readonly users: readonly User[];
  readonly clock: EmulatorClock;
  readonly faults: Faults;
  readonly quota: Quota;
  readonly requests: RequestLog;
  readonly tokens: Tokens;
  readonly trustedProfiles: TrustedProfiles;
  /** Sets the shortest time, in real milliseconds, that an answer of Key Protect takes. */
  setLatency(ms: number): void;
  /** Registers a cloud resource with a key, as other IBM services do. */
  register(registration: NewRegistration): void;
  /**
   * Adds an object to a KMIP adapter, as a KMIP client would, and returns its ID. Rejects an
   * unknown adapter or certificate, and with a RangeError an unknown instance or state.
   */
  plantKmipObject(planted: PlantedKmipObject): string;
  /** Connections that are open now. */
  readonly openConnections: number;
  /**
   * Deletes keys, policies, rings, KMIP adapters, faults and logged requests, resets clock, quota
   * and latency, and revokes all tokens.
   */
  reset(): void;
}

/** A cloud resource that a key is to protect. */
export interface NewRegistration {
  /** Default: the first instance. */
  readonly instanceId?: string;
  readonly keyId: string;
  readonly resourceCrn: string;
  /**
   * Whether the resource has a retention policy, which blocks even a forced deletion. Default
   * false.
   */
  readonly preventsDeletion?: boolean;
  readonly description?: string;
}
