/** The names of generated code, on which clients in other languages depend. */
import { describe, expect, test } from "vitest";
import { readContract } from "../../../scripts/contract/contract.ts";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";

const { files } = readContract(Buffer.from(descriptorSet, "base64"));

/** `keyprotect.kmip.v1` as `KeyProtect.Kmip.V1`. */
const inCSharp = (name: string): string =>
  name
    .split(".")
    .map((part) =>
      part === "keyprotect" ? "KeyProtect" : part.replace(/^./, (c) => c.toUpperCase()),
    )
    .join(".");

describe.each(files.map((file) => ({ name: `${file.name}.proto`, file })))(
  "$name",
  ({ name, file }) => {
    const { options, package: ofFile } = file.proto;

    test(`${name} names the packages for Go, Java and C# that follow from its own`, () => {
      const path = ofFile.replaceAll(".", "/");
      const last = ofFile.split(".").slice(-2).join("");
      expect(options?.goPackage).toBe(`keyprotect-gateway/${path};${last}`);
      expect(options?.javaPackage).toBe(`com.${ofFile}`);
      expect(options?.csharpNamespace).toBe(inCSharp(ofFile));
    });

    test(`${name} has a Java class for each message, and one of its own for the rest`, () => {
      const outer = (name.split("/").at(-1) ?? "")
        .replace(/\.proto$/, "")
        .replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
      expect(options?.javaMultipleFiles).toBe(true);
      expect(options?.javaOuterClassname).toBe(`${outer}Proto`);
    });
  },
);
