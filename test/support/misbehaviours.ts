import type { FaultAction } from "../../src/emulator/control/faults.ts";
import type { CallSettings, TestGateway } from "./start-gateway.ts";

/** Faults of Key Protect. `echo` is a text with secrets in it. */
const misbehaviours = (echo: string): readonly FaultAction[] => [
  {
    kind: "respond",
    status: 400,
    body: JSON.stringify({
      resources: [
        {
          errorMsg: `Bad Request: ${echo}`,
          reasons: [
            { code: "INVALID_FIELD_ERR", message: echo, target: { type: "field", name: echo } },
          ],
        },
      ],
    }),
    contentType: "application/json",
  },
  {
    kind: "respond",
    status: 409,
    body: { resources: [{ errorMsg: echo, reasons: [{ code: echo, message: echo }] }] },
  },
  {
    kind: "respond",
    status: 422,
    headers: { "retry-after": echo.slice(0, 40).replaceAll(/[^\w]/g, "") },
    body: echo,
  },
  { kind: "respond", status: 429, headers: { "retry-after": "1" } },
  { kind: "respond", status: 500, body: `<html>${echo}</html>` },
  { kind: "respond", status: 502, body: "" },
  {
    kind: "respond",
    status: 302,
    headers: { location: `http://127.0.0.1:1/?at=${encodeURIComponent(echo)}` },
    body: echo,
  },
  { kind: "respond", status: 200, body: echo },
  { kind: "respond", status: 200, headers: { "content-encoding": "gzip" }, body: echo },
  { kind: "reset", when: "before-processing" },
  { kind: "reset", when: "after-processing" },
  { kind: "stall" },
  { kind: "truncate" },
  { kind: "garble" },
  { kind: "oversize", bytes: 6_000_000 },
  // Plaintexts and key material where none is expected, and in unexpected shapes.
  {
    kind: "rewrite",
    patch: (body) =>
      JSON.parse(JSON.stringify(body), (name, value: unknown) =>
        ["plaintext", "payload", "ciphertext"].includes(name) ? [value, { [echo]: value }] : value,
      ),
  },
  {
    kind: "rewrite",
    patch: (body) =>
      JSON.parse(JSON.stringify(body), (name, value: unknown) =>
        ["id", "name", "type", "collectionType", "creationDate", "state"].includes(name)
          ? echo
          : value,
      ),
  },
];

/** Whether calls under a fault end by their deadline alone. */
const endsByTime = (action: FaultAction): boolean =>
  action.kind === "stall" || (action.kind === "respond" && action.status === 429);

/**
 * Has Key Protect misbehave in one way after the other, with secrets in what it answers, and makes
 * calls meanwhile. Their deadlines are short where only time ends them.
 */
export async function underEachMisbehaviour(
  { emulator, secrets }: Pick<TestGateway, "emulator" | "secrets">,
  makeCalls: (settings: () => CallSettings) => Promise<void>,
): Promise<void> {
  const echo = [
    secrets.bytes(32).toString("base64"),
    secrets.bytes(32).toString("hex"),
    secrets.bytes(24).toString("base64url"),
  ].join(" ");
  for (const action of misbehaviours(echo)) {
    const fault = emulator.faults.add({ match: { service: "keyprotect" }, action });
    await makeCalls(() => (endsByTime(action) ? { deadline: Date.now() + 300 } : {}));
    emulator.faults.remove(fault);
  }
}
