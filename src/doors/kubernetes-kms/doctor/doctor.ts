/** `keyprotect-gateway kms doctor`: whether API server and gateway fit together. */
import type { Config } from "../../../config/config.ts";
import type { KubernetesKmsConfig } from "../../../config/endpoint.ts";
import { errorCode } from "../../../config/sources/yaml.ts";
import { compare } from "./compare.ts";
import { parseEncryptionConfiguration } from "./encryption-configuration.ts";
import type { Finding, Report } from "./finding.ts";
import { probe } from "./probe.ts";

/** Options of `runDoctor`. */
export interface DoctorOptions {
  readonly config: Pick<Config, "endpoints" | "instances">;
  /** Path of the API server's EncryptionConfiguration. */
  readonly file: string;
  /** Returns the text of a file, or throws. */
  readonly readFile: (path: string) => string;
}

/** All findings of the doctor. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** The findings in words, a line each. */
  readonly text: string;
  /** 0, or 1 if there is a problem. */
  readonly exitCode: 0 | 1;
}

/**
 * Compares the API server's configuration with the gateway's, and with the endpoints of the gateway
 * that runs on this machine.
 */
export async function runDoctor({ config, file, readFile }: DoctorOptions): Promise<Diagnosis> {
  const findings: Finding[] = [];
  const report: Report = (level, at, what) => void findings.push({ level, at, what });
  const endpoints = config.endpoints.filter((endpoint) => endpoint.kind === "kubernetes-kms-v2");
  if (endpoints.length === 0) {
    report("problem", "endpoints", "the gateway has none of the kind kubernetes-kms-v2");
  }
  compareFile(file, readFile, endpoints, report);
  for (const endpoint of endpoints) {
    const instance = config.instances.find(({ alias }) => alias === endpoint.instance);
    await probe(endpoint, instance?.instanceId ?? "", report);
  }
  const problems = findings.filter(({ level }) => level === "problem").length;
  const summary = problems === 1 ? "1 problem" : `${problems} problems`;
  return {
    findings,
    text: `${[...findings.map(toLine), summary].join("\n")}\n`,
    exitCode: problems === 0 ? 0 : 1,
  };
}

function compareFile(
  file: string,
  readFile: (path: string) => string,
  endpoints: readonly KubernetesKmsConfig[],
  report: Report,
): void {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    report("problem", "file", `cannot be read (${errorCode(error)})`);
    return;
  }
  const lists = parseEncryptionConfiguration(text);
  if ("problem" in lists) {
    report("problem", lists.problem.at, lists.problem.what);
    return;
  }
  compare(lists, endpoints, report);
}

const toLine = ({ level, at, what }: Finding): string => `${level.padEnd(8)} ${at}: ${what}`;
