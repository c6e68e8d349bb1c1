import { describe, expect, it } from "vitest";
import { countTests, summaryLine } from "../../../tools/test-summary.mjs";

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

describe("countTests", () => {
  it.each([
    [
      "counts each test",
      [file("passed", "passed", "skipped", "todo"), file("failed", "failed", "passed")],
      1,
      [2, 1, 2],
    ],
    ["counts a file that did not load", [file("failed"), file("passed", "passed")], 1, [1, 1, 0]],
    ["counts an error outside of any test", [file("passed", "passed")], 1, [1, 1, 0]],
    ["finds nothing wrong where nothing is", [file("passed", "passed")], 0, [1, 0, 0]],
  ])("%s", (_name, testResults, exitStatus, [passed, failed, skipped]) => {
    expect(countTests({ testResults }, exitStatus)).toEqual({ passed, failed, skipped });
  });

  it("takes a report that was not written for a failure", () => {
    expect(countTests(undefined, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe("summaryLine", () => {
  it("names skipped tests only when there are some", () => {
    expect(summaryLine({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(summaryLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});
