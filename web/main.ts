import { describeStop } from "../emulator/stop-reason";
import { DiskPanel } from "./disks/panel";
import { sentence } from "./disks/texts";
import { element } from "./dom";
import { addressOf, loadGuestList } from "./guest-list";
import { MachineClient } from "./machine-client";
import type { WorkerMessage } from "./protocol";
import { SerialTerminal } from "./serial-terminal";
import { StatisticsPanel } from "./statistics-panel";
import { StatusLine } from "./status-line";

/** What the page shows of a machine: none yet, one being made, or a machine's own states. */
type PageState = "off" | "loading" | "running" | "paused" | "stopped";

const controls = element("controls", HTMLFormElement);
const guest = element("guest", HTMLSelectElement);
const memory = element("memory", HTMLInputElement);
const append = element("append", HTMLInputElement);
const message = element("message", HTMLElement);
const buttons = {
  start: element("start", HTMLButtonElement),
  pause: element("pause", HTMLButtonElement),
  reset: element("reset", HTMLButtonElement),
  shutDown: element("shut-down", HTMLButtonElement),
  turnOff: element("turn-off", HTMLButtonElement),
};
const statusLine = new StatusLine(element("status", HTMLElement), element("channels", HTMLElement));
const statistics = new StatisticsPanel(element("statistics", HTMLDetailsElement));
const disks = new DiskPanel();
const terminal = new SerialTerminal(element("console", HTMLElement), {
  input: (data) => machine?.input(data),
  leave: () => (buttons.pause.disabled ? buttons.start : buttons.pause).focus(),
});

let machine: MachineClient | undefined;
let state: PageState = "off";

function say(text: string, kind: "news" | "error" = "news"): void {
  message.textContent = text;
  message.dataset["kind"] = kind;
}

function setState(next: PageState): void {
  state = next;
  const on = state === "running" || state === "paused";
  const settable = state === "off" || state === "stopped";
  buttons.start.disabled = !settable || guest.options.length === 0;
  buttons.pause.disabled = !on;
  buttons.pause.textContent = state === "paused" ? "Resume" : "Pause";
  buttons.reset.disabled = !on;
  buttons.shutDown.disabled = state !== "running";
  buttons.turnOff.disabled = settable;
  guest.disabled = memory.disabled = append.disabled = !settable;
  statusLine.showState(state);
}

function start(): void {
  machine?.dispose();
  terminal.clear();
  statusLine.clear();
  statistics.show(undefined);
  setState("loading");
  say("Getting the guest");
  machine = new MachineClient(
    {
      guest: addressOf(guest.value),
      memoryMiB: memory.valueAsNumber,
      extraCommandLine: append.value.trim(),
      disc: disks.disc,
    },
    receive,
  );
  disks.setMachine(machine);
  terminal.focus();
}

/** Leaves the machine, whatever it does, and says why. */
function end(text: string, kind: "news" | "error"): void {
  machine?.dispose();
  machine = undefined;
  disks.setMachine(undefined);
  setState("stopped");
  say(text, kind);
}

function receive(news: WorkerMessage): void {
  switch (news.type) {
    case "progress":
      say(news.text);
      return;
    case "serial":
      terminal.write(news.data);
      return;
    case "state":
      // "stopped" comes again with its reason.
      if (news.state !== "running" && news.state !== "paused") return;
      setState(news.state);
      say(news.state === "running" ? `${guest.value} is running` : `${guest.value} is paused; press Resume to go on`);
      return;
    case "reset":
      say(`${guest.value} was reset and boots again`);
      return;
    case "channels":
      statusLine.showChannels(news.channels);
      return;
    case "status":
      statusLine.showStatus(news.status, news.instructionsPerSecond);
      statistics.show(news.statistics);
      return;
    case "drives":
      disks.showDrives(news.drives);
      return;
    case "drive-missing":
      disks.showMissing(news.name, news.message);
      return;
    case "drive-done":
    case "drive-progress":
      // The machine's client has its caller.
      return;
    case "log":
      say(`${news.source}: ${news.message}`);
      return;
    case "shut-down-refused":
      say(
        "The guest has not connected its shutdown component: type poweroff at its console, or press Turn off",
        "error",
      );
      return;
    case "stopped": {
      const good = news.reason.kind === "power-off" || news.reason.kind === "turned-off";
      end(`Stopped: ${describeStop(news.reason)}. Press Start to boot again.`, good ? "news" : "error");
      return;
    }
    case "error":
      end(`${sentence(news.message)} ${news.advice}`, "error");
      return;
  }
}

controls.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
buttons.pause.addEventListener("click", () => machine?.command(state === "paused" ? "resume" : "pause"));
buttons.reset.addEventListener("click", () => machine?.command("reset"));
buttons.shutDown.addEventListener("click", () => machine?.command("shut-down"));
buttons.turnOff.addEventListener("click", () => {
  // While it is being made there is no machine yet to obey.
  if (state === "loading") end("Cancelled. Press Start to boot.", "news");
  else machine?.command("turn-off");
});
const screenReader = element("screen-reader", HTMLInputElement);
screenReader.addEventListener("change", () => (terminal.screenReader = screenReader.checked));

async function offerGuests(): Promise<void> {
  const query = new URLSearchParams(location.search);
  try {
    const known = await loadGuestList();
    guest.replaceChildren(...known.map(({ name, description }) => new Option(`${name}: ${description}`, name)));
    const wanted = query.get("guest");
    if (wanted !== null && !known.some(({ name }) => name === wanted)) {
      setState("off");
      say(`There is no guest '${wanted}'. Pick one from the list, then press Start.`, "error");
      return;
    }
    if (wanted !== null) guest.value = wanted;
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}. Run npm start, then reload this page.`, "error");
    return;
  }
  setState("off");
  say("Pick a guest, then press Start");
  if (query.get("autostart") === "1") start();
}

void offerGuests();
