// What test/browser/guest.test.ts runs in a page: a guest in a worker, whose disk is kept in IndexedDB.
import { IndexedDbFiles } from "../../emulator/storage/block/indexeddb";
import { isZero } from "../../emulator/storage/zeros";
import type { BrowserMessage, HypertabStart } from "../bench/emulators/browser-worker";

const PIECE = 64 << 10;

/** Boots a guest; what it writes to its console goes to `report`, and then why the machine ended. */
function boot(start: HypertabStart, report: (console: string, ended: string | undefined) => void): void {
  const worker = new Worker("/worker.js", { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<BrowserMessage>) => report(data.console, data.ended);
  worker.onerror = (event) => report("", event.message);
  worker.postMessage(start);
}

/** A character for each byte; the decoder for "latin1" is one for windows-1252, which is not the same. */
function binaryString(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** A disk's file as it is: its size, and in base64 the pieces that are not all zeros. */
async function exportDisk(name: string): Promise<{ size: number; pieces: [offset: number, content: string][] }> {
  const store = await new IndexedDbFiles().open(name, { readOnly: true });
  const pieces: [number, string][] = [];
  for (let at = 0; at < store.size; at += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, store.size - at));
    await store.read(at, piece);
    if (!isZero(piece)) pieces.push([at, btoa(binaryString(piece))]);
  }
  await store.close();
  return { size: store.size, pieces };
}

const api = { boot, exportDisk };
export type GuestPage = typeof api;
Object.assign(globalThis, { guestPage: api });
