import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

const PAGE = '<!doctype html><title>Benchmark</title><script type="module" src="/page.mjs"></script>';

export interface BrowserServer {
  /** Without a slash at the end. */
  readonly address: string;
  close(): void;
}

/** Serves an empty page with the benchmark's script, and `files`: paths on disk by path of the URL; on loopback only. */
export function serve(files: Readonly<Record<string, string>>): Promise<BrowserServer> {
  const server = createServer(({ url = "/" }, response) => {
    const file = Object.hasOwn(files, url) ? files[url] : undefined;
    if (url === "/") response.setHeader("content-type", TYPES[".html"]!).end(PAGE);
    else if (file === undefined) response.writeHead(404).end();
    else {
      response.setHeader("content-type", TYPES[extname(url)] ?? "application/octet-stream");
      createReadStream(file)
        .on("error", () => response.destroy())
        .pipe(response);
    }
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        address: `http://127.0.0.1:${port}`,
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}
