/**
 * Key Protect and the IAM token service in one process, on one port: for tests, demonstrations and development without the cloud.
 * It answers the API of 2019 (`?action=wrap`, `/lockers`) and today's (`/actions/wrap`, `/import_token`) at once, with real
 * cryptography, real rules about states and times, a clock that can be moved, and faults that can be scripted.
 */
import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import { createActionRoutes } from "./key-actions/routes.ts";
import { createAliasRoutes } from "./keys/alias-routes.ts";
import { createAuthorize } from "./iam/authorize.ts";
import { createConnections } from "./http/connections.ts";
import { createControl, isControlPath } from "./control/routes.ts";
import { createDispatch } from "./http/dispatch.ts";
import { createFaults } from "./control/faults.ts";
import type { Faults } from "./control/faults.ts";
import { createIamRoute } from "./iam/routes.ts";
import { createInstancePolicyRoutes } from "./policies/instance-routes.ts";
import { createInstance } from "./instance.ts";
import type { Instance } from "./instance.ts";
import { createKeyRoutes } from "./keys/routes.ts";
import { createLockerRoutes } from "./lockers/routes.ts";
import { resolveOptions } from "./options.ts";
import type { EmulatorOptions } from "./options.ts";
import { createPauses } from "./control/delays.ts";
import { createPolicyRoutes } from "./policies/routes.ts";
import { createQuota } from "./control/quota.ts";
import type { Quota } from "./control/quota.ts";
import { createRegistrationRoutes } from "./keys/registration-routes.ts";
import { createRequestLog } from "./http/request-log.ts";
import type { RequestLog } from "./http/request-log.ts";
import { createRingRoutes } from "./keys/ring-routes.ts";
import { createRouter } from "./http/router.ts";
import { createTokens } from "./iam/tokens.ts";
import type { Tokens } from "./iam/tokens.ts";
import type { User } from "./iam/user.ts";
import { createWrapRoutes } from "./key-actions/wrap.ts";
import { createEmulatorClock } from "./clock.ts";
import type { EmulatorClock } from "./clock.ts";

/** A listening emulator. */
export interface Emulator {
  /** Base URL of Key Protect and of IAM, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** The first instance. */
  readonly instanceId: string;
  readonly instanceIds: readonly string[];
  /** The first user's API key. */
  readonly apiKey: string;
  readonly users: readonly User[];
  readonly clock: EmulatorClock;
  readonly faults: Faults;
  readonly quota: Quota;
  readonly requests: RequestLog;
  readonly tokens: Tokens;
  /** Real milliseconds that every answer of Key Protect takes at least. */
  setLatency(ms: number): void;
  /** Registers a cloud resource with a key, as other IBM services do. */
  register(registration: NewRegistration): void;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Forgets keys, policies, rings, faults and requests, resets the clock, the quota and the latency, and revokes all tokens. */
  reset(): void;
  /** Stops listening and cuts what is open. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A cloud resource that a key is to protect. */
export interface NewRegistration {
  /** Default: the first instance. */
  readonly instanceId?: string;
  readonly keyId: string;
  readonly resourceCrn: string;
  /** Whether the resource has a retention policy, so that not even a forced deletion works. Default false. */
  readonly preventsDeletion?: boolean;
  readonly description?: string;
}

const maxRequestBytes = 4 * 1024 * 1024;

/** Starts an emulator and resolves once it listens. Rejects if the port is taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const resolved = resolveOptions(options);
  const { profile, users, instanceIds } = resolved;
  const [instanceId] = instanceIds;
  const [firstUser] = users;
  if (instanceId === undefined || firstUser === undefined) {
    throw new RangeError("an emulator needs at least one instance and one user");
  }
  const clock = createEmulatorClock(resolved.wallNow);
  const tokens = createTokens({
    now: () => clock.now(),
    accountId: resolved.accountId,
    lifetimeSeconds: resolved.tokenLifetimeSeconds,
  });
  const faults = createFaults(resolved.random);
  const quota = createQuota();
  const requests = createRequestLog(resolved.requestLogCapacity);
  const pauses = createPauses();
  const instances = new Map<string, Instance>();
  let latencyMs = 0;

  const toFirstState = (): void => {
    for (const id of instanceIds) instances.set(id, createInstance(id));
    tokens.revokeAll();
    tokens.setLifetime(resolved.tokenLifetimeSeconds);
    clock.reset();
    faults.clear();
    quota.clear();
    quota.set(resolved.quota);
    requests.clear();
    latencyMs = resolved.latencyMs;
  };
  toFirstState();

  const connections = createConnections();
  const dispatch = createDispatch({
    profile,
    clock,
    faults,
    quota,
    log: requests,
    route: createRouter(),
    authorize: createAuthorize(instances, tokens, profile),
    routes: {
      ...createKeyRoutes(resolved),
      ...createWrapRoutes(resolved),
      ...createActionRoutes(resolved),
      ...createPolicyRoutes(),
      ...createAliasRoutes(),
      ...createLockerRoutes(resolved),
      ...createRingRoutes(),
      ...createInstancePolicyRoutes(),
      ...createRegistrationRoutes(),
    },
    iam: createIamRoute(users, tokens),
    latencyMs: () => latencyMs,
    pause: (ms) => pauses.pause(ms),
    connectionOf: (request) => connections.numberOf(request),
  });

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxRequestBytes) request.destroy();
      else chunks.push(chunk);
    });
    request.on("end", () => {
      const [only] = chunks;
      const body = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
      const answered = isControlPath(request.url)
        ? control(request, response, body)
        : dispatch(request, response, body);
      answered.catch((error: unknown) => failLoudly(error, response));
    });
    // A client that goes away in mid-request is its own affair.
    request.on("error", () => undefined);
  });
  server.keepAliveTimeout = 30_000;
  server.on("connection", (socket) => connections.track(socket));
  const port = await listen(server, resolved.port, resolved.host);

  const emulator: Emulator = {
    url: `http://${resolved.host}:${port}`,
    port,
    instanceId,
    instanceIds,
    apiKey: firstUser.apiKey,
    users,
    clock,
    faults,
    quota,
    requests,
    tokens,
    setLatency(ms) {
      latencyMs = ms;
    },
    register(registration) {
      const instance = instances.get(registration.instanceId ?? instanceId);
      const key = instance?.keys.get(registration.keyId, undefined, clock.now());
      key?.registrations.push({
        resourceCrn: registration.resourceCrn,
        preventsDeletion: registration.preventsDeletion ?? false,
        description: registration.description ?? "",
        createdBy: firstUser.subject,
        createdAt: clock.now(),
      });
    },
    get openConnections() {
      return connections.open;
    },
    reset: toFirstState,
    async [Symbol.asyncDispose]() {
      pauses.release();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  const control = createControl(emulator);
  return emulator;
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

// A defect of the emulator itself must not look like a refusal of the service.
function failLoudly(error: unknown, response: ServerResponse): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (response.headersSent) response.destroy();
  else response.writeHead(500, { "Content-Type": "text/plain" }).end(`emulator defect: ${text}\n`);
}
