// Ours in a worker of the benchmark's page.
import { Machine } from "../../../emulator/machine";
import { describeStop } from "../../../emulator/stop-reason";

/** URLs of the core and of the guest's files. */
export interface HypertabStart {
  readonly core: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly memoryMiB: number;
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

async function start({ core, kernel, initrd, commandLine, memoryMiB }: HypertabStart): Promise<void> {
  const machine = await Machine.create({
    core: await WebAssembly.compile(await read(core)),
    boot: { kernel: await read(kernel), initrd: await read(initrd), commandLine },
    memoryMiB,
    time: "real",
  });
  const decoder = new TextDecoder("latin1");
  machine.on("serial", (bytes) => send({ console: decoder.decode(bytes) }));
  machine.start();
  send({ console: "", ended: describeStop(await machine.stopped) });
}

addEventListener("message", ({ data }: MessageEvent<HypertabStart>) => {
  start(data).catch((error: unknown) => send({ console: "", ended: String(error) }));
});
