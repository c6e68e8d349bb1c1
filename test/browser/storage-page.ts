// What test/browser/storage.test.ts runs in a page: disks kept in IndexedDB.
import { StorageBusyError } from "../../emulator/storage/block/block-store";
import { IndexedDbFiles } from "../../emulator/storage/block/indexeddb";
import { checkVhdx } from "../../emulator/storage/vhdx/check";
import { createVhdx } from "../../emulator/storage/vhdx/create";
import { openVhdx } from "../../emulator/storage/vhdx/open";

const MIB = 1 << 20;
const SECTORS_PER_RECORD = 8;

/** 4 KiB that say which record they are. */
function record(number: number): Uint8Array {
  return new Uint8Array(new Uint32Array(1024).fill(number).buffer);
}

/** Records do not lie in order: each touches another block. */
function place(number: number, size: number): number {
  const records = size / 512 / SECTORS_PER_RECORD;
  return ((number * 7919) % records) * SECTORS_PER_RECORD;
}

async function create(name: string, mib: number, chunkSize?: number): Promise<void> {
  const store = await new IndexedDbFiles().create(name, chunkSize);
  await createVhdx(store, { size: mib * MIB, type: "dynamic" });
  await store.close();
}

/** Writes records from `first` on without end, and reports each that is durable. */
async function writeRecords(name: string, first: number, report: (number: number) => void): Promise<void> {
  const disk = await openVhdx(await new IndexedDbFiles().open(name));
  for (let number = first; ; number++) {
    await disk.write(place(number, disk.size), record(number));
    await disk.flush();
    report(number);
  }
}

/** Writes so many records from `first` on, each durable, and leaves the disk open. */
async function writeSome(name: string, first: number, count: number): Promise<void> {
  const disk = await openVhdx(await new IndexedDbFiles().open(name));
  for (let number = first; number < first + count; number++) {
    await disk.write(place(number, disk.size), record(number));
    await disk.flush();
  }
}

/** The records up to `last` that are not there, and what a check of the file finds. */
async function verifyRecords(name: string, last: number): Promise<{ missing: number[]; errors: readonly string[] }> {
  const store = await new IndexedDbFiles().open(name);
  const { errors } = await checkVhdx(store);
  const disk = await openVhdx(store);
  const missing: number[] = [];
  for (let number = 1; number <= last; number++) {
    const bytes = new Uint8Array(4096);
    await disk.read(place(number, disk.size), bytes);
    if (new Uint32Array(bytes.buffer).some((word) => word !== number)) missing.push(number);
  }
  await disk.close();
  return { missing, errors };
}

/** Opens a disk and keeps it; says how that went. */
async function hold(name: string): Promise<string> {
  try {
    await new IndexedDbFiles().open(name);
    return "open";
  } catch (error) {
    return error instanceof StorageBusyError ? `busy: ${error.message}` : `failed: ${String(error)}`;
  }
}

/** MiB/s and requests/s of a store with chunks of this size. */
async function measure(chunkSize: number, mib: number): Promise<Record<string, number>> {
  const files = new IndexedDbFiles("measure", { capacity: 16 * MIB });
  const name = `chunks of ${chunkSize}`;
  const store = await files.create(name, chunkSize);
  await store.resize(mib * MIB);
  const data = crypto.getRandomValues(new Uint8Array(65536));
  const timed = async (act: () => Promise<void>): Promise<number> => {
    const begin = performance.now();
    await act();
    return (performance.now() - begin) / 1000;
  };
  const write = await timed(async () => {
    for (let at = 0; at < mib * MIB; at += data.length) {
      await store.write(at, data);
      if (at % (4 * MIB) === 0) await store.commit();
    }
    await store.commit();
  });
  await store.close();
  const reopened = await files.open(name);
  const buffer = new Uint8Array(131072);
  const read = await timed(async () => {
    for (let at = 0; at < mib * MIB; at += buffer.length) await reopened.read(at, buffer);
  });
  const small = new Uint8Array(4096);
  const scattered = await timed(async () => {
    for (let count = 0; count < 400; count++)
      await reopened.read((((count * 7919) % (mib * 256)) * 4096) % (mib * MIB), small);
  });
  const flushes = await timed(async () => {
    for (let count = 0; count < 60; count++) {
      await reopened.write(((count * 104729) % (mib * 256)) * 4096, small);
      await reopened.commit();
    }
  });
  await reopened.close();
  await files.remove(name);
  return { write: mib / write, read: mib / read, scatteredReads: 400 / scattered, flushes: 60 / flushes };
}

const api = { create, writeRecords, writeSome, verifyRecords, hold, measure, list: () => new IndexedDbFiles().list() };
export type StoragePage = typeof api;
Object.assign(globalThis, { storagePage: api });
