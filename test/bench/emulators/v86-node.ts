// A program of its own (dist/bench-v86.mjs): boots a guest in v86; its serial console is stdout. The only argument is
// a V86Start as JSON.
import { readFile } from "node:fs/promises";
import { startV86, type V86Start } from "./v86-start";

async function read(path: string): Promise<ArrayBuffer> {
  return new Uint8Array(await readFile(path)).buffer;
}

// Bytes gather until the event loop turns: a write for each would cost more than the guest's own work on it.
let gathered: number[] = [];

function onSerial(byte: number): void {
  if (gathered.length === 0) setImmediate(flush);
  gathered.push(byte);
}

function flush(): void {
  process.stdout.write(Uint8Array.from(gathered));
  gathered = [];
}

await startV86(JSON.parse(process.argv[2] ?? "") as V86Start, read, onSerial);
