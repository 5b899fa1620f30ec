/** The steps on the way to a server: its name, the proxy, the connection and TLS. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { TLSSocket } from "node:tls";
import type { Clock } from "../../platform/clock.ts";
import { isTlsFailure } from "../../platform/tls-errors.ts";
import { type ConnectorOptions, createConnector } from "../../upstream/transport/connector.ts";
import { ProxyError } from "../../upstream/transport/proxy-error.ts";
import { proxyHost } from "../../upstream/transport/tunnel.ts";
import { failed, ok, type PlannedStep, type StepResult, skipped } from "./report.ts";

/** A server that is reached over HTTP. */
export interface Server {
  /** Name in the report, such as `IAM`. */
  readonly label: string;
  readonly url: string;
  /** The setting that names it. */
  readonly setting: string;
}

/** Longest wait for the resolution of a name, in milliseconds. The resolver has no limit of use. */
const lookUpMs = 5_000;

/** Plans the steps to a server. The connection is made as the gateway makes it, and closed. */
export function planServerSteps(server: Server, options: ConnectorOptions): PlannedStep[] {
  const { label, url } = server;
  const { proxy, clock } = options;
  let attempt: Promise<unknown> | undefined;
  /** The connection is made once; each step reads its part of the outcome. */
  const outcome = (): Promise<unknown> => (attempt ??= connectOnce(url, options));
  const name = new URL(proxy?.origin ?? url).hostname.replace(/^\[(.*)\]$/, "$1");
  const proxySteps: PlannedStep[] =
    proxy === undefined
      ? []
      : [
          { name: `${label}: name of the proxy`, run: () => lookUp(name, "HTTPS_PROXY", clock) },
          {
            name: `${label}: proxy`,
            run: async () => proxyResult(await outcome(), proxyHost(proxy)),
          },
        ];
  const nameStep: PlannedStep = {
    name: `${label}: name`,
    run: () =>
      proxy === undefined
        ? lookUp(name, server.setting, clock)
        : skipped("the proxy resolves the name"),
  };
  return [
    ...proxySteps,
    nameStep,
    { name: `${label}: connection`, run: async () => connectionResult(await outcome(), server) },
    { name: `${label}: TLS`, run: async () => tlsResult(await outcome(), server) },
  ];
}

async function lookUp(name: string, setting: string, clock: Clock): Promise<StepResult> {
  if (isIP(name) !== 0) return ok(`${name} is an address`);
  try {
    const addresses = await inTime(lookup(name, { all: true }), clock);
    return ok(`${name} is ${addresses.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    return failed(
      `the name ${name} cannot be resolved (${codeOf(error)})`,
      `check the spelling in ${setting}, and the DNS of this machine or Pod (network policy for port 53)`,
    );
  }
}

function inTime<T>(promise: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(lookUpMs, () => {
      reject(Object.assign(new Error("no answer"), { code: "TIMEOUT" }));
    });
    void promise.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** Resolves with the end of a server's certificate, with `undefined` without TLS, or an error. */
function connectOnce(url: string, options: ConnectorOptions): Promise<unknown> {
  const { protocol, host, hostname, port } = new URL(url);
  return new Promise((resolve) => {
    createConnector(options)({ protocol, host, hostname, port }, (error, socket) => {
      const isTls = socket instanceof TLSSocket;
      resolve(error ?? (isTls ? socket.getPeerCertificate().valid_to : undefined));
      socket?.on("error", () => undefined).destroy();
    });
  });
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "no code";

function proxyResult(outcome: unknown, host: string): StepResult {
  if (!(outcome instanceof ProxyError)) return ok(`${host} makes the connection`);
  if (outcome.code === "PROXY_TLS") {
    return failed(
      outcome.message,
      "set GATEWAY_PROXY_CA_FILE to the authority of the proxy's certificate",
    );
  }
  const { httpStatus } = outcome;
  if (httpStatus === 407) {
    return failed(outcome.message, "set user and password of the proxy in HTTPS_PROXY");
  }
  const remedy =
    httpStatus === undefined
      ? "check host and port in HTTPS_PROXY, and the network policy; or name the server in NO_PROXY"
      : "allow this host and port in the proxy's rules, or name the server in NO_PROXY";
  return failed(outcome.message, remedy);
}

/** Node says so for a connection that ends in the TLS handshake, with the code of any other end. */
const inHandshake = "Client network socket disconnected before secure TLS connection";

const isOfTls = (error: Error): boolean =>
  isTlsFailure(codeOf(error)) || error.message.startsWith(inHandshake);

function connectionResult(outcome: unknown, { url, setting }: Server): StepResult {
  const { host } = new URL(url);
  if (!(outcome instanceof Error) || isOfTls(outcome)) return ok(`${host} accepts connections`);
  const code = codeOf(outcome);
  if (code === "ECONNREFUSED") {
    return failed(
      `${host} refuses the connection (${code})`,
      `check the port in ${setting}, and whether a network policy or firewall refuses it`,
    );
  }
  const what =
    code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT"
      ? `${host} does not answer in time (${code})`
      : `there is no connection to ${host} (${code})`;
  return failed(
    what,
    "allow the way in network policy and firewall, use the private endpoint or a proxy (HTTPS_PROXY), or raise GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS",
  );
}

const unknownAuthority =
  /^(?:UNABLE_TO_\w+|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_UNTRUSTED)$/;

function tlsResult(outcome: unknown, { url, setting }: Server): StepResult {
  const { protocol, host } = new URL(url);
  if (protocol !== "https:") return skipped("the URL is http://, so nothing is encrypted");
  if (!(outcome instanceof Error)) {
    return ok(`the certificate of ${host} is accepted, and valid until ${String(outcome)}`);
  }
  const code = codeOf(outcome);
  if (unknownAuthority.test(code)) {
    return failed(
      `the certificate of ${host} is of an authority that is not trusted (${code})`,
      "set GATEWAY_UPSTREAM_CA_FILE to that authority if it is yours or a proxy's; otherwise somebody answers in the name of the server",
    );
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return failed(
      `the certificate is not for the name ${host} (${code})`,
      `use the name that the certificate has in ${setting}; an address or an alias will not do`,
    );
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    const word = code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet";
    return failed(
      `the certificate of ${host} ${word} (${code})`,
      "check the clock of this machine; if it is right, the server needs a new certificate",
    );
  }
  return failed(
    `the TLS handshake with ${host} fails (${code})`,
    `check in ${setting} whether the port speaks TLS, and whether a device on the way breaks it`,
  );
}
