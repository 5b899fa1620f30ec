/** Reaches every server of the configuration as the gateway would, and says what is wrong. */
import type { Logger } from "pino";
import type { Config, InstanceConfig } from "../../config/config.ts";
import { credentialIdentity } from "../../config/credential.ts";
import { createLogger } from "../../observability/logging/logger.ts";
import { systemClock } from "../../platform/clock.ts";
import type { RedisError } from "../../redis/error.ts";
import { toRedisSettings } from "../redis.ts";
import type { ExchangeDeps } from "../outbound/credentials/exchanges.ts";
import { createUpstreamConnections } from "../outbound/upstream-connections.ts";
import { planToken, type TokenPlan } from "./iam-steps.ts";
import { planKeyProtectSteps } from "./key-protect-steps.ts";
import { planRedisSteps } from "./redis-steps.ts";
import { runSteps, type Section, skipped, type Step } from "./report.ts";
import { planServerSteps } from "./server-steps.ts";

/**
 * Checks all instances, and Redis if it is used, at the same time. Changes nothing anywhere: it
 * gets one token for each credential, lists one key of each instance, and asks Redis for `INFO`.
 * Never rejects for a failure of a server.
 */
export async function checkOnline(config: Config): Promise<readonly Section[]> {
  const clock = systemClock;
  // The report says what the lines would say.
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const deps = { clock, connectionsOf: createUpstreamConnections(config, { logger, clock }) };
  const tokenOf = createTokenChecks(deps);
  const checks = [
    ...config.instances.map((instance) => checkInstance(instance, tokenOf, deps)),
    checkRedis(config, logger),
  ];
  return (await Promise.all(checks)).filter((section) => section !== undefined);
}

/** The steps to a token, and the plan that has it afterwards. */
interface CheckedToken {
  readonly steps: readonly Step[];
  readonly grant: TokenPlan["grant"];
}

/** Makes the steps to the token of a credential once, however many instances share it. */
function createTokenChecks(
  deps: ExchangeDeps,
): (credential: InstanceConfig["credential"]) => Promise<CheckedToken> {
  const checked = new Map<string, Promise<CheckedToken>>();
  return (credential) => {
    if (credential.kind === "caller") {
      const steps = [{ name: "credential", ...skipped("callers send their own tokens") }];
      return Promise.resolve({ steps, grant: () => undefined });
    }
    const id = credentialIdentity(credential);
    const plan = planToken(credential, deps);
    const known =
      checked.get(id) ?? runSteps(plan.steps).then((steps) => ({ steps, grant: plan.grant }));
    checked.set(id, known);
    return known;
  };
}

async function checkInstance(
  instance: InstanceConfig,
  tokenOf: ReturnType<typeof createTokenChecks>,
  { connectionsOf, clock }: ExchangeDeps,
): Promise<Section> {
  const { alias, serviceUrl, instanceId } = instance;
  const connection = connectionsOf(serviceUrl);
  const server = { label: "Key Protect", url: serviceUrl, setting: "KP_SERVICE_URL" };
  const token = tokenOf(instance.credential);
  // The way to Key Protect does not depend on a token, so a wrong credential hides no other fault.
  const way = runSteps(planServerSteps(server, connection));
  const { steps, grant } = await token;
  const waySteps = await way;
  const request = planKeyProtectSteps(instance, { connection, grant, clock });
  const failure = waySteps.find(({ outcome }) => outcome === "failed");
  const last =
    failure === undefined
      ? await runSteps(request)
      : request.map(({ name }) => ({ name, ...skipped(`needs ${failure.name}`) }));
  return {
    title: `instance ${alias} (${instanceId} at ${serviceUrl})`,
    steps: [...steps, ...waySteps, ...last],
  };
}

/** Checks Redis; resolves to `undefined` if nothing uses it. */
async function checkRedis(config: Config, logger: Logger): Promise<Section | undefined> {
  const settings = toRedisSettings(config);
  if (settings === undefined) return undefined;
  const { connectRedis } = await import("../../redis/connect-redis.ts");
  const clock = systemClock;
  let fault: RedisError | undefined;
  const commands = connectRedis(settings, {
    logger,
    clock,
    random: Math.random,
    onFault: (error) => {
      fault = error;
    },
  });
  const steps = await runSteps(planRedisSteps({ commands, fault: () => fault }, config, clock));
  await commands.close();
  return { title: `Redis (${settings.url})`, steps };
}
