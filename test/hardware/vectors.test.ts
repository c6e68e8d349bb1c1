// The core against vectors recorded on a real processor (recorder/): each form's hundred cases must agree in every
// register, in memory, in all flags that the form defines, and in the exception if there is one.

import { describe, expect, it } from "vitest";
import { replay } from "./replay";

const GROUPS = [
  "integer",
  "multiply",
  "shift",
  "bits",
  "data",
  "exchange",
  "stack",
  "string",
  "bcd",
  "control",
  "sse-integer",
  "ssse3-sse4",
  "sse-float",
  "mmx",
  "x87",
  "x87-transcendental",
];

describe("recorded vectors", () => {
  for (const group of GROUPS) {
    it(group, { timeout: 120_000 }, () => {
      const reports = replay(group);
      expect(reports.length).toBeGreaterThan(0);
      const wrong = reports
        .filter((report) => report.failures > 0)
        .map(({ form, failures, first }) => `${form.mode}: ${form.name}: ${failures} of 100; ${first ?? ""}`);
      expect(wrong).toEqual([]);
    });
  }
});
