import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { getGuest, guestOptions, listGuests, type Guest, type GuestListing } from "../images/catalog";

type Next = () => void;

/**
 * Serves guests to the page:
 * /guests/index.json         the guests that are known, the one to offer first at the beginning;
 * /guests/NAME/guest.json    gets or builds the guest, and describes it;
 * /guests/NAME/kernel and /guests/NAME/initrd    its files.
 */
export function guestFiles(options: { first?: string; report?: (line: string) => void } = {}): Plugin {
  const report = options.report ?? ((line) => void process.stderr.write(`${line}\n`));
  const fromHere = guestOptions(process.env, { log: report });
  const wanted = new Map<string, Promise<Guest>>();

  /** Gets a guest once, however many requests ask for it; a failure is forgotten, so that the next one tries again. */
  function get(name: string): Promise<Guest> {
    const known = wanted.get(name);
    if (known) return known;
    const guest = getGuest(name, fromHere);
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

  /** What is here comes before what must be fetched. */
  async function list(response: ServerResponse): Promise<void> {
    const rank = (guest: GuestListing): number => (guest.name === options.first ? 0 : guest.available ? 1 : 2);
    const guests = (await listGuests(fromHere)).sort((a, b) => rank(a) - rank(b));
    sendJson(response, 200, {
      guests: guests.map(({ name, description, available }) => ({ name, description, available })),
    });
  }

  function serve(request: IncomingMessage, response: ServerResponse, next: Next): void {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const fail = (error: unknown): void => {
      const message = error instanceof Error ? error.message : String(error);
      report(`${path}: ${message}`);
      sendJson(response, 502, { error: message });
    };
    if (path === "/guests/index.json") {
      list(response).catch(fail);
      return;
    }
    const match = /^\/guests\/([a-z0-9-]+)\/(guest\.json|kernel|initrd)$/.exec(path);
    if (!match) {
      next();
      return;
    }
    answer(match[1] as string, match[2] as string, response).catch(fail);
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
