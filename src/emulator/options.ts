/** How an emulator is set up. */
import { currentProfile, profileOf2019 } from "./profile.ts";
import type { Profile } from "./profile.ts";
import type { QuotaRule } from "./control/quota.ts";
import { generateTransportKeys } from "./lockers/transport-key.ts";
import type { TransportKeySource } from "./lockers/transport-key.ts";
import type { User } from "./user.ts";

/** The instance there is if none is configured. It exists in emulators only. */
export const defaultInstanceId = "e0a1b2c3-0000-4000-8000-000000000001";

/** The API key there is if none is configured. It opens emulators only. */
export const defaultApiKey = "emulator-api-key-of-alice";

/** The second default user's API key, for dual authorization. It opens emulators only. */
export const secondApiKey = "emulator-api-key-of-bob";

const allRoles = ["Manager", "KeyPurge"] as const;

/** The users there are if none are configured. Both may do everything. */
export const defaultUsers: readonly User[] = [
  { apiKey: defaultApiKey, subject: "IBMid-EMULATOR0A", roles: allRoles },
  { apiKey: secondApiKey, subject: "IBMid-EMULATOR0B", roles: allRoles },
];

export interface EmulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** GUIDs of the service instances, each isolated from the others. Default: `defaultInstanceId` alone. */
  readonly instanceIds?: readonly string[];
  /** Who may call. Default: `defaultUsers`. */
  readonly users?: readonly User[];
  /** The year the service is played of, or single readings on top of today's. Default `current`. Both dialects answer in either. */
  readonly profile?: "current" | "2019" | Partial<Profile>;
  /** Default `us-south`. */
  readonly region?: string;
  /** Default: an emulator-only account. */
  readonly accountId?: string;
  /** Life of access tokens in seconds. Default 3600. */
  readonly tokenLifetimeSeconds?: number;
  /** Real milliseconds that every answer of Key Protect (not of IAM) takes at least. Default 0. */
  readonly latencyMs?: number;
  /** Requests per second and instance. Default: unlimited. */
  readonly quota?: QuotaRule;
  /** Gives RSA-4096 pairs for lockers and import tokens. Default: a fresh pair each time, which takes up to some seconds. */
  readonly transportKeys?: TransportKeySource;
  /** How many requests the log remembers. Default 20,000. */
  readonly requestLogCapacity?: number;
  /** Decides about the probabilities of faults. Default `Math.random`. */
  readonly random?: () => number;
  /** Wall time in milliseconds since the epoch. Default: the machine's. */
  readonly wallNow?: () => number;
}

/** Options with every default applied. */
export type ResolvedOptions = Required<Omit<EmulatorOptions, "profile" | "quota">> & {
  readonly profile: Profile;
  readonly quota: QuotaRule | undefined;
};

/** Applies the defaults. */
export function resolveOptions(options: EmulatorOptions): ResolvedOptions {
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    instanceIds: (options.instanceIds ?? [defaultInstanceId]).map((id) => id.toLowerCase()),
    users: options.users ?? defaultUsers,
    profile: profileOf(options.profile ?? "current"),
    region: options.region ?? "us-south",
    accountId: options.accountId ?? "e0a1b2c3d4e5f60718293a4b5c6d7e8f",
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
    latencyMs: options.latencyMs ?? 0,
    quota: options.quota,
    transportKeys: options.transportKeys ?? generateTransportKeys,
    requestLogCapacity: options.requestLogCapacity ?? 20_000,
    random: options.random ?? Math.random,
    wallNow: options.wallNow ?? Date.now,
  };
}

function profileOf(choice: "current" | "2019" | Partial<Profile>): Profile {
  if (choice === "current") return currentProfile;
  if (choice === "2019") return profileOf2019;
  return { ...currentProfile, ...choice };
}
