/**
 * The files of the page. They are served as they are: no build step changes them. All of them are
 * in one folder, `assets` beside this file. `npm run build` copies uPlot into it. In the sources,
 * uPlot is where npm put it.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The folder of the page's files. */
export const assetsFolder = (): string => fileURLToPath(new URL("./assets", import.meta.url));

/** uPlot's files, by their names in the folder. The values are their places in the package. */
export const uplotFiles = {
  "uplot.js": "uplot/dist/uPlot.iife.min.js",
  "uplot.css": "uplot/dist/uPlot.min.css",
} as const;

const script = "text/javascript; charset=utf-8";
const styles = "text/css; charset=utf-8";

/** The files that may be read, with their media types. No other name reaches the file system. */
const mediaTypes: Readonly<Record<string, string>> = {
  "console.css": styles,
  "uplot.css": styles,
  "uplot.js": script,
  "main.js": script,
  "charts.js": script,
  "quota-chart.js": script,
  "queue-chart.js": script,
  "heat-map.js": script,
  "circuits.js": script,
  "tables.js": script,
  "format.js": script,
};

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

async function readAsset(name: string): Promise<Buffer> {
  const inFolder = `${assetsFolder()}/${name}`;
  const inPackage = Object.entries(uplotFiles).find(([file]) => file === name)?.[1];
  if (inPackage === undefined) return readFile(inFolder);
  return readFile(inFolder).catch(() =>
    readFile(createRequire(import.meta.url).resolve(inPackage)),
  );
}

/** Reads a file of the page; `undefined` if there is none of this name. */
export async function assetOf(name: string): Promise<Asset | undefined> {
  const type = Object.hasOwn(mediaTypes, name) ? mediaTypes[name] : undefined;
  return type === undefined ? undefined : { type, body: await readAsset(name) };
}

/** Reads the page's template. */
export const readTemplate = async (): Promise<string> =>
  (await readAsset("console.html")).toString();
