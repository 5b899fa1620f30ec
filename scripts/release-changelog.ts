/** The text work of a release, without files and commands. */

const heading = "## [Unreleased]\n";
const versionPattern = /^(\d+)\.(\d+)\.(\d+)$/;

const numbersOf = (version: string): number[] =>
  (versionPattern.exec(version) ?? []).slice(1).map(Number);

/** Throws unless `version` has the form `1.2.3` and is higher than `current`. */
export function requireNewer(version: string, current: string): void {
  const next = numbersOf(version);
  if (next.length === 0) throw new Error(`${version} is not a version of the form 1.2.3`);
  const old = numbersOf(current);
  const at = next.findIndex((number, place) => number !== old[place]);
  if (at < 0 || (next[at] ?? 0) < (old[at] ?? 0)) {
    throw new Error(`${version} is not newer than ${current}`);
  }
}

/**
 * Returns the changelog with the entries of its Unreleased section under a heading for `version`,
 * dated `date` (`YYYY-MM-DD`), and an empty Unreleased section above. Throws if there is no such
 * section or it has no entry.
 */
export function releaseChangelog(text: string, version: string, date: string): string {
  const start = text.indexOf(heading);
  if (start < 0) throw new Error("the changelog has no Unreleased section");
  const after = start + heading.length;
  const next = text.indexOf("\n## [", after);
  const entries = text.slice(after, next < 0 ? text.length : next).trim();
  if (!/^- /m.test(entries)) throw new Error("the Unreleased section has no entry");
  return `${text.slice(0, after)}\n## [${version}] - ${date}\n\n${entries}\n${next < 0 ? "" : text.slice(next)}`;
}

/** Replaces the version of the gateway's image in a manifest or a document. */
export const releaseManifest = (text: string, current: string, version: string): string =>
  text
    .replaceAll(`newTag: ${current}\n`, `newTag: ${version}\n`)
    .replaceAll(`keyprotect-gateway:${current}`, `keyprotect-gateway:${version}`);
