/** The sources keep the repository's rules, and each rule finds a planted violation. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rpcTable } from "../src/rpc-table.ts";
import * as rules from "./support/house-rules.ts";

const root = join(import.meta.dirname, "..");
function readFolder(folder: string): readonly (readonly [path: string, text: string])[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !path.startsWith("src/gen/"))
    .map((path) => [path, readFileSync(join(root, path), "utf8")] as const);
}

const sources: rules.Sources = new Map(readFolder("src"));
const otherFolders = ["test", "bench", "scripts", "examples"] as const;
const allFiles: rules.Sources = new Map([...sources, ...otherFolders.flatMap(readFolder)]);

/** The rules of comments apply to the other folders too. */
const commentRules = new Set<rules.Rule>([rules.noRiddles, rules.wrappedComments]);

const loose: Readonly<Record<string, string>> = { "src/main.ts": "", "src/rpc-table.ts": "" };
const lines = (count: number): string => "const a = 1;\n".repeat(count);

/** Each rule: what it states, and sources that break it in exactly one place. */
const table: readonly (readonly [string, rules.Rule, Readonly<Record<string, string>>, string])[] =
  [
    [
      "a folder holds at most twelve files",
      rules.smallFolders,
      Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`src/redis/file${at}.ts`, ""])),
      "src/redis: 13 files",
    ],
    [
      "a file has at most 250 lines",
      rules.smallFiles,
      { "src/redis/long.ts": lines(251) },
      "src/redis/long.ts: 251 lines",
    ],
    [
      "no three files of a folder begin with the same word",
      rules.noSharedPrefixes,
      { "src/redis/a-b.ts": "", "src/redis/a-c.ts": "", "src/redis/a-d.ts": "" },
      "src/redis: 3 files begin with a-",
    ],
    [
      "src itself holds the entry and the table of RPCs alone",
      rules.twoFilesInSource,
      { "src/other.ts": "" },
      "src/other.ts",
    ],
    [
      "rooms do not import each other in a circle",
      rules.noCycleOfRooms,
      {
        "src/iam/a.ts": 'import type { B } from "../redis/b.ts";\n',
        "src/redis/b.ts": "",
        "src/redis/c.ts": 'import { d } from "../iam/d.ts";\n',
        "src/iam/d.ts": "",
      },
      "iam -> redis -> iam",
    ],
    [
      "files do not import each other in a circle, types included",
      rules.noCycleOfFiles,
      {
        "src/iam/a.ts": 'import type { B } from "./b.ts";\n',
        "src/iam/b.ts": 'import {\n  a,\n} from "./a.ts";\n',
      },
      "src/iam/a.ts -> src/iam/b.ts -> src/iam/a.ts",
    ],
    [
      "a folder of upstream does not import another folder of upstream",
      rules.upstreamLooksDown,
      { "src/upstream/retry/a.ts": 'import { b } from "../coalesce/b.ts";\n' },
      "src/upstream/retry/a.ts imports src/upstream/coalesce/b.ts",
    ],
    [
      "a library that may be replaced is imported in one file",
      rules.librariesInOneFile,
      {
        "src/upstream/a.ts": 'import Bottleneck from "bottleneck";\n',
        "src/upstream/b.ts": 'import Bottleneck from "bottleneck";\n',
      },
      "bottleneck: src/upstream/a.ts, src/upstream/b.ts",
    ],
    [
      "grpc-js' intercepting call is used in one file",
      rules.librariesInOneFile,
      {
        "src/grpc/a.ts": "new ServerInterceptingCall();\n",
        "src/grpc/b.ts": "new ServerInterceptingCall();\n",
      },
      "ServerInterceptingCall: src/grpc/a.ts, src/grpc/b.ts",
    ],
    [
      "a failure becomes a status only in the files for it",
      rules.statusErrorsInTheirPlaces,
      { "src/service/keys/a.ts": "throw new StatusError(1);\n" },
      "src/service/keys/a.ts",
    ],
    [
      "no exported name exists in two rooms",
      rules.oneRoomPerExport,
      {
        "src/iam/a.ts": "export const same = 1;\n",
        "src/redis/b.ts": "export function same(): void {}\n",
      },
      "same: iam, redis",
    ],
    [
      "a word of the old dialect is no part of an identifier",
      rules.noOldWords,
      { "src/iam/a.ts": "export const permitMint = 1;\n" },
      "src/iam/a.ts: permitMint",
    ],
    [
      "every exported symbol has a docstring",
      rules.documentedExports,
      { "src/iam/a.ts": "/** One. */\nexport const one = 1;\nexport const two = 2;\n" },
      "src/iam/a.ts: two",
    ],
    [
      "no comment opens with What, Who, Whoever, Nobody, Such or So many",
      rules.noRiddles,
      { "src/iam/a.ts": "/** Whoever calls. */\n" },
      "src/iam/a.ts:1",
    ],
    [
      "comments are wrapped at 100 columns",
      rules.wrappedComments,
      { "src/iam/a.ts": `// ${"a".repeat(98)}\n` },
      "src/iam/a.ts:1: 101 columns",
    ],
  ];

describe("the rules of the house", () => {
  test("are applied to all sources", () => {
    expect(sources.size).toBeGreaterThan(200);
    expect(sources.has("src/upstream/retry/retry.ts")).toBe(true);
  });

  test.each(table)("%s", (_, rule) => {
    expect(rule(commentRules.has(rule) ? allFiles : sources)).toEqual([]);
  });

  test.each(otherFolders)("the rules of comments are applied to the folder %s", (folder) => {
    const paths = [...allFiles.keys()].filter((path) => path.startsWith(`${folder}/`));
    expect(paths.length).toBeGreaterThan(0);
    const at = `${folder}/folder/a.ts`;
    const planted = new Map([...allFiles, [at, `// Whoever calls.\n// ${"a".repeat(98)}\n`]]);
    expect(rules.noRiddles(planted)).toEqual([`${at}:1`]);
    expect(rules.wrappedComments(planted)).toEqual([`${at}:2: 101 columns`]);
  });

  test.each(table)("a violation is found: %s", (_, rule, planted, violation) => {
    expect(rule(new Map(Object.entries({ ...loose, ...planted })))).toContain(violation);
  });

  test.each(table)("nothing is found where nothing was planted: %s", (_, rule) => {
    expect(rule(new Map(Object.entries(loose)))).toEqual([]);
  });
});

const kebab = (name: string): string => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
const fileOfRpc = ({ service, method }: { readonly service: string; readonly method: string }) =>
  `src/service/${kebab(service.replace(/^.*\./, "").replace(/Service$/, ""))}/${kebab(method)}.ts`;

test.each(rpcTable.map((rpc) => [rpc.method, fileOfRpc(rpc)] as const))(
  "the RPC %s has the file %s",
  (_, path) => {
    expect([...sources.keys()]).toContain(path);
  },
);
