/**
 * The standard health service (grpc.health.v1). The package `grpc-health-check` brings the contract; its implementation cannot
 * end a Watch, and an open Watch keeps a server from ever shutting down.
 */
import { status } from "@grpc/grpc-js";
import type {
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { service as definition } from "grpc-health-check";

type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

interface HealthCheckRequest {
  readonly service: string;
}

interface HealthCheckResponse {
  readonly status: ServingStatus;
}

type WatchCall = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** Health by name, and the service that tells it. */
export interface Health {
  readonly definition: typeof definition;
  readonly implementation: UntypedServiceImplementation;
  /** Sets the health of a name and tells its watchers. Throws for a name that was not given. Does nothing after `shutdown`. */
  setServing(name: string, isServing: boolean): void;
  /** Whether a name is SERVING. */
  isServing(name: string): boolean;
  /** Sets all names to NOT_SERVING for good, tells the watchers and ends them. */
  shutdown(): void;
  /** Watches that are open. */
  readonly watcherCount: number;
}

/** What `createHealth` starts from. */
export interface HealthOptions {
  /** Names and whether each is serving at first. */
  readonly names: Readonly<Record<string, boolean>>;
  /** How many Watch calls may be open at a time; one more is refused with `RESOURCE_EXHAUSTED`. Default 1,000. */
  readonly maxWatchers?: number;
}

/**
 * Creates the health service. Check answers `NOT_FOUND` for an unknown name; Watch answers `SERVICE_UNKNOWN` and stays open,
 * as the protocol wants it.
 */
export function createHealth(options: HealthOptions): Health {
  const statuses = new Map<string, ServingStatus>();
  for (const [name, isServing] of Object.entries(options.names)) {
    statuses.set(name, isServing ? "SERVING" : "NOT_SERVING");
  }
  const maxWatchers = options.maxWatchers ?? 1_000;
  const watchers = new Set<Watcher>();
  let isShutDown = false;
  const statusOf = (name: string): ServingStatus => statuses.get(name) ?? "SERVICE_UNKNOWN";

  const check = (
    call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
    callback: sendUnaryData<HealthCheckResponse>,
  ): void => {
    const current = statuses.get(call.request.service);
    if (current === undefined) {
      callback({ code: status.NOT_FOUND, details: "no service of that name" });
    } else {
      callback(null, { status: current });
    }
  };

  const list = (
    _call: unknown,
    callback: sendUnaryData<{ statuses: Record<string, HealthCheckResponse> }>,
  ): void => {
    const entries = [...statuses].map(([name, current]) => [name, { status: current }] as const);
    callback(null, { statuses: Object.fromEntries(entries) });
  };

  const watch = (call: WatchCall): void => {
    if (watchers.size >= maxWatchers) {
      call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "too many health watches" });
      return;
    }
    const name = call.request.service;
    const watcher = createWatcher(call, () => statusOf(name));
    watcher.tell();
    if (isShutDown) {
      call.end();
      return;
    }
    watchers.add(watcher);
    // "cancelled" comes after every way a call can end, the ordinary one included.
    call.on("cancelled", () => watchers.delete(watcher));
  };

  return {
    definition,
    implementation: { check, watch, list },
    setServing(name, isServing) {
      if (!statuses.has(name)) throw new Error(`the health service knows no name "${name}"`);
      if (isShutDown) return;
      statuses.set(name, isServing ? "SERVING" : "NOT_SERVING");
      for (const watcher of watchers) watcher.tell();
    },
    isServing: (name) => statuses.get(name) === "SERVING",
    shutdown() {
      isShutDown = true;
      for (const name of statuses.keys()) statuses.set(name, "NOT_SERVING");
      for (const watcher of watchers) watcher.end();
      watchers.clear();
    },
    get watcherCount() {
      return watchers.size;
    },
  };
}

interface Watcher {
  /** Sends the status if it is another than the last one sent. */
  tell(): void;
  /** Sends the last status and ends the call. */
  end(): void;
}

/** A watcher that does not read is sent only the newest status once it reads again, so that nothing piles up for it. */
function createWatcher(call: WatchCall, current: () => ServingStatus): Watcher {
  let last: ServingStatus | undefined;
  let isBlocked = false;

  const send = (): void => {
    const next = current();
    if (next === last) return;
    last = next;
    isBlocked = !call.write({ status: next });
  };
  call.on("drain", () => {
    isBlocked = false;
    send();
  });

  return {
    tell() {
      if (!isBlocked) send();
    },
    end() {
      send();
      call.end();
    },
  };
}
