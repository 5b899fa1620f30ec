/** The options of an emulator and their defaults. */
import { currentProfile, profileOf2019 } from "./profile.ts";
import type { Profile } from "./profile.ts";
import type { QuotaRule } from "./control/quota.ts";
import { createTransportKeyStock, generateTransportKeys } from "./lockers/transport-key.ts";
import type { TransportKeySource } from "./lockers/transport-key.ts";
import type { IamClient } from "./iam/routes.ts";
import type { TrustedProfile } from "./iam/trusted-profiles.ts";
import type { User } from "./user.ts";

/** GUID of the default instance. It exists in emulators only. */
export const defaultInstanceId = "e0a1b2c3-0000-4000-8000-000000000001";

/** API key of the first default user. It is valid in emulators only. */
export const defaultApiKey = "emulator-api-key-of-alice";

/** API key of the second default user, for dual authorization. It is valid in emulators only. */
export const secondApiKey = "emulator-api-key-of-bob";

const allRoles = ["Manager", "KeyPurge"] as const;

/** The default users. Both have all roles. */
export const defaultUsers: readonly User[] = [
  { apiKey: defaultApiKey, subject: "IBMid-EMULATOR0A", roles: allRoles },
  { apiKey: secondApiKey, subject: "IBMid-EMULATOR0B", roles: allRoles },
];

/** A compute-resource token of the first default profile. It is valid in emulators only. */
export const defaultCrToken = "emulator-compute-resource-token-of-the-gateway";

const defaultAccountId = "e0a1b2c3d4e5f60718293a4b5c6d7e8f";
const otherAccountId = "f8e7d6c5b4a3928170f6e5d4c3b2a1e0";

function profileOfAccount(number: number, accountId: string, crTokens: readonly string[]) {
  const id = `Profile-e0a1b2c3-0000-4000-8000-00000000000${number}`;
  return {
    id,
    name: `keyprotect gateway ${number}`,
    crn: `crn:v1:bluemix:public:iam-identity::a/${accountId}::profile:${id}`,
    accountId,
    subject: `iam-${id}`,
    roles: allRoles,
    isLinkedToServer: crTokens.length > 0,
    crTokens,
  };
}

/**
 * The default profiles: one for compute resources, and one of another account that can only be
 * assumed. Both have all roles.
 */
export const defaultTrustedProfiles: readonly TrustedProfile[] = [
  profileOfAccount(1, defaultAccountId, [defaultCrToken]),
  profileOfAccount(2, otherAccountId, []),
];

/** The default client of IAM's token service. It exists in emulators only. */
export const defaultIamClient: IamClient = {
  id: "emulator-client",
  secret: "emulator-secret-of-the-client",
};

/** Options of `startEmulator`. All are optional. */
export interface EmulatorOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free port. */
  readonly port?: number;
  /** GUIDs of the service instances. Default: `defaultInstanceId` alone. */
  readonly instanceIds?: readonly string[];
  /** Users that can get a token. Default: `defaultUsers`. */
  readonly users?: readonly User[];
  /** Profiles that compute resources and identities can take. Default: `defaultTrustedProfiles`. */
  readonly trustedProfiles?: readonly TrustedProfile[];
  /** Clients that a request for a token may name. Default: `defaultIamClient` alone. */
  readonly iamClients?: readonly IamClient[];
  /**
   * The version of the service: `2019`, `current` (default), or single values that replace those of
   * `current`. Each version answers both dialects.
   */
  readonly profile?: "current" | "2019" | Partial<Profile>;
  /** Region in CRNs. Default `us-south`. */
  readonly region?: string;
  /** Account in CRNs and tokens. Default: an account that exists in emulators only. */
  readonly accountId?: string;
  /** Life of access tokens in seconds. Default 3600. */
  readonly tokenLifetimeSeconds?: number;
  /** Shortest time of an answer of Key Protect (not of IAM), in real milliseconds. Default 0. */
  readonly latencyMs?: number;
  /** Requests per second and instance. Default: unlimited. */
  readonly quota?: QuotaRule;
  /**
   * Source of the RSA-4096 pairs for lockers and import tokens. Default: new pairs. Four of them
   * are made ahead, from the start of the emulator on. Each takes some seconds of a processor.
   */
  readonly transportKeys?: TransportKeySource;
  /** Number of requests that the log keeps. Default 20,000. */
  readonly requestLogCapacity?: number;
  /** Random numbers from 0 to 1 for the probabilities of faults. Default `Math.random`. */
  readonly random?: () => number;
  /** Wall clock, in milliseconds since the Unix epoch. Default: the machine's. */
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
    trustedProfiles: options.trustedProfiles ?? defaultTrustedProfiles,
    iamClients: options.iamClients ?? [defaultIamClient],
    profile: profileOf(options.profile ?? "current"),
    region: options.region ?? "us-south",
    accountId: options.accountId ?? defaultAccountId,
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
    latencyMs: options.latencyMs ?? 0,
    quota: options.quota,
    transportKeys: options.transportKeys ?? createTransportKeyStock(generateTransportKeys),
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
