/** Global setup of vitest: reports the tests that are left out, before the first test. */
import { envoyToolchain } from "./envoy/toolchain.ts";
import { examplePrograms } from "./examples/programs.ts";
import { grpcurlToolchain } from "./grpcurl.ts";
import { apiServerToolchain } from "./kubernetes/api-server.ts";
import { languages } from "./languages.ts";
import { sopsToolchain } from "./sops/sops-tool.ts";
import { stubLanguages } from "./stubs/languages.ts";
import { reportIfMissing } from "./toolchains.ts";

/** Reports each missing toolchain. */
export default function setup(): void {
  for (const toolchain of [
    ...languages,
    ...stubLanguages,
    ...examplePrograms,
    grpcurlToolchain,
    apiServerToolchain,
    sopsToolchain,
    envoyToolchain,
  ]) {
    reportIfMissing(toolchain);
  }
}
