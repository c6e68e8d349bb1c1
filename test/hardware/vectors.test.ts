// The core against vectors recorded on a real processor (recorder/): each form's hundred cases must agree in every
// register, in memory, in all flags that the form defines, and in the exception if there is one.

import { describe, expect, it } from "vitest";
import { replay, type FormReport } from "./replay";

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

/** Forms that differ, in a line each. */
function wrongOnes(reports: readonly FormReport[]): string[] {
  expect(reports.length).toBeGreaterThan(0);
  return reports
    .filter((report) => report.failures > 0)
    .map(({ form, failures, first }) => `${form.mode}: ${form.name}: ${failures} of 100; ${first ?? ""}`);
}

describe("recorded vectors, by the interpreter", () => {
  for (const group of GROUPS) {
    it(group, { timeout: 120_000 }, () => {
      expect(wrongOnes(replay(group))).toEqual([]);
    });
  }
});

describe("recorded vectors, by translated code", () => {
  for (const group of GROUPS) {
    it(group, { timeout: 120_000 }, () => {
      const use = { cases: 0, entries: 0 };
      expect(wrongOnes(replay(group, use))).toEqual([]);
      // A form's first case makes its code hot, and the first after one that faults, as many of DIV do.
      expect(use.entries / use.cases).toBeGreaterThan(0.8);
    });
  }
});
