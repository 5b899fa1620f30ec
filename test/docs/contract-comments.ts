/** The comments of the contract, which are its reference, by what they stand at. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readText } from "./documents.ts";

const folder = join("proto", "keyprotect", "v1");
const contract = readdirSync(folder).map((file) => readText(join(folder, file)));

/** Lines of comment and, behind them, the declaration that `pattern` finds by name; each comment as one line. */
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
