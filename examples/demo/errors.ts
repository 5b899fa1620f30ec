/** Typed errors, and an outage of Key Protect. */
import type { Emulator } from "../../src/emulator/emulator.ts";
import type { Clients } from "./clients.ts";
import type { WrappedDataKey } from "./life.ts";
import type { Narrator } from "./narrator.ts";

/** Shows the steps 8 and 9. */
export async function showErrors(
  narrator: Narrator,
  { actions }: Clients,
  dataKey: WrappedDataKey,
): Promise<void> {
  const { step, show, callThatFails } = narrator;
  step(
    "8. Typed errors",
    `Wrap and unwrap take additional data, not secret, that must be equal in both. This data key was
    wrapped for "orders". The status is the kind of error. The reason is a code for programs.`,
  );
  const { httpStatus = "", mayHaveExecuted = "" } = await callThatFails(actions, "unwrapKey", {
    ...dataKey,
    additionalAuthenticatedData: ["payments"],
  });
  show("may have executed", `${mayHaveExecuted} (Key Protect answered HTTP ${httpStatus})`);

  step(
    "9. Validation",
    `The gateway reports all errors of a request at once and sends nothing to Key Protect. Here the
    key ID is a path and the plaintext is empty.`,
  );
  await callThatFails(actions, "wrapKey", {
    keyId: "../instance/policies",
    plaintext: Buffer.alloc(0),
  });
}

/** Shows step 10. */
export async function showOutage(
  narrator: Narrator,
  { actions }: Clients,
  { faults, requests }: Emulator,
  dataKey: WrappedDataKey,
): Promise<void> {
  const { step, show, call, callThatFails } = narrator;
  const failUnwraps = (times: number): void => {
    faults.add({
      match: { operation: "unwrapKey" },
      times,
      action: { kind: "respond", status: 503 },
    });
    requests.clear();
  };
  const showRequests = (): void =>
    show("requests to Key Protect", String(requests.list({ operation: "unwrapKey" }).length));
  step(
    "10. An outage",
    `Key Protect fails twice (HTTP 503), and the gateway repeats the request. Then it fails three
    times: the gateway gives up and says when to try again.`,
  );
  failUnwraps(2);
  await call(actions, "unwrapKey", dataKey);
  showRequests();
  failUnwraps(3);
  await callThatFails(actions, "unwrapKey", dataKey);
  showRequests();
}
