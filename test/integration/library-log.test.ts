import { expect, test, vi } from "vitest";
import { connectRaw, frame } from "../support/raw-grpc.ts";
import { startTestGateway } from "../support/start-gateway.ts";

test("the gRPC library does not print a token that it cannot parse", async () => {
  using printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
  await using gateway = await startTestGateway();
  const secret = gateway.secrets.markText(`tök-${gateway.secrets.bytes(24).toString("base64url")}`);
  const port = Number(gateway.address.split(":")[1]);
  {
    await using raw = await connectRaw(port);
    const { headers } = await raw.call("/keyprotect.v1.KeysService/CountKeys", {
      headers: { authorization: `Bearer ${secret}` },
      body: frame(Buffer.alloc(0)),
    });
    expect(headers["grpc-status"]).toBe("0");
  }
  expect(gateway.secrets.tracesIn(printed.mock.calls.flat().join("\n"))).toEqual([]);
  expect(printed).not.toHaveBeenCalled();
});
