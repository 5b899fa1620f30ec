/** Finds files that work now, but that others can read, or that will not work for long. */
import { certificateEnds } from "../../platform/files/pem.ts";
import type { Settings } from "../schema/settings.ts";
import { type FileCheckDeps, type NamedFile, namedFiles } from "./files.ts";
import type { SettingFinding } from "./schema.ts";

/** Dependencies of the look at files. */
export interface FileWarningDeps extends FileCheckDeps {
  /** Returns the mode bits of a file; `undefined` if they are not known. */
  readonly modeOf: (path: string) => number | undefined;
}

/** Settings whose files hold a secret. */
const secretNames = ["keyFile", "apiKeyFile", "crTokenFile", "clientSecretFile", "passwordFile"];
/** Settings whose files hold certificates. */
const certificateNames = ["certFile", "clientCaFile", "caFile"];

/** A certificate that ends within this time is warned about, in milliseconds: 14 days. */
const soonMs = 14 * 86_400_000;

/** Finds what an operator should look at. All files can be used at present. */
export const findFileWarnings = (settings: Settings, deps: FileWarningDeps): SettingFinding[] =>
  namedFiles(settings).flatMap((named) => [...warnOfMode(named, deps), ...warnOfEnd(named, deps)]);

function* warnOfMode({ path, file }: NamedFile, deps: FileWarningDeps): Generator<SettingFinding> {
  if (!secretNames.includes(String(path.at(-1)))) return;
  const mode = deps.modeOf(file);
  if (mode === undefined) return;
  const rights = [
    (mode & 0o004) === 0 ? undefined : "read",
    (mode & 0o022) === 0 ? undefined : "write",
  ].filter((right) => right !== undefined);
  if (rights.length === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  const what = `names a secret file that other users can ${rights.join(" and ")} (mode ${octal}); 0600 is enough, or 0440 with the gateway's group`;
  yield { path, what };
}

function* warnOfEnd({ path, file }: NamedFile, deps: FileWarningDeps): Generator<SettingFinding> {
  if (!certificateNames.includes(String(path.at(-1)))) return;
  const ends = certificateEnds(deps.readFile(file));
  const first = Math.min(...ends);
  const leftMs = first - deps.wallNow();
  if (!(leftMs < soonMs)) return;
  const date = new Date(first).toISOString();
  const what = `names a file with a certificate that ${leftMs <= 0 ? "has ended" : "ends"} on ${date}`;
  yield { path, what: leftMs <= 0 ? what : `${what}; renew it` };
}
