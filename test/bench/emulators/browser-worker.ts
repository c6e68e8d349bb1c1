// Ours in a worker of the benchmark's page.
import { Machine } from "../../../emulator/machine";
import type { DriveAttachment } from "../../../emulator/machine-types";
import { IndexedDbFiles } from "../../../emulator/storage/block/indexeddb";
import { createVhdx } from "../../../emulator/storage/vhdx/create";
import { openVhdx } from "../../../emulator/storage/vhdx/open";
import { describeStop } from "../../../emulator/stop-reason";

/** URLs of the core and of the guest's files. */
export interface HypertabStart {
  readonly core: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly memoryMiB: number;
  /** A disk in IndexedDB, at the SCSI controller; it is made if there is none of that name. */
  readonly disk?: { readonly name: string; readonly size: number };
}

/** What the worker says: text from the guest's console, or why the machine ended. */
export interface BrowserMessage {
  readonly console: string;
  readonly ended?: string;
}

const send = (message: BrowserMessage): void => postMessage(message);

async function read(address: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await fetch(address)).arrayBuffer());
}

async function openDisk({ name, size }: NonNullable<HypertabStart["disk"]>): Promise<DriveAttachment> {
  const files = new IndexedDbFiles();
  if (!(await files.list()).some((stored) => stored.name === name)) {
    const store = await files.create(name);
    await createVhdx(store, { size, type: "dynamic" });
    await store.close();
  }
  const image = await openVhdx(await files.open(name));
  return { location: { controller: "scsi", lun: 0 }, kind: "disk", image };
}

async function start({ core, kernel, initrd, commandLine, memoryMiB, disk }: HypertabStart): Promise<void> {
  const drives = disk === undefined ? [] : [await openDisk(disk)];
  const machine = await Machine.create({
    core: await WebAssembly.compile(await read(core)),
    boot: { kernel: await read(kernel), initrd: await read(initrd), commandLine },
    memoryMiB,
    time: "real",
    drives,
  });
  // Nobody looks at it here; the command line does the same.
  machine.screen.watched = false;
  const decoder = new TextDecoder("latin1");
  machine.on("serial", (bytes) => send({ console: decoder.decode(bytes) }));
  machine.start();
  const reason = await machine.stopped;
  for (const { image } of drives) await image?.close();
  send({ console: "", ended: describeStop(reason) });
}

addEventListener("message", ({ data }: MessageEvent<HypertabStart>) => {
  start(data).catch((error: unknown) => send({ console: "", ended: String(error) }));
});
