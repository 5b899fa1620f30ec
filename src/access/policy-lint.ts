/**
 * Checks access rules at start-up. A rule that can never match is misspelt, and locks out the
 * caller that it is meant for.
 */
import { doorRpcs } from "../door-rpcs/door-rpcs.ts";
import { rpcTable, type Rpc } from "../rpc-table.ts";
import { forcedRows } from "./forced-rows.ts";
import { shortServiceName } from "./policy.ts";
import type { AccessRule } from "./policy.ts";
import { isTrustDomain, trustDomainOf } from "./spiffe-id.ts";

/** One problem in a list of rules. */
export interface RuleProblem {
  /** Index of the rule. */
  readonly rule: number;
  readonly list: keyof AccessRule;
  /** The problem, as a text that follows the name of the list. */
  readonly what: string;
}

/** The configuration that rules have to fit. */
export interface RuleContext {
  /** Aliases of the configured instances. */
  readonly aliases: readonly string[];
  /** Accepted SPIFFE trust domains; absent if no listener asks for client certificates. */
  readonly trustDomains: readonly string[] | undefined;
  /** Names of the doors' callers. */
  readonly doorCallers: readonly string[];
}

/** Finds the problems of a list of rules. */
export function findRuleProblems(
  rules: readonly AccessRule[],
  { aliases, trustDomains, doorCallers }: RuleContext,
): RuleProblem[] {
  const instanceProblem = (alias: string): string[] =>
    alias === "*" || aliases.includes(alias) ? [] : [`no instance is called ${quote(alias)}`];
  const problems = {
    callers: callerProblem(trustDomains, doorCallers),
    methods: methodProblem,
    instances: instanceProblem,
  };
  return rules.flatMap((entry, rule) =>
    (["callers", "methods", "instances"] as const).flatMap((list) =>
      [...whenEmpty(entry[list]), ...entry[list].flatMap(problems[list])].map((what) => ({
        rule,
        list,
        what,
      })),
    ),
  );
}

/**
 * Finds wildcards that cover one RPC of a service at most, because the others have to be named and
 * the rule does not name them. It is probably meant to allow those.
 */
export function findNarrowWildcards(rules: readonly AccessRule[]): RuleProblem[] {
  return rules.flatMap(({ methods }, rule) =>
    methods.flatMap((wildcard) => {
      const ofService = rpcTable.filter((rpc) => wildcard === `${shortServiceName(rpc)}/*`);
      const covered = ofService.filter(({ sensitive }) => !sensitive);
      const missing = ofService.filter(
        (rpc) => rpc.sensitive && !methods.includes(`${shortServiceName(rpc)}/${rpc.method}`),
      );
      if (covered.length > 1 || missing.length === 0) return [];
      const what = `has the wildcard ${quote(wildcard)}, which covers only ${namesOf(covered)}: a rule has to name ${namesOf(missing)} to allow it`;
      return [{ rule, list: "methods" as const, what }];
    }),
  );
}

const namesOf = (rpcs: readonly Rpc[]): string => rpcs.map(({ method }) => method).join(", ");

const quote = (text: string): string => JSON.stringify(text.slice(0, 120));

const whenEmpty = (list: readonly string[]): string[] =>
  list.length === 0 ? ["is empty, so the rule allows nothing"] : [];

const callerProblem =
  (trustDomains: readonly string[] | undefined, doorCallers: readonly string[]) =>
  (caller: string): string[] => {
    if (caller === "*" || caller === "unix" || caller === "anonymous") return [];
    if (doorCallers.includes(caller)) return [];
    const isPrefix = caller.endsWith("/*");
    const bare = isPrefix ? caller.slice(0, -2) : caller;
    if (bare.includes("*")) {
      return [`${quote(caller)} has a "*" that does not follow the last "/"`];
    }
    const domainOnly = isPrefix && bare.startsWith("spiffe://") ? bare.slice(9) : "";
    const trustDomain = isTrustDomain(domainOnly) ? domainOnly : trustDomainOf(bare);
    if (trustDomain === undefined) {
      return [
        `${quote(caller)} is neither a SPIFFE ID nor the caller of an endpoint, "unix", "anonymous" or "*"`,
      ];
    }
    if (trustDomains === undefined) {
      return [
        `${quote(caller)} cannot call: a SPIFFE ID comes with a client certificate, and tls.clientCaFile is not set`,
      ];
    }
    return trustDomains.includes(trustDomain)
      ? []
      : [`${quote(caller)} cannot call: its trust domain is not in tls.trustDomains`];
  };

function methodProblem(method: string): string[] {
  if (method === "*") return [];
  const names = [...rpcTable, ...forcedRows.values(), ...doorRpcs].flatMap((rpc) => [
    `${shortServiceName(rpc)}/${rpc.method}`,
    `${shortServiceName(rpc)}/*`,
  ]);
  return names.includes(method)
    ? []
    : [`there is no method ${quote(method)}; methods look like "KeysService/GetKey"`];
}
