import { defineConfig } from "vitest/config";

/** What boots whole guests needs minutes, and a processor to itself. */
const slow = {
  testTimeout: 300_000,
  hookTimeout: 300_000,
  fileParallelism: false,
  expect: { poll: { timeout: 15_000 } },
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000 } },
      {
        test: { name: "core", include: ["test/core/**/*.test.ts", "test/hardware/**/*.test.ts"], testTimeout: 60_000 },
      },
      { test: { name: "guests", include: ["test/guests/**/*.test.ts"], ...slow } },
      { test: { name: "browser", include: ["test/browser/**/*.test.ts"], ...slow } },
    ],
  },
});
