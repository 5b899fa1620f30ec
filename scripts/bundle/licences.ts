/** The packages of a bundle, and the licences under which they may be passed on. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../run.ts";

/** A package of which a bundle contains code. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Its folder, from the root of the repository. */
  readonly folder: string;
}

const manifest = z.object({ name: z.string(), version: z.string(), license: z.string() });

const packageFolder = /^(?<folder>.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** Returns the folder of the package that a file belongs to; `undefined` for the gateway's own. */
export const packageFolderOf = (path: string): string | undefined =>
  packageFolder.exec(path)?.groups?.["folder"];

/** Reads what a package says about itself. Throws if it names no licence. */
export function readPackage(folder: string): BundledPackage {
  const text = readFileSync(join(repositoryRoot, folder, "package.json"), "utf8");
  const { name, version, license } = manifest.parse(JSON.parse(text));
  return { name, version, licence: license, folder };
}

/** Stands for the text of a package that contains none. */
export const noText = "The package contains no text of its licence.";

/** Returns the texts of the licences and notices that a package contains. */
function textsOf(folder: string): readonly string[] {
  const path = join(repositoryRoot, folder);
  const texts = readdirSync(path)
    .filter((name) => /^(?:licen[cs]e|copying|notice)/i.test(name))
    .toSorted()
    .map((name) => readFileSync(join(path, name), "utf8").trim());
  return texts.length === 0 ? [noText] : texts;
}

/** The text of the file that names all packages with their licences. */
export const licenceTexts = (packages: readonly BundledPackage[]): string =>
  packages
    .map(({ name, version, licence, folder }) =>
      [`${name} ${version} (${licence})`, ...textsOf(folder)].join("\n\n"),
    )
    .join(`\n\n${"-".repeat(80)}\n\n`);
