/**
 * Lists the packages and the files of the gateway that a process has loaded when it serves:
 *
 *     npm run build && npx tsx scripts/loaded-modules.ts
 *
 * It takes the compiled files of `npm start`, because a bundle holds many modules in one file.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { repositoryRoot } from "./run.ts";

/** Modules of a process, by what they belong to. */
export interface LoadedModules {
  /** Names of packages. */
  readonly packages: readonly string[];
  /** Compiled files of the gateway, from its folder. */
  readonly own: readonly string[];
  /** Number of all files, those of packages included. */
  readonly count: number;
}

const dataUrl = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

/**
 * A program that runs before the gateway and lists what it loads: ES modules as they are resolved,
 * and those of CommonJS at the end, when SIGTERM has ended the gateway.
 */
const preload = (list: string): string => {
  const note = `import { appendFileSync } from "node:fs";
    const note = (url) => appendFileSync(${JSON.stringify(list)}, url + "\\n");`;
  const hooks = `${note}
    export async function load(url, context, next) { note(url); return next(url, context); }`;
  return `${note}
    import { createRequire, register } from "node:module";
    register(${JSON.stringify(dataUrl(hooks))});
    const { cache } = createRequire("file:///");
    process.on("exit", () => Object.keys(cache).forEach(note));`;
};

/** The line of the log with which the gateway says that it serves. */
const serving = '"serving gRPC"';

const packageName = /.*\/node_modules\/(?<name>(?:@[^/]+\/)?[^/]+)\//;

/**
 * Starts `main`, waits until its log says that it serves, ends it, and returns what it had loaded.
 * Rejects if it ends before.
 */
export async function loadedModules(
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<LoadedModules> {
  const folder = mkdtempSync(join(tmpdir(), "keyprotect-modules-"));
  const list = join(folder, "list");
  try {
    const child = spawn(process.execPath, ["--import", dataUrl(preload(list)), main], { env });
    let printed = "";
    child.stderr.on("data", (text) => (printed += String(text)));
    child.stdout.on("data", (text) => {
      const hadServed = printed.includes(serving);
      printed += String(text);
      // A second signal would end the gateway as a failure.
      if (!hadServed && printed.includes(serving)) child.kill("SIGTERM");
    });
    await once(child, "exit");
    if (child.exitCode !== 0) throw new Error(`the gateway cannot serve:\n${printed}`);
    const urls = readFileSync(list, "utf8").trim().split("\n");
    const files = new Set(
      urls
        .filter((url) => url.startsWith("file:") || url.startsWith("/"))
        .map((url) => (url.startsWith("/") ? url : fileURLToPath(url))),
    );
    const packages = [...files].flatMap((file) => packageName.exec(file)?.groups?.["name"] ?? []);
    const own = [...files].filter((file) => !packageName.test(file));
    return {
      packages: [...new Set(packages)].toSorted(),
      own: own.map((file) => relative(join(main, ".."), file)).toSorted(),
      count: files.size,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const { packages, own, count } = await loadedModules(join(repositoryRoot, "dist", "main.js"), {
    ...process.env,
    KP_SERVICE_URL: "http://127.0.0.1:9",
    IAM_AUTH_URL: "http://127.0.0.1:9",
    KP_INSTANCE_ID: "00000000-0000-4000-8000-000000000000",
    IBMCLOUD_API_KEY: "none",
    GATEWAY_LISTEN: "127.0.0.1:0",
    GATEWAY_ADMIN_LISTEN: "127.0.0.1:0",
    GATEWAY_REFLECTION: "off",
    GATEWAY_DRAIN_DELAY_MS: "0",
  });
  console.log([...packages, ...own, `${count} files`].join("\n"));
}
