/** The part of the schema about the connections of callers, and their streams. */
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
    ageMs: setting(kinds.integer(1_000, 86_400_000), {
      env: "GATEWAY_CONNECTION_AGE_MS",
      fallback: 900_000,
      meaning:
        "Age at which a connection is ended in an orderly way (GOAWAY), so that callers connect again and find new replicas.",
    }),
    ageJitterPercent: setting(kinds.integer(0, 50), {
      env: "GATEWAY_CONNECTION_AGE_JITTER_PERCENT",
      fallback: 10,
      meaning:
        "How much the age of each connection differs at most, up and down, so that not all end at once.",
    }),
    ageGraceMs: optionalSetting(kinds.integer(1_000, 3_600_000), {
      env: "GATEWAY_CONNECTION_AGE_GRACE_MS",
      meaning:
        "Time that the calls of a connection have after its age, at least `limits.maxDeadlineMs`. If not set: 5 s more than that, and at least 45 s.",
    }),
    idleMs: setting(kinds.integer(1_000, 86_400_000), {
      env: "GATEWAY_CONNECTION_IDLE_MS",
      fallback: 900_000,
      meaning: "Time without a call after which a connection is ended in an orderly way.",
    }),
    keepaliveMs: setting(kinds.integer(1_000, 86_400_000), {
      env: "GATEWAY_KEEPALIVE_MS",
      fallback: 60_000,
      meaning:
        "Interval at which the gateway asks a caller by PING whether it still lives. Keeps idle connections alive in networks that forget them.",
    }),
    keepaliveTimeoutMs: setting(kinds.integer(100, 600_000), {
      env: "GATEWAY_KEEPALIVE_TIMEOUT_MS",
      fallback: 20_000,
      meaning: "Time in which the PING must be answered. Then the connection is closed.",
    }),
  }),
  streams: group({
    max: setting(kinds.integer(1, 10_000), {
      env: "GATEWAY_MAX_STREAMS",
      fallback: 100,
      meaning: "Maximum number of open streams. One caller may have half of them.",
    }),
    maxAgeMs: setting(kinds.integer(1_000, 86_400_000), {
      env: "GATEWAY_STREAM_AGE_MS",
      fallback: 3_600_000,
      meaning:
        "Age at which a stream is ended in an orderly way. It also ends with its connection (`connections.ageMs`).",
    }),
    idleMs: setting(kinds.integer(100, 3_600_000), {
      env: "GATEWAY_STREAM_IDLE_MS",
      fallback: 60_000,
      meaning:
        "A stream ends if its caller neither sends a message nor takes an answer for this long.",
    }),
  }),
};
