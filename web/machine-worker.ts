// A machine in a worker of its own: one worker makes one machine, and ends with it.
import coreUrl from "../build/core.wasm?url";
import { ConfigurationError, type BootSource } from "../emulator/machine-types";
import { Machine } from "../emulator/machine";
import { jobOf } from "./disks/job-in-worker";
import { MachineDrives } from "./disks/machine-drives";
import type { Command, CreateRequest, GuestDescription, PageMessage, WorkerMessage } from "./protocol";
import { FetchError, fetchBytes } from "./fetch-bytes";
import { SerialBatch } from "./serial-batch";

const STATUS_INTERVAL_MS = 500;

let machine: Machine | undefined;
/** What is being done with the drives, by the number of the page's message. */
const driveJobs = new Map<number, AbortController>();
const drives = new MachineDrives({
  changed: (status) => send({ type: "drives", drives: status }),
  missing: (name, message) => send({ type: "drive-missing", name, message }),
  failed: (message) => send({ type: "log", source: "storage", message }),
});

addEventListener("message", ({ data: message }: MessageEvent<PageMessage>) => {
  switch (message.type) {
    case "create":
      create(message).catch((error: unknown) => send(describeFailure(error)));
      return;
    case "command":
      if (machine) obey(machine, message.command);
      return;
    case "input":
      machine?.serialInput(message.data);
      return;
    case "drive": {
      const { id, command } = message;
      const controller = new AbortController();
      driveJobs.set(id, controller);
      const job = jobOf(controller.signal, (progress) => send({ type: "drive-progress", id, progress }));
      void drives
        .obey(command, job)
        .then(
          (file) => send({ type: "drive-done", id, error: undefined, file }),
          (error: unknown) => send({ type: "drive-done", id, error: textOf(error), file: undefined }),
        )
        .finally(() => driveJobs.delete(id));
      return;
    }
    case "cancel-drive":
      driveJobs.get(message.id)?.abort(new Error("cancelled"));
      return;
  }
});

function send(message: WorkerMessage, transfer: Transferable[] = []): void {
  postMessage(message, transfer);
}

async function create(request: CreateRequest): Promise<void> {
  const [core, boot] = await Promise.all([loadCore(), loadBootSource(request)]);
  send({ type: "progress", text: "Opening the disks" });
  const attachments = await drives.open(request.disc);
  send({ type: "progress", text: "Starting the machine" });
  machine = await Machine.create({ core, boot, memoryMiB: request.memoryMiB, time: "real", drives: attachments });
  // The page has no picture of the screen yet: the guest need not tell what it paints.
  machine.screen.watched = false;
  drives.connect(machine);
  connect(machine);
  await machine.start();
}

async function loadCore(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await fetchBytes(coreUrl, () => undefined));
}

async function loadBootSource({ guest, extraCommandLine }: CreateRequest): Promise<BootSource> {
  send({ type: "progress", text: "Getting the guest" });
  const progress = (what: string) => (percent: number) =>
    send({ type: "progress", text: `Loading the ${what}: ${percent} %` });
  const description = await fetchBytes(guest.description, () => undefined);
  const { commandLine } = JSON.parse(new TextDecoder().decode(description)) as GuestDescription;
  return {
    kernel: await fetchBytes(guest.kernel, progress("kernel")),
    initrd: await fetchBytes(guest.initrd, progress("initrd")),
    commandLine: [commandLine, extraCommandLine].filter(Boolean).join(" "),
  };
}

/** Sends on what the machine reports, until it stops. */
function connect(running: Machine): void {
  const serial = new SerialBatch((data) => send({ type: "serial", data }, [data.buffer]));
  running.on("serial", (bytes) => serial.add(bytes));
  running.on("state", (state) => send({ type: "state", state }));
  running.on("reset", () => send({ type: "reset" }));
  running.on("channels", (channels) => send({ type: "channels", channels }));
  running.on("log", ({ source, message }) => send({ type: "log", source, message }));

  let last = { at: performance.now(), instructions: 0 };
  const sendStatus = (): void => {
    const status = running.status();
    const now = { at: performance.now(), instructions: status.instructions };
    const elapsed = (now.at - last.at) / 1000;
    const instructionsPerSecond = elapsed > 0 ? (now.instructions - last.instructions) / elapsed : 0;
    last = now;
    send({ type: "status", status, statistics: running.statistics(), instructionsPerSecond });
  };
  const timer = setInterval(sendStatus, STATUS_INTERVAL_MS);
  void running.stopped.then(async (reason) => {
    clearInterval(timer);
    serial.flush();
    sendStatus();
    // The page ends this worker when it hears that the machine has stopped.
    await drives.close();
    send({ type: "stopped", reason });
  });
}

function obey(running: Machine, command: Command): void {
  switch (command) {
    case "pause":
      running.pause();
      return;
    case "resume":
      running.resume();
      return;
    case "reset":
      running.reset();
      return;
    case "shut-down":
      if (!running.shutdown()) send({ type: "shut-down-refused" });
      return;
    case "turn-off":
      running.turnOff();
      return;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeFailure(error: unknown): WorkerMessage {
  const message = textOf(error);
  const advice =
    error instanceof FetchError
      ? "Look at the server's console, then press Start again or pick another guest."
      : error instanceof ConfigurationError
        ? "Change the settings, then press Start."
        : error instanceof WebAssembly.CompileError
          ? "The emulator needs WebAssembly with SIMD: use a current browser."
          : "This is a defect of the emulator. Reload the page to start afresh.";
  return { type: "error", message, advice };
}
