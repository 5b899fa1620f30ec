import { array, assert, double, property, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createCellFamily,
  createHistogramFamily,
} from "../../../../src/observability/metrics/families.ts";

const counter = { name: "c_total", type: "counter", help: "Counts.", labels: ["a", "b"] } as const;
const histogram = { name: "h", type: "histogram", help: "Measures.", labels: ["a"] } as const;

describe("a counter", () => {
  test("a counter is written with help, type and every cell that was asked for", () => {
    const family = createCellFamily(counter);
    family.cell("x", "y").value += 2;
    family.cell("x", "z");

    expect(family.text()).toBe(
      [
        "# HELP c_total Counts.",
        "# TYPE c_total counter",
        'c_total{a="x",b="y"} 2',
        'c_total{a="x",b="z"} 0',
        "",
      ].join("\n"),
    );
  });

  test("a counter has one cell for the same labels", () => {
    const family = createCellFamily(counter);

    expect(family.cell("x", "y")).toBe(family.cell("x", "y"));
    expect(family.cell("x", "y")).not.toBe(family.cell("y", "x"));
  });

  test("a counter without labels is written without braces", () => {
    const family = createCellFamily({ ...counter, labels: [] });
    family.cell().value = 1;

    expect(family.text()).toContain("\nc_total 1\n");
  });

  test("a counter rejects the wrong number of labels", () => {
    expect(() => createCellFamily(counter).cell("x")).toThrow("c_total has 2 labels, not 1");
  });

  test("a counter keeps different labels apart, each on its own line", () => {
    assert(
      property(array(tuple(string(), string())), (labels) => {
        const family = createCellFamily(counter);
        for (const [a, b] of labels) family.cell(a, b);
        const distinct = new Set(labels.map((each) => JSON.stringify(each))).size;
        expect(
          family
            .text()
            .split("\n")
            .filter((line) => line.startsWith("c_total")),
        ).toHaveLength(distinct);
      }),
    );
  });
});

describe("a histogram", () => {
  test("a histogram counts a value in its bucket and all above, bounds included", () => {
    const family = createHistogramFamily(histogram, [1, 2]);
    const series = family.series("x");
    for (const value of [0.5, 1, 1.5, 3]) series.observe(value);

    expect(family.text()).toBe(
      [
        "# HELP h Measures.",
        "# TYPE h histogram",
        'h_bucket{a="x",le="1"} 2',
        'h_bucket{a="x",le="2"} 3',
        'h_bucket{a="x",le="+Inf"} 4',
        'h_sum{a="x"} 6',
        'h_count{a="x"} 4',
        "",
      ].join("\n"),
    );
  });

  test("the buckets of a histogram never decrease and end with the count", () => {
    assert(
      property(array(double({ min: 0, max: 100, noNaN: true })), (values) => {
        const family = createHistogramFamily({ ...histogram, labels: [] }, [0.1, 1, 10]);
        const series = family.series();
        for (const value of values) series.observe(value);
        const lines = family.text().split("\n");
        const buckets = lines
          .filter((line) => line.startsWith("h_bucket"))
          .map((line) => Number(line.split(" ")[1]));
        expect(buckets).toEqual([
          values.filter((value) => value <= 0.1).length,
          values.filter((value) => value <= 1).length,
          values.filter((value) => value <= 10).length,
          values.length,
        ]);
        expect(lines).toContain(`h_count ${values.length}`);
      }),
    );
  });
});
