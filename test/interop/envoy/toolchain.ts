/** The program Envoy, for the tests of the arrangement `envoy` of the bench. */
import { findEnvoy, howToGetEnvoy } from "../../../bench/envoy/find-envoy.ts";
import type { Toolchain } from "../toolchains.ts";

/** For the report of what is left out. */
export const envoyToolchain: Toolchain = {
  tests: "the tests of the bench's arrangement envoy",
  probe: [findEnvoy()?.path ?? `envoy (${howToGetEnvoy})`, "--version"],
};
