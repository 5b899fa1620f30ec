import type { FaultAction } from "../../src/emulator/control/faults.ts";

/** Faults of Key Protect. `echo` is a text with secrets in it. */
export const misbehaviours = (echo: string): readonly FaultAction[] => [
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
