/**
 * Bundles the gateway with the libraries that it uses. `main.js` holds what every gateway needs. A
 * part that only some need, such as the client of Redis, is a file of its own that is loaded when
 * the part is used. Beside them are source maps, the files that are read at run time, and the
 * licences of the libraries.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { z } from "zod";
import { copyConsoleAssets } from "../console-assets.ts";
import { repositoryRoot } from "../run.ts";
import { licenceTexts, packageFolderOf, readPackage, type BundledPackage } from "./licences.ts";
import { partsOfUndici } from "./parts-of-undici.ts";
import { bundleFolderName, placesInBundle } from "./places-in-bundle.ts";

/** A CommonJS library requires modules of Node. An ES module has to make the function for it. */
const banner = `import { createRequire as requireForBundle } from "node:module";
const require = requireForBundle(import.meta.url);
const ${bundleFolderName} = import.meta.dirname;`;

/** Packages of which files are passed on as they are, for browsers. */
const packagesOfPages = [join("node_modules", "uplot")];

const mapShape = z.looseObject({ sources: z.array(z.string()) });

/** The contents of a bundle. */
export interface Bundle {
  /** Paths of the files that are in it, from the root of the repository. */
  readonly inputs: readonly string[];
  readonly packages: readonly BundledPackage[];
}

/** Bundles into a folder, which is emptied before. */
export async function bundle(folder: string): Promise<Bundle> {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: repositoryRoot,
    entryPoints: ["src/main.ts"],
    outdir: folder,
    // All files are in one folder, so that all have the same relative paths to what they read.
    chunkNames: "[name]-[hash]",
    bundle: true,
    // Files of packages keep their places also where `node_modules` is a link.
    preserveSymlinks: true,
    splitting: true,
    format: "esm",
    platform: "node",
    // The oldest Node that package.json allows.
    target: "node20.19",
    // Names stay: stack traces and the names of errors consist of them.
    minifyWhitespace: true,
    minifySyntax: true,
    // Node prints the line of an exception that nothing catches.
    lineLimit: 160,
    legalComments: "none",
    sourcemap: "linked",
    sourcesContent: false,
    // `debug`, of ioredis, takes it for its colours if it is there. It is no package of production.
    external: ["supports-color"],
    metafile: true,
    banner: { js: banner },
    plugins: [placesInBundle, partsOfUndici],
    logLevel: "warning",
  });
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".map"))) {
    nameSourcesFromRoot(join(folder, name));
  }
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  const folders = new Set(inputs.map(packageFolderOf).filter((each) => each !== undefined));
  for (const path of readAtRunTime([...folders])) {
    cpSync(join(repositoryRoot, path), join(folder, path));
  }
  copyConsoleAssets(join(folder, "src", "console", "assets"));
  const packages = [...folders, ...packagesOfPages].toSorted().map(readPackage);
  writeFileSync(join(folder, "LICENSES.txt"), licenceTexts(packages));
  return { inputs: [...new Set(inputs)], packages };
}

/** The source of code that a plugin makes, such as `parts-of-undici:undici`. It is no file. */
const madeByPlugin = /^[\w-]+:/;

/**
 * Names the sources of a map from the root of the repository, wherever the bundle is. So the same
 * sources give the same bundle everywhere.
 */
function nameSourcesFromRoot(path: string): void {
  const map = mapShape.parse(JSON.parse(readFileSync(path, "utf8")));
  const sources = map.sources.map((source) =>
    madeByPlugin.test(source) ? source : relative(repositoryRoot, resolve(dirname(path), source)),
  );
  writeFileSync(path, JSON.stringify({ ...map, sources }));
}

const filesOf = (folder: string, isRead: (path: string) => boolean): string[] =>
  readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" })
    .filter(isRead)
    .map((path) => join(folder, path));

/** The files that code of a bundle opens: schemas of libraries. */
const readAtRunTime = (packageFolders: readonly string[]): string[] =>
  packageFolders.flatMap((folder) =>
    filesOf(folder, (path) => /^(?!.*\bsample\b|.*node_modules).*\.proto$/.test(path)),
  );
