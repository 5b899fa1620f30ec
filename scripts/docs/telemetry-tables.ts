/** The tables of docs/telemetry.md. */
import {
  attributeTable,
  eventTable,
  spanTable,
  type AttributeRow,
  type Convention,
} from "../../src/tracing/span-table.ts";
import { code, table } from "./markdown.ts";

/** The kinds of spans. */
export const spansTable = (): string =>
  table(
    ["Span", "Name, for example", "Kind", "Meaning"],
    Object.entries(spanTable).map(([id, { name, kind, meaning }]) => [
      code(id),
      code(name),
      code(kind),
      meaning,
    ]),
  );

/** The events. */
export const eventsTable = (): string =>
  table(
    ["Event", "Meaning"],
    Object.entries(eventTable).map(([name, meaning]) => [code(name), meaning]),
  );

const conventions: Readonly<Record<Convention, string>> = {
  stable: "OpenTelemetry",
  development: "OpenTelemetry, not stable yet",
  own: "the gateway",
};

/** The attributes of spans and events. */
export const attributesTable = (): string =>
  table(
    ["Attribute", "On", "Defined by", "Meaning"],
    Object.entries<AttributeRow>(attributeTable).map(([name, { on, convention, meaning }]) => [
      code(name),
      on.map(code).join(", "),
      conventions[convention],
      meaning,
    ]),
  );
