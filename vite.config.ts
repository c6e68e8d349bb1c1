import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));

/** The page: web/ -> dist/web. tools/start.ts adds the guests that a server has for it. */
export default defineConfig({
  root: `${root}web`,
  // Paths relative to the page, so that it can be served from any folder.
  base: "./",
  build: { outDir: `${root}dist/web`, emptyOutDir: true, target: "es2023" },
  worker: { format: "es" },
  server: { fs: { allow: [root] } },
});
