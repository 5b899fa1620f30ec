/** The generated files of deploy/monitoring: dashboards of Grafana, alerts as a resource. */
import { parse, stringify } from "yaml";
import { instance } from "./instance.ts";
import { overview } from "./overview.ts";
import { panelsJson, type Row } from "./panel.ts";

const folder = "deploy/monitoring";
/** The rule file of Prometheus, which is kept by hand. */
export const alertsFile = `${folder}/alerts.yaml`;
/** The same alerts as a resource of the Prometheus operator. */
export const prometheusRuleFile = `${folder}/prometheus-rule.yaml`;

const variable = (name: string, label: string, query: string): object => ({
  name,
  label,
  type: "query",
  datasource: { type: "prometheus", uid: "${datasource}" },
  query: { query, refId: name },
  refresh: 2,
  sort: 1,
});

const dashboard = (uid: string, title: string, rows: readonly Row[], ...own: object[]): string =>
  `${JSON.stringify(
    {
      uid,
      title,
      tags: ["keyprotect-gateway"],
      schemaVersion: 41,
      editable: true,
      refresh: "10s",
      time: { from: "now-1h", to: "now" },
      links: [
        {
          title: "keyprotect-gateway",
          type: "dashboards",
          tags: ["keyprotect-gateway"],
          asDropdown: false,
          keepTime: true,
        },
      ],
      templating: {
        list: [
          { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
          {
            ...variable("job", "Job", "label_values(keyprotect_gateway_inflight, job)"),
            multi: true,
            includeAll: true,
            current: { text: "All", value: "$__all" },
          },
          ...own,
        ],
      },
      panels: panelsJson(rows),
    },
    undefined,
    2,
  )}\n`;

/** The dashboards, by file. */
export const dashboards: ReadonlyMap<string, () => string> = new Map([
  [
    `${folder}/dashboards/overview.json`,
    () => dashboard("keyprotect-overview", "Key Protect gateways", overview),
  ],
  [
    `${folder}/dashboards/instance.json`,
    () =>
      dashboard(
        "keyprotect-instance",
        "Key Protect instance",
        instance,
        variable(
          "kp",
          "Instance",
          "label_values(keyprotect_gateway_retry_budget, exported_instance)",
        ),
      ),
  ],
]);

/** Returns the alerts as a `PrometheusRule`. `alerts` is the text of the rule file. */
export function prometheusRule(alerts: string): string {
  const spec: unknown = parse(alerts);
  const rule = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "keyprotect-gateway" },
    spec,
  };
  return `# Generated from alerts.yaml by \`npm run docs\`.\n${stringify(rule, { lineWidth: 100 })}`;
}
