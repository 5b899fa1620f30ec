/** The documents list the layers of both pipelines in the order that the code defines. */
import { expect, test } from "vitest";
import { inboundInterceptors } from "../../src/grpc/interceptors/interceptor.ts";
import { outboundLayers } from "../../src/upstream/pipeline.ts";
import { readText } from "./documents.ts";

const documents = ["README.md", "docs/architecture.md", "docs/decisions/0003-pipeline-order.md"];

/** The lists below the marks `<!-- layers: direction -->` of a document, each as its names. */
const layerLists = (file: string, direction: string): string[][] =>
  [
    ...readText(file).matchAll(new RegExp(`<!-- layers: ${direction} -->\\n\\n\`([^\`]+)\``, "g")),
  ].map(([, list = ""]) => list.split(" → "));

test.each(documents)("%s lists the inbound interceptors in the order of the code", (file) => {
  expect(layerLists(file, "inbound")).toEqual([[...inboundInterceptors]]);
});

test.each(documents)("%s lists the outbound layers in the order of the code", (file) => {
  expect(layerLists(file, "outbound")).toEqual([[...outboundLayers]]);
});
