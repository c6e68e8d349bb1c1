// What test/bench/indexeddb-chunks.ts runs in Chromium: one file in IndexedDB, written and read through our own store.
import type { BlockStore } from "../../emulator/storage/block/block-store";
import { IndexedDbFiles } from "../../emulator/storage/block/indexeddb";

/** A step of the measurement, in the order in which they run. */
export const STEPS = ["write", "read", "scattered", "flush"] as const;
export type Step = (typeof STEPS)[number];

export interface ChunkTrial {
  /** Bytes. */
  readonly chunkSize: number;
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes that the store's cache may hold, less than the file has: what is read is not there. */
  readonly cache: number;
  readonly scatteredReads: number;
  readonly flushes: number;
}

/** What guests' drivers ask for at once. */
const TRANSFER = 128 << 10;
const PAGE = 4096;

let store: BlockStore | undefined;

function filesOf({ cache }: ChunkTrial): IndexedDbFiles {
  return new IndexedDbFiles("chunk-trials", { capacity: cache });
}

/** Places all over the file, the same in each run. */
function place(count: number, size: number): number {
  return ((count * 104729) % (size / PAGE)) * PAGE;
}

const actions: Record<Step, (trial: ChunkTrial) => Promise<void>> = {
  async write(trial) {
    store = await filesOf(trial).create("trial", trial.chunkSize);
    await store.resize(trial.size);
    // Noise, as the browser compresses what it keeps; the next piece is another part of it.
    const noise = new Uint8Array(2 * TRANSFER);
    for (let at = 0; at < noise.length; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536));
    for (let at = 0; at < trial.size; at += TRANSFER) {
      const from = (at / TRANSFER) % TRANSFER;
      await store.write(at, noise.subarray(from, from + TRANSFER));
    }
    await store.commit();
    await store.close();
    store = await filesOf(trial).open("trial");
  },
  async read({ size }) {
    const target = new Uint8Array(TRANSFER);
    for (let at = 0; at < size; at += TRANSFER) await store!.read(at, target);
  },
  async scattered({ size, scatteredReads }) {
    const target = new Uint8Array(PAGE);
    for (let count = 0; count < scatteredReads; count++) await store!.read(place(count, size), target);
  },
  async flush({ size, flushes }) {
    const source = crypto.getRandomValues(new Uint8Array(PAGE));
    for (let count = 0; count < flushes; count++) {
      await store!.write(place(count, size), source);
      await store!.commit();
    }
  },
};

/** Runs a step. @returns seconds by the page's clock */
async function run(step: Step, trial: ChunkTrial): Promise<number> {
  const begin = performance.now();
  await actions[step](trial);
  return (performance.now() - begin) / 1000;
}

async function end(trial: ChunkTrial): Promise<void> {
  await store?.close();
  await filesOf(trial).remove("trial");
}

const api = { run, end };
export type ChunkTrials = typeof api;
Object.assign(globalThis, { chunkTrials: api });
