import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";
import { guestFiles } from "./tools/guest-files";

const root = fileURLToPath(new URL(".", import.meta.url));

/** The page: web/ -> dist/web. */
export const pageConfig: UserConfig = {
  root: `${root}web`,
  // Paths relative to the page, so that it can be served from any folder.
  base: "./",
  build: { outDir: `${root}dist/web`, emptyOutDir: true, target: "es2023" },
  worker: { format: "es" },
  server: { fs: { allow: [root] } },
};

export default defineConfig({ ...pageConfig, plugins: [guestFiles()] });
