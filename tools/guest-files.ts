import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { getGuest, listGuests, type Guest } from "../images/catalog";

type Next = () => void;

/**
 * Serves guests to the page:
 * /guests/index.json         the guests that are known, the one to offer first at the beginning;
 * /guests/NAME/guest.json    gets or builds the guest, and describes it;
 * /guests/NAME/kernel and /guests/NAME/initrd    its files.
 */
export function guestFiles(options: { first?: string; report?: (line: string) => void } = {}): Plugin {
  const report = options.report ?? ((line) => void process.stderr.write(`${line}\n`));
  const wanted = new Map<string, Promise<Guest>>();

  /** Gets a guest once, however many requests ask for it; a failure is forgotten, so that the next one tries again. */
  function get(name: string): Promise<Guest> {
    const known = wanted.get(name);
    if (known) return known;
    const guest = getGuest(name, { progress: report });
    wanted.set(name, guest);
    guest.catch(() => wanted.delete(name));
    return guest;
  }

  async function answer(name: string, file: string, response: ServerResponse): Promise<void> {
    const guest = await get(name);
    if (file === "guest.json") {
      sendJson(response, 200, { name, commandLine: guest.commandLine });
      return;
    }
    response.setHeader("Content-Type", "application/octet-stream");
    const stream = createReadStream(file === "kernel" ? guest.kernel : guest.initrd);
    stream.on("error", (error) => response.destroy(error)).pipe(response);
  }

  function serve(request: IncomingMessage, response: ServerResponse, next: Next): void {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path === "/guests/index.json") {
      const guests = listGuests().map(({ name, description }) => ({ name, description }));
      sendJson(response, 200, {
        guests: guests.sort((a, b) => Number(b.name === options.first) - Number(a.name === options.first)),
      });
      return;
    }
    const match = /^\/guests\/([a-z0-9-]+)\/(guest\.json|kernel|initrd)$/.exec(path);
    if (!match) {
      next();
      return;
    }
    answer(match[1] as string, match[2] as string, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      report(`${match[1]}: ${message}`);
      sendJson(response, 502, { error: message });
    });
  }

  return {
    name: "hypertab-guests",
    configureServer: (server) => void server.middlewares.use(serve),
    configurePreviewServer: (server) => void server.middlewares.use(serve),
  };
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.setHeader("Cache-Control", "no-store");
  response.end(JSON.stringify(value));
}
