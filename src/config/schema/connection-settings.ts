/** The part of the schema about the connections of callers. */
import { group, optionalSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

/** Settings of the connections of callers, and of what they hold before a call is known. */
export const connectionSettings = {
  connections: group({
    max: setting(kinds.integer(1, 100_000), {
      env: "GATEWAY_MAX_CONNECTIONS",
      fallback: 2_048,
      meaning:
        "Maximum number of callers' connections. A peer with few takes the place of one with many.",
    }),
    maxPerPeer: optionalSetting(kinds.integer(1, 100_000), {
      env: "GATEWAY_MAX_CONNECTIONS_PER_PEER",
      meaning:
        "Maximum number of connections from one IPv4 address or IPv6 network (/64). A proxy counts as one peer. Does not apply to Unix sockets. If not set: half of `max`.",
    }),
    maxReceivingBytes: optionalSetting(kinds.integer(1_048_576, 4_294_967_296), {
      env: "GATEWAY_MAX_RECEIVING_BYTES",
      meaning:
        "Memory that incomplete requests of all callers may take together, in bytes; each takes at least 8192. Above it, requests of the peer and connection that hold the most are refused. If not set: 33554432, or four times `limits.maxReceiveBytes` if that is more.",
    }),
    receiveTimeoutMs: setting(kinds.integer(100, 600_000), {
      env: "GATEWAY_RECEIVE_TIMEOUT_MS",
      fallback: 10_000,
      meaning: "Time in which a request must arrive in full.",
    }),
  }),
};
