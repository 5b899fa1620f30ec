import { expect, test } from "vitest";
import {
  releaseChangelog,
  releaseManifest,
  requireNewer,
} from "../../../scripts/release-changelog.ts";

const before = `# Changelog

## [Unreleased]

### Added

- A thing.

## [0.1.0] - 2026-11-23

- The first.
`;

test("a release moves the unreleased entries under its version and leaves an empty section", () => {
  expect(releaseChangelog(before, "0.2.0", "2026-12-01")).toBe(`# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-01

### Added

- A thing.

## [0.1.0] - 2026-11-23

- The first.
`);
});

test("the first release of a changelog needs no older section", () => {
  const text = releaseChangelog("## [Unreleased]\n\n- A thing.\n", "0.1.0", "2026-12-01");
  expect(text).toBe("## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n- A thing.\n");
});

test.each(["# Changelog\n", "## [Unreleased]\n\n### Added\n\n## [0.1.0] - 2026-11-23\n"])(
  "a changelog without an unreleased entry cannot be released: %j",
  (text) => {
    expect(() => releaseChangelog(text, "0.2.0", "2026-12-01")).toThrow("Unreleased section");
  },
);

test.each([
  ["0.1.1", "0.1.0"],
  ["0.2.0", "0.1.9"],
  ["1.0.0", "0.9.9"],
  ["0.10.0", "0.9.0"],
])("version %s may follow %s", (version, current) => {
  expect(() => requireNewer(version, current)).not.toThrow();
});

test.each([
  ["0.1.0", "0.1.0"],
  ["0.1.0", "0.2.0"],
  ["0.9.0", "0.10.0"],
  ["1.0", "0.1.0"],
  ["v1.0.0", "0.1.0"],
])("version %s may not follow %s", (version, current) => {
  expect(() => requireNewer(version, current)).toThrow(version);
});

test("a release names its image in the manifests, and no other image", () => {
  const manifest =
    "images:\n  - name: keyprotect-gateway\n    newTag: 0.1.0\n# docker build --tag a/keyprotect-gateway:0.1.0 .\n# redis:0.1.0\n";
  expect(releaseManifest(manifest, "0.1.0", "0.2.0")).toBe(
    manifest.replaceAll("newTag: 0.1.0", "newTag: 0.2.0").replace("gateway:0.1.0", "gateway:0.2.0"),
  );
});
