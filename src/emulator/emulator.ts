/**
 * Key Protect and the IAM token service in one process, on one port, for tests, demonstrations and
 * development without the cloud. The emulator answers the API of 2019 (`?action=wrap`, `/lockers`)
 * and the current one (`/actions/wrap`, `/import_token`) at the same time. Cryptography, key states
 * and timers are real. The clock can be moved, and faults can be scripted.
 */
import { createEmulatorClock, createPauses } from "./clock.ts";
import { createFaults } from "./control/faults.ts";
import { createQuota } from "./control/quota.ts";
import { createRequestLog } from "./control/request-log.ts";
import { createControl, isControlPath } from "./control/routes.ts";
import type { Controls } from "./control/controls.ts";
import { createDispatch } from "./http/dispatch.ts";
import { createRouter } from "./http/router.ts";
import { createConnections, startServer } from "./http/server.ts";
import { createAuthorize } from "./iam/authorize.ts";
import { createMetadataRoute } from "./iam/metadata.ts";
import { createIamRoute } from "./iam/routes.ts";
import { createTokens } from "./iam/tokens.ts";
import { createTrustedProfiles } from "./iam/trusted-profiles.ts";
import { createInstance } from "./instance.ts";
import type { Instance } from "./instance.ts";
import { createActionRoutes } from "./key-actions/routes.ts";
import { createWrapRoutes } from "./key-actions/wrap.ts";
import { createKmipAdapterRoutes } from "./kmip/adapter-routes.ts";
import { createKmipCertificateRoutes } from "./kmip/certificate-routes.ts";
import { createKmipObjectRoutes, plantKmipObject } from "./kmip/object-routes.ts";
import { createAliasRoutes } from "./keys/alias-routes.ts";
import { createRegistrationRoutes } from "./keys/registration-routes.ts";
import { createRingRoutes } from "./keys/ring-routes.ts";
import { createKeyRoutes } from "./keys/routes.ts";
import { createLockerRoutes } from "./lockers/routes.ts";
import { resolveOptions } from "./options.ts";
import type { EmulatorOptions } from "./options.ts";
import { createInstancePolicyRoutes } from "./policies/instance-routes.ts";
import { createPolicyRoutes } from "./policies/routes.ts";

/** A listening emulator. Disposal stops it and closes all connections. */
export interface Emulator extends Controls, AsyncDisposable {
  readonly port: number;
  /** The first instance. */
  readonly instanceId: string;
  /** The first user's API key. */
  readonly apiKey: string;
}

/**
 * Starts an emulator and resolves when it listens. Rejects if the port is taken, and with a
 * RangeError if `options` name no instance or no user.
 */
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
  const profiles = createTrustedProfiles(resolved.trustedProfiles);
  const faults = createFaults(resolved.random);
  const quota = createQuota();
  const requests = createRequestLog(resolved.requestLogCapacity);
  const pauses = createPauses();
  const connections = createConnections();
  const instances = new Map<string, Instance>();
  let latencyMs = 0;

  const reset = (): void => {
    for (const id of instanceIds) instances.set(id, createInstance(id));
    profiles.reset();
    tokens.revokeAll();
    tokens.setLifetime(resolved.tokenLifetimeSeconds);
    clock.reset();
    faults.clear();
    quota.clear();
    quota.set(resolved.quota);
    requests.clear();
    latencyMs = resolved.latencyMs;
  };
  reset();

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
      ...createKmipAdapterRoutes(),
      ...createKmipObjectRoutes(),
      ...createKmipCertificateRoutes(instances),
    },
    iam: createIamRoute({ users, profiles, clients: resolved.iamClients, tokens }),
    metadata: createMetadataRoute({ profiles, tokens }),
    latencyMs: () => latencyMs,
    pause: (ms) => pauses.pause(ms),
    connectionOf: (request) => connections.numberOf(request),
  });
  const server = await startServer(resolved, connections, (request, response, body) =>
    isControlPath(request.url)
      ? control(request, response, body)
      : dispatch(request, response, body),
  );

  const emulator: Emulator = {
    url: `http://${resolved.host}:${server.port}`,
    port: server.port,
    instanceId,
    instanceIds,
    apiKey: firstUser.apiKey,
    users,
    clock,
    faults,
    quota,
    requests,
    tokens,
    trustedProfiles: profiles,
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
    plantKmipObject(planted) {
      const instance = instances.get(planted.instanceId ?? instanceId);
      if (instance === undefined) throw new RangeError("there is no such instance");
      return plantKmipObject(instance, planted, clock.now());
    },
    get openConnections() {
      return connections.open;
    },
    reset,
    async [Symbol.asyncDispose]() {
      pauses.release();
      await server[Symbol.asyncDispose]();
    },
  };
  const control = createControl(emulator);
  return emulator;
}
