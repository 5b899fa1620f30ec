/** The contract with its comments, read from `proto/`. */
import { bufOutput } from "../run.ts";
import { commentsOf } from "./comments.ts";
import { readContract, type Contract } from "./contract.ts";

/** A declaration of the contract, as `@bufbuild/protobuf` describes it. */
interface Declaration {
  readonly proto: object;
}

/** The contract with its comments. */
export interface DocumentedContract extends Contract {
  /** The paragraphs of a declaration's comment, each as one line. Empty if it has none. */
  readonly paragraphsOf: (declared: Declaration) => readonly string[];
}

/** Has buf compile `proto/` with comments. Throws with the error text of buf if it cannot. */
export function readDocumentedContract(): DocumentedContract {
  const set = bufOutput([
    "build",
    "proto",
    "--as-file-descriptor-set",
    "--output",
    "-#format=binpb",
  ]);
  const contract = readContract(set);
  const comments = new Map(contract.files.flatMap((file) => [...commentsOf(file)]));
  return {
    ...contract,
    paragraphsOf: ({ proto }) =>
      (comments.get(proto) ?? "").split("\n\n").filter((paragraph) => paragraph !== ""),
  };
}
