/**
 * The repository's rules as functions from source files to violations (docs/decisions/0016). A test
 * applies each rule to the real files and to files with a planted violation.
 */
import { dirname, join, normalize } from "node:path/posix";

/** Source files by path, such as `src/upstream/layer.ts`, without generated code. */
export type Sources = ReadonlyMap<string, string>;

/** Finds violations. Each names a file or folder and the fault. */
export type Rule = (sources: Sources) => string[];

const folderOf = dirname;
const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const isEmulator = (path: string): boolean => path.startsWith("src/emulator/");

function grouped(paths: Iterable<string>): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const path of paths) {
    folders.set(folderOf(path), [...(folders.get(folderOf(path)) ?? []), path]);
  }
  return folders;
}

/** Relative imports of a file, as paths from the repository's root. Comments do not count. */
export function importsOf(path: string, text: string): string[] {
  const found = [...text.matchAll(/^\s*(?:import|export)\b[^;]*?from "(\.[^"]+)";/gm)];
  return found.map(([, target = ""]) => normalize(join(folderOf(path), target)));
}

/** Names of the imported packages. */
const packagesOf = (text: string): string[] =>
  [...text.matchAll(/^\s*(?:import|export)\b[^;]*?from "([^."][^"]*)";/gm)].map(
    ([, name = ""]) => name,
  );

/** Folders with one file per RPC or group of routes. Their number of files is not limited. */
const isOpenEnded = (folder: string): boolean =>
  /^src\/service\/(?:keys|key-actions|policies|lockers)$/.test(folder);

export const smallFolders: Rule = (sources) =>
  [...grouped(sources.keys())].flatMap(([folder, files]) =>
    files.length > 12 && !isOpenEnded(folder) ? [`${folder}: ${files.length} files`] : [],
  );

export const smallFiles: Rule = (sources) =>
  [...sources].flatMap(([path, text]) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > 250 ? [`${path}: ${lines} lines`] : [];
  });

export const noSharedPrefixes: Rule = (sources) =>
  [...grouped(sources.keys())].flatMap(([folder, files]) => {
    if (isOpenEnded(folder)) return [];
    const prefixes = new Map<string, number>();
    for (const file of files) {
      const [prefix = "", ...rest] = nameOf(file).split("-");
      if (rest.length > 0) prefixes.set(prefix, (prefixes.get(prefix) ?? 0) + 1);
    }
    return [...prefixes].flatMap(([prefix, count]) =>
      count >= 3 ? [`${folder}: ${count} files begin with ${prefix}-`] : [],
    );
  });

export const twoFilesInSource: Rule = (sources) => {
  const loose = [...sources.keys()].filter((path) => folderOf(path) === "src").toSorted();
  return loose.join(" ") === "src/main.ts src/rpc-table.ts" ? [] : loose;
};

/** Cycles of a graph, each as its nodes in order. A node is reported in at most one cycle. */
function cyclesOf(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (node: string, way: readonly string[]): void => {
    const at = way.indexOf(node);
    if (at >= 0) {
      cycles.push([...way.slice(at), node].join(" -> "));
      return;
    }
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...way, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return cycles;
}

/** The graph of imports between the groups of files. `undefined` leaves a file out. */
function importGraph(
  sources: Sources,
  groupOf: (path: string) => string | undefined,
): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    const from = groupOf(path);
    if (from === undefined) continue;
    const targets = graph.get(from) ?? new Set();
    graph.set(from, targets);
    for (const target of importsOf(path, text)) {
      const to = sources.has(target) ? groupOf(target) : undefined;
      if (to !== undefined && to !== from) targets.add(to);
    }
  }
  return graph;
}

/**
 * `src/upstream/retry/retry.ts` belongs to the room `upstream`. A file directly in `src` is its own
 * room.
 */
const roomOf = (path: string): string => path.split("/").slice(1, 2).join();

export const noCycleOfRooms: Rule = (sources) => cyclesOf(importGraph(sources, roomOf));

/** Within each room the files have no cycle of imports. */
export const noCycleOfFiles: Rule = (sources) => cyclesOf(importGraph(sources, (path) => path));

export const upstreamLooksDown: Rule = (sources) =>
  [...sources].flatMap(([path, text]) => {
    const folder = folderOf(path);
    if (!folder.startsWith("src/upstream/")) return [];
    return importsOf(path, text)
      .filter((target) => {
        const isRoomFile = folderOf(target) === "src/upstream";
        const isBelow = target.startsWith(`${folder}/`);
        const isShared = target.startsWith("src/platform/") || target === "src/rpc-table.ts";
        const isSameTop = target.startsWith(`${folder.split("/").slice(0, 3).join("/")}/`);
        return !(isRoomFile || isBelow || isShared || isSameTop);
      })
      .map((target) => `${path} imports ${target}`);
  });

const singleImports = [
  "bottleneck",
  "opossum",
  "ioredis",
  "@opentelemetry/api",
  "@opentelemetry/exporter-trace-otlp-proto",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-trace-base",
];

export const librariesInOneFile: Rule = (sources) => {
  const users = (uses: (text: string) => boolean): string[] =>
    [...sources].flatMap(([path, text]) => (uses(text) ? [path] : []));
  const packages = singleImports.flatMap((name) => {
    const files = users((text) => packagesOf(text).includes(name));
    return files.length > 1 ? [`${name}: ${files.join(", ")}`] : [];
  });
  const calls = users((text) => /\bServerInterceptingCall\b(?!Interface)/.test(withoutNoise(text)));
  return calls.length > 1 ? [...packages, `ServerInterceptingCall: ${calls.join(", ")}`] : packages;
};

/** Files and folders in which failures may become statuses. */
const statusPlaces =
  /^src\/(?:service\/errors\/|grpc\/status\/|grpc\/interceptors\/|service\/validation\/|service\/idempotency\/errors\.ts)/;

export const statusErrorsInTheirPlaces: Rule = (sources) =>
  [...sources].flatMap(([path, text]) =>
    withoutNoise(text).includes("new StatusError(") && !statusPlaces.test(path) ? [path] : [],
  );

/** Names of exported functions, classes, constants and types. */
const exportsOf = (text: string): string[] =>
  [
    ...text.matchAll(
      /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|type|interface) (\w+)/gm,
    ),
  ].map(([, name = ""]) => name);

export const oneRoomPerExport: Rule = (sources) => {
  const rooms = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    if (isEmulator(path)) continue;
    for (const name of exportsOf(text)) {
      rooms.set(name, (rooms.get(name) ?? new Set()).add(roomOf(path)));
    }
  }
  return [...rooms].flatMap(([name, of]) =>
    of.size > 1 ? [`${name}: ${[...of].join(", ")}`] : [],
  );
};

/** Words of the former private dialect. The terms in docs/glossary.md replaced them. */
const oldWords = new Set(
  `gather peek pace unpaced mint press course ramp ease tally evidence lifeline transact
  flight landing entrance entrant wipe verdict situation surroundings around haste owed ticket
  afterlife outlive blackout greediest`.split(/\s+/),
);

/** A source without comments and without the contents of strings. */
export function withoutNoise(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, " ")
    .replaceAll(/(^|[^:"'`\\])\/\/.*$/gm, "$1")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replaceAll(/`(?:[^`\\]|\\.)*`/g, "``");
}

export const noOldWords: Rule = (sources) =>
  [...sources].flatMap(([path, text]) => {
    const identifiers = new Set(withoutNoise(text).match(/[A-Za-z_$][\w$]*/g));
    return [...identifiers].flatMap((identifier) => {
      if (identifier === "inFlight") return [];
      const words = identifier.split(/(?=[A-Z])|[_$\d]/).map((word) => word.toLowerCase());
      return words.some((word) => oldWords.has(word)) ? [`${path}: ${identifier}`] : [];
    });
  });

export const noRiddles: Rule = (sources) =>
  [...sources].flatMap(([path, text]) =>
    text
      .split("\n")
      .flatMap((line, at) =>
        /^\s*(?:\/\*\*|\/\/) (?:What|Who|Whoever|Nobody|Such|So many)\b/.test(line)
          ? [`${path}:${at + 1}`]
          : [],
      ),
  );

/**
 * Reports long comment lines. Long strings and regular expressions cannot be wrapped; comments can.
 */
export const wrappedComments: Rule = (sources) =>
  [...sources].flatMap(([path, text]) =>
    text
      .split("\n")
      .flatMap((line, at) =>
        line.length > 100 && /^\s*(?:\/\*\*|\*|\/\/)/.test(line) && !/https?:\/\//.test(line)
          ? [`${path}:${at + 1}: ${line.length} columns`]
          : [],
      ),
  );

/** Exported symbols without a docstring directly above them. */
export const documentedExports: Rule = (sources) =>
  [...sources].flatMap(([path, text]) => {
    const lines = text.split("\n");
    return lines.flatMap((line, at) => {
      const [name] = exportsOf(line);
      const isDocumented = lines[at - 1]?.trim().endsWith("*/") === true;
      return name === undefined || isDocumented ? [] : [`${path}: ${name}`];
    });
  });
