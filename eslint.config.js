import tseslint from "typescript-eslint";

export default tseslint.config(
  // assembly/ is AssemblyScript, which only its own compiler can judge.
  { ignores: ["assembly/", "build/", "dist/", "node_modules/", "test-results/", ".cache/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strict],
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // Index accesses that a bound check has just proved.
      "@typescript-eslint/no-non-null-assertion": "off",
      eqeqeq: "error",
      "no-console": "error",
    },
  },
  {
    files: ["emulator/**/*.ts"],
    rules: {
      // The same code runs in browser, worker and Node, and all its time comes from emulator/time/clock.ts.
      "no-restricted-imports": ["error", { patterns: ["node:*", "fs", "path"] }],
      "no-restricted-globals": ["error", "process", "Buffer", "window", "document"],
    },
  },
);
