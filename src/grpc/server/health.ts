/**
 * The standard health service (grpc.health.v1). Its contract comes from the package
 * `grpc-health-check`, from which `npm run gen` generates the code. The implementation of that
 * package is not used: it cannot end a Watch, and an open Watch prevents a server from shutting
 * down. It also parses its `.proto` file at each start.
 */
import { status } from "@grpc/grpc-js";
import type {
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListRequest,
  type HealthListResponse,
} from "../../gen/health/v1/health.ts";

type WatchCall = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** Health by name, and the gRPC service that reports it. */
export interface Health {
  readonly definition: typeof HealthService;
  readonly implementation: UntypedServiceImplementation;
  /**
   * Sets the health of a name and notifies its watchers. Throws for a name that is not in the
   * options. Does nothing after `shutdown`.
   */
  setServing(name: string, isServing: boolean): void;
  /** Whether a name is SERVING. */
  isServing(name: string): boolean;
  /** Sets all names to NOT_SERVING permanently, notifies the watchers and ends their calls. */
  shutdown(): void;
  /** Number of open Watch calls. */
  readonly watcherCount: number;
}

/** Options of `createHealth`. */
export interface HealthOptions {
  /** Names, and whether each is serving initially. */
  readonly names: Readonly<Record<string, boolean>>;
  /** Maximum number of open Watch calls; more get `RESOURCE_EXHAUSTED`. Default 1,000. */
  readonly maxWatchers?: number;
}

/**
 * Creates the health service. For an unknown name Check answers `NOT_FOUND`, and Watch answers
 * `SERVICE_UNKNOWN` and stays open, as the protocol requires.
 */
export function createHealth(options: HealthOptions): Health {
  const statuses = new Map<string, ServingStatus>();
  for (const [name, isServing] of Object.entries(options.names)) {
    statuses.set(name, isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
  }
  const maxWatchers = options.maxWatchers ?? 1_000;
  const watchers = new Set<Watcher>();
  let isShutDown = false;
  const statusOf = (name: string): ServingStatus =>
    statuses.get(name) ?? ServingStatus.SERVICE_UNKNOWN;

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
    _call: ServerUnaryCall<HealthListRequest, HealthListResponse>,
    callback: sendUnaryData<HealthListResponse>,
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
    watcher.notify();
    if (isShutDown) {
      call.end();
      return;
    }
    watchers.add(watcher);
    // grpc-js raises "cancelled" however a call ends.
    call.on("cancelled", () => watchers.delete(watcher));
  };

  return {
    definition: HealthService,
    implementation: { check, watch, list },
    setServing(name, isServing) {
      if (!statuses.has(name)) throw new Error(`the health service knows no name "${name}"`);
      if (isShutDown) return;
      statuses.set(name, isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
      for (const watcher of watchers) watcher.notify();
    },
    isServing: (name) => statuses.get(name) === ServingStatus.SERVING,
    shutdown() {
      isShutDown = true;
      for (const name of statuses.keys()) statuses.set(name, ServingStatus.NOT_SERVING);
      for (const watcher of watchers) watcher.end();
      watchers.clear();
    },
    get watcherCount() {
      return watchers.size;
    },
  };
}

interface Watcher {
  /** Sends the status if it differs from the last one sent. */
  notify(): void;
  /** Sends the last status and ends the call. */
  end(): void;
}

/**
 * Creates a watcher. A caller that stops reading later receives only the newest status, so nothing
 * accumulates for it.
 */
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
    notify() {
      if (!isBlocked) send();
    },
    end() {
      send();
      call.end();
    },
  };
}
