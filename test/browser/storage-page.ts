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

const api = { create, writeRecords, writeSome, verifyRecords, hold, list: () => new IndexedDbFiles().list() };
export type StoragePage = typeof api;
Object.assign(globalThis, { storagePage: api });
