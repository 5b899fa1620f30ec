/** Builds all configured instances on the hosts, credentials and changes that they share. */
import type { Config } from "../../config/config.ts";
import { AsyncDisposables } from "../../platform/disposable-stack.ts";
import { createChangeFeeds } from "../../upstream/coalesce/change-feed.ts";
import { createUpstreamHosts, type UpstreamHosts } from "../../upstream/host.ts";
import { createCredentials, type Credentials } from "./credentials/token-sources.ts";
import { createInstance, type Instance, type InstanceDeps } from "./instance.ts";
import { toCircuits } from "../options.ts";

/** The configured instances. Disposing of them waits for requests under way. */
export interface Instances extends AsyncDisposable {
  /** By alias, in the order of the configuration. */
  readonly byAlias: ReadonlyMap<string, Instance>;
  readonly hosts: UpstreamHosts;
  readonly credentials: Pick<Credentials, "replace">;
}

/** Dependencies of all instances. */
export type InstancesDeps = Pick<
  InstanceDeps,
  "pieces" | "redis" | "tracing" | "connectionsOf" | "metrics" | "logger" | "clock" | "random"
>;

/** Builds the instances. Connects to nothing yet. */
export async function createInstances(config: Config, deps: InstancesDeps): Promise<Instances> {
  const { metrics, logger, clock, random } = deps;
  await using started = new AsyncDisposables();
  const credentials = started.add(createCredentials(deps));
  const hosts = createUpstreamHosts({
    clock,
    random,
    logger,
    circuits: toCircuits(config.breaker),
    emit: metrics.countHost,
    retriesPerSuccess: config.retry.budgetPercent / 100,
  });
  started.add({ [Symbol.asyncDispose]: () => Promise.resolve(hosts[Symbol.dispose]()) });
  const shared = { ...deps, hosts, changes: createChangeFeeds(), settings: config };
  const byAlias = new Map<string, Instance>(
    config.instances.map((instance) => {
      const tokens = credentials.tokensFor(instance.alias, instance.credential);
      return [instance.alias, started.add(createInstance(instance, { ...shared, tokens }))];
    }),
  );
  const resources = started.move();
  return {
    byAlias,
    hosts,
    credentials,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}
