/**
 * The contract of the newest release, as a buf image in `proto/released`. The folder holds exactly
 * one image. Its name is the version: `v0.1.0.binpb`.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { bufOutput } from "./run.ts";

/** The folder of the image, relative to the root of the repository. */
const folder = join("proto", "released");

/** The contract of a release. */
export interface ReleasedContract {
  /** The tag of the release: `v0.1.0`. */
  readonly version: string;
  /** Path of the image. */
  readonly path: string;
  /** Whether its files name packages for generated Go, Java and C# code. */
  readonly hasLanguageOptions: boolean;
}

/** Finds the image below `root`. Throws unless there is exactly one. */
export function releasedContract(root: string): ReleasedContract {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".binpb"));
  const [name, ...others] = names;
  if (name === undefined || others.length > 0) {
    throw new Error(`${folder} has to hold exactly one image, but holds ${names.length}`);
  }
  const path = join(root, folder, name);
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(path));
  return {
    version: name.slice(0, -".binpb".length),
    path,
    hasLanguageOptions: file.some(
      (each) => each.package.startsWith("keyprotect.") && (each.options?.goPackage ?? "") !== "",
    ),
  };
}

/**
 * Replaces the image by one of the contract as it is now. Returns the folder. Throws if buf cannot
 * build the contract.
 */
export function writeReleasedContract(root: string, version: string): string {
  for (const name of readdirSync(join(root, folder))) rmSync(join(root, folder, name));
  const image = join(root, folder, `v${version}.binpb`);
  bufOutput(["build", "proto", "--exclude-source-info", "--output", image]);
  return folder;
}
