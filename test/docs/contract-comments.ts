/** The comments of the contract, by the declaration that they describe. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readText, root } from "./documents.ts";

const folder = join("proto", "keyprotect");
const contract = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".proto"))
  .map((file) => readText(join(folder, file)));

/**
 * Comments by the name of the declaration that follows them. `pattern` finds the declaration, and
 * its first group is the name. Each comment is joined to one line.
 */
const commentsBefore = (pattern: string): ReadonlyMap<string, string> =>
  new Map(
    contract.flatMap((text) =>
      [...text.matchAll(new RegExp(`((?:^  //[^\\n]*\\n)+)  ${pattern}`, "gm"))].map(
        ([, comment = "", name = ""]) => [
          name,
          comment.replaceAll(/^ *\/\/ ?/gm, "").replaceAll(/\s+/g, " "),
        ],
      ),
    ),
  );

/** Comments by name of the RPC, and by reason without its prefix. */
export const contractComments = {
  methods: commentsBefore("rpc (\\w+)"),
  reasons: commentsBefore("ERROR_REASON_(\\w+) ="),
} as const;
