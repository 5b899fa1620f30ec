/**
 * The parts of undici that the gateway uses, without `fetch`, its caches, mocks and WebSocket. The
 * package has one entry, which loads all of them. An import of another name fails the build.
 */
import type { Plugin } from "esbuild";
import { repositoryRoot } from "../run.ts";

/** As `undici/index.js` puts them together. */
const entry = `
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
import api from "undici/lib/api/index.js";
Object.assign(Dispatcher.prototype, api);
export { default as Client } from "undici/lib/dispatcher/client.js";
export { default as Pool } from "undici/lib/dispatcher/pool.js";
export { default as buildConnector } from "undici/lib/core/connect.js";
export { default as errors } from "undici/lib/core/errors.js";
`;

/** The plugin of esbuild. */
export const partsOfUndici: Plugin = {
  name: "parts-of-undici",
  setup(build) {
    build.onResolve({ filter: /^undici$/ }, () => ({
      path: "undici",
      namespace: "parts-of-undici",
    }));
    build.onLoad({ filter: /^undici$/, namespace: "parts-of-undici" }, () => ({
      contents: entry,
      resolveDir: repositoryRoot,
    }));
  },
};
