/**
 * Where a bundled file finds what it reads at run time. In the bundle every file of the repository
 * and of a package has the place that it has in the repository: `<bundle>/src/…`,
 * `<bundle>/node_modules/…`. The code is elsewhere, so this plugin of esbuild writes its old place
 * into it.
 */
import { readFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import type { Plugin } from "esbuild";
import { repositoryRoot } from "../run.ts";

/** Name of the constant that holds the bundle's folder, in each of its files. */
export const bundleFolderName = "folderOfBundle";

/** `createRequire` of a package, which esbuild does not see; also as seen from another package. */
const required = /createRequire\(import\.meta\.url\)\("(?<name>[^"#]+)"\)/g;
const requiredFrom =
  /createRequire\(requireHere\.resolve\("(?<from>[^"]+)"\)\)\("(?<name>[^"]+)"\)/g;
const separator = " from ";

/** A file that has this map itself adds one position to the bundle's, which stays small. */
const onePosition = JSON.stringify({ version: 3, sources: [""], mappings: "AAAA" });
const mapUrl = `data:application/json;base64,${Buffer.from(onePosition).toString("base64")}`;
// In one piece, tools that read this file would take it for the address of its own map.
const noPositions = ["\n//# source", "MappingURL=", mapUrl].join("");

const placeOf = (path: string): string =>
  `${bundleFolderName} + ${JSON.stringify(`/${relative(repositoryRoot, path)}`)}`;

/** The text of a library's file. Libraries that are CommonJS have `__dirname`. */
function libraryText(path: string): string {
  const text = readFileSync(path, "utf8");
  const place = text.includes("__dirname") ? `var __dirname = ${placeOf(dirname(path))};` : "";
  return `${place}\n${text}${noPositions}`;
}

/** The text of a file of the gateway. */
const ownText = (path: string): string =>
  readFileSync(path, "utf8")
    .replaceAll(required, `require("$<name>")`)
    .replaceAll(requiredFrom, `require("$<name>${separator}$<from>")`)
    .replaceAll("import.meta.url", `("file://" + ${placeOf(path)})`);

/** The plugin. */
export const placesInBundle: Plugin = {
  name: "places-in-bundle",
  setup(build) {
    build.onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, ({ path }) => ({
      contents: libraryText(path),
      loader: "js",
    }));
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => ({
      contents: ownText(path),
      loader: "ts",
    }));
    build.onResolve({ filter: new RegExp(separator) }, async ({ path, resolveDir, kind }) => {
      const [name = "", from = ""] = path.split(separator);
      const seenFrom = await build.resolve(from, { resolveDir, kind });
      return build.resolve(name, { resolveDir: dirname(seenFrom.path), kind });
    });
  },
};
