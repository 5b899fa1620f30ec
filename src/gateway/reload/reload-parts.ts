/** The parts of a running gateway that a new configuration replaces. */
import type { LevelWithSilent, Logger } from "pino";
import { compilePolicy, type Policy } from "../../access/policy.ts";
import type { Config } from "../../config/config.ts";
import { credentialFiles, credentialIdentity } from "../../config/credential.ts";
import type { ConfigState } from "../../config/restart-needs.ts";
import { type CertificateSet, toCertificates } from "../../grpc/server/certificates.ts";
import type { ReloadPartName } from "../../observability/metrics/reload-metrics.ts";
import type { FileSnapshot } from "../../platform/files/file-snapshot.ts";
import type { CredentialChange, Credentials } from "../outbound/credentials/token-sources.ts";

/** A new configuration with the texts of its files. */
export interface NewState extends ConfigState {
  readonly textOf: (path: string) => string;
}

/** One part. It remembers the state that it has applied. */
export interface ReloadPart {
  readonly name: ReloadPartName;
  /**
   * Prepares a new state without any effect. Returns the step that applies it, which does not
   * fail, or `undefined` if this part has not changed. Throws if the state cannot be used.
   */
  prepare(next: NewState): (() => void) | undefined;
}

/** The parts of the gateway that are changed. */
export interface ReloadTargets {
  readonly certificates:
    | { readonly expiresAt: number; replace(set: CertificateSet): void }
    | undefined;
  readonly credentials: Pick<Credentials, "replace">;
  readonly access: { replace(policy: Policy): void };
  readonly logger: Pick<Logger, "level">;
  readonly wallNow: () => number;
}

/** Creates all parts, in the state of the start. */
export const createReloadParts = (
  first: ConfigState,
  targets: ReloadTargets,
): readonly ReloadPart[] => [
  certificatesPart(first, targets),
  policyPart(first, targets),
  logLevelPart(first, targets),
  redisPasswordPart(first),
  credentialsPart(first, targets),
];

/** A part that is changed whenever a text about it differs. */
function partOf(
  name: ReloadPartName,
  first: ConfigState,
  describe: (state: ConfigState) => string | undefined,
  prepare: (next: NewState) => () => void,
): ReloadPart {
  let applied = describe(first);
  return {
    name,
    prepare(next) {
      const text = describe(next);
      // Without a text it has gone, which needs a restart: the applied state stays.
      if (text === undefined || text === applied) return undefined;
      const apply = prepare(next);
      return () => {
        apply();
        applied = text;
      };
    },
  };
}

/** Identifies the contents of files, by their digests. */
const contentsOf = (files: Pick<FileSnapshot, "digests">, paths: readonly string[]): string =>
  JSON.stringify(paths.map((path) => files.digests.get(path) ?? ""));

function certificatesPart(
  first: ConfigState,
  { certificates, wallNow }: ReloadTargets,
): ReloadPart {
  const asksClients = first.config.tls?.clientCaFile !== undefined;
  /** The files in use. Whether callers show a certificate stays as it was at the start. */
  const filesOf = ({ tls }: Config) =>
    tls === undefined || (tls.clientCaFile !== undefined) !== asksClients ? undefined : tls;
  return partOf(
    "certificates",
    first,
    ({ config, files }) => {
      const tls = filesOf(config);
      if (certificates === undefined || tls === undefined) return undefined;
      const { certFile, keyFile, clientCaFile } = tls;
      return contentsOf(files, [certFile, keyFile, clientCaFile ?? ""]);
    },
    ({ config, textOf }) => {
      const tls = filesOf(config);
      if (tls === undefined) throw new Error("there are no certificates");
      const set = toCertificates(tls, textOf, wallNow());
      return () => certificates?.replace(set);
    },
  );
}

const policyPart = (first: ConfigState, { access }: ReloadTargets): ReloadPart =>
  partOf(
    "policy",
    first,
    ({ config: { policy } }) => policy && JSON.stringify(policy.rules),
    ({ config: { policy } }) => {
      const compiled = compilePolicy(policy?.rules ?? []);
      return () => access.replace(compiled);
    },
  );

const logLevelPart = (first: ConfigState, { logger }: ReloadTargets): ReloadPart =>
  partOf(
    "logLevel",
    first,
    ({ config }) => config.logLevel,
    ({ config }) => {
      const level: LevelWithSilent = config.logLevel;
      return () => {
        logger.level = level;
      };
    },
  );

/** The connection reads the file itself each time it is set up, so nothing is left to be done. */
const redisPasswordPart = (first: ConfigState): ReloadPart =>
  partOf(
    "redisPassword",
    first,
    ({ config, files }) => {
      const path = config.redis?.passwordFile;
      const isSame = path !== undefined && path === first.config.redis?.passwordFile;
      return isSame ? contentsOf(files, [path]) : undefined;
    },
    () => () => undefined,
  );

/** The credentials by alias, with texts that tell apart their secrets and their tokens. */
const credentialStates = ({ config, files }: ConfigState) =>
  new Map(
    config.instances.map(({ alias, credential }) => {
      const { secrets, tokens } = credentialFiles(credential);
      const state = {
        secret: `${credentialIdentity(credential)} ${contentsOf(files, secrets)}`,
        token: contentsOf(files, tokens),
      };
      return [alias, { credential, ...state }] as const;
    }),
  );

/**
 * The credentials of all instances. A token of the platform (`container`) is read at each exchange
 * and replaced every hour, so a new one is no reason for an exchange.
 */
function credentialsPart(first: ConfigState, { credentials }: ReloadTargets): ReloadPart {
  const applied = credentialStates(first);
  return {
    name: "credentials",
    prepare(next) {
      const changes: CredentialChange[] = [];
      const found = credentialStates(next);
      let isRenewed = false;
      for (const [alias, state] of found) {
        const before = applied.get(alias);
        const { credential } = state;
        // Whose tokens are used, and which instances there are, is a matter of a restart.
        const isFixed = before === undefined || before.credential.kind === "caller";
        if (isFixed || credential.kind === "caller") {
          found.delete(alias);
        } else if (before.secret !== state.secret) {
          changes.push({ alias, credential });
        } else if (before.token !== state.token) {
          isRenewed = true;
        }
      }
      if (changes.length === 0 && !isRenewed) return undefined;
      return () => {
        if (changes.length > 0) credentials.replace(changes);
        for (const [alias, state] of found) applied.set(alias, state);
      };
    },
  };
}
