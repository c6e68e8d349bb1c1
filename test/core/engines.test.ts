// The interpreter and the translator must agree: in every register, flag and byte of memory at each stop, in each call
// to the host and its place, and in the instruction count. tools/fuzz-engines.mjs does more of the same.

import { describe, expect, it } from "vitest";
import { fuzz, fuzzAsynchronously } from "./engines/fuzz";

describe("both engines", () => {
  it("agree over a million instructions of random programs", { timeout: 300_000 }, () => {
    const report = fuzz(1, 1_000_000);
    expect(report.divergence).toBeUndefined();
    expect(report.instructions).toBeGreaterThanOrEqual(1_000_000);
    // Without translated code the comparison would say nothing.
    expect(report.translated).toBeGreaterThan(report.instructions / 2);
  });

  it("agree while code is compiled beside the run", { timeout: 120_000 }, async () => {
    const report = await fuzzAsynchronously(500_000, 40);
    expect(report.divergence).toBeUndefined();
    expect(report.translated).toBeGreaterThan(report.instructions / 10);
  });
});
