/**
 * Counts one vitest run by its JSON report. A file that did not load, a report that was not written and an error
 * outside of any test count as one failure each: vitest has no failed test for them.
 */
export function countTests(report, exitStatus) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report?.testResults ?? []) {
    for (const { status } of file.assertionResults) {
      if (status === "passed") count.passed++;
      else if (status === "failed") count.failed++;
      else count.skipped++;
    }
    if (file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed")) count.failed++;
  }
  if (exitStatus !== 0 && count.failed === 0) count.failed = 1;
  return count;
}

export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
