import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeyboardLeds } from "../../emulator/input/machine-input";
import { BootedGuest, COMPLAINTS } from "./booted-guest";
import { enterpriseLinux6 } from "./guest-names";

/** Every character of a US keyboard. */
const TEXT = [
  "the quick brown fox jumps over the lazy dog",
  "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG",
  "0123456789 `-=[]\\;',./ ~!@#$%^&*()_+{}|:\"<>?",
];

/** Keys that make no character of the text: KeyboardEvent.code and Linux's KEY_* (input-event-codes.h). */
const OTHER_KEYS: readonly (readonly [string, number])[] = [
  ...["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10"].map((key, at) => [key, 59 + at] as const),
  ...([
    ["F11", 87],
    ["F12", 88],
    ["Escape", 1],
    ["Backspace", 14],
    ["Tab", 15],
    ["Enter", 28],
  ] as const),
  ...([
    ["ControlLeft", 29],
    ["ShiftLeft", 42],
    ["ShiftRight", 54],
    ["AltLeft", 56],
    ["ControlRight", 97],
  ] as const),
  ...([
    ["AltRight", 100],
    ["MetaLeft", 125],
    ["MetaRight", 126],
    ["ContextMenu", 127],
  ] as const),
  ...([
    ["PrintScreen", 99],
    ["Pause", 119],
    ["IntlBackslash", 86],
  ] as const),
  ...([
    ["Home", 102],
    ["ArrowUp", 103],
    ["PageUp", 104],
    ["ArrowLeft", 105],
    ["ArrowRight", 106],
  ] as const),
  ...([
    ["End", 107],
    ["ArrowDown", 108],
    ["PageDown", 109],
    ["Insert", 110],
    ["Delete", 111],
  ] as const),
  ...([
    ["Numpad7", 71],
    ["Numpad8", 72],
    ["Numpad9", 73],
    ["NumpadSubtract", 74],
    ["Numpad4", 75],
  ] as const),
  ...([
    ["Numpad5", 76],
    ["Numpad6", 77],
    ["NumpadAdd", 78],
    ["Numpad1", 79],
    ["Numpad2", 80],
  ] as const),
  ...([
    ["Numpad3", 81],
    ["Numpad0", 82],
    ["NumpadDecimal", 83],
    ["NumpadMultiply", 55],
  ] as const),
  ...([
    ["NumpadEnter", 96],
    ["NumpadDivide", 98],
  ] as const),
];

const KEYBOARD_EVENTS = "/sys/bus/vmbus/devices/*/serio*/input/input*/event*";
const EV_KEY = 1;
const EV_REL = 2;
const EV_ABS = 3;

/** An input_event without its time: type, code, value. */
type Event = readonly [number, number, number];

/** What a guest's evdev tells: recorded from `start` to `stop`. */
class Recorder {
  private constructor(private readonly guest: BootedGuest) {}

  static async start(guest: BootedGuest, node: string): Promise<Recorder> {
    expect(node).toMatch(/^event\d+$/);
    // Open before the next command runs, so that no event is missed.
    await guest.shell(`exec 4</dev/input/${node}; cat <&4 >/tmp/events & echo $! >/tmp/recorder; exec 4<&-`);
    return new Recorder(guest);
  }

  /** Waits for so many events of a type, ends the recording, and gives all key, relative and absolute events. */
  async stop(type: number, count: number): Promise<Event[]> {
    const of = (some: string): string => `hexdump -v -e '24/1 "%02x" "\\n"' /tmp/events | grep -E '^.{32}0${some}00'`;
    const enough = `[ "$(${of(String(type))} | wc -l)" -ge ${count} ]`;
    await this.guest.shell(`for try in 1 2 3 4 5 6 7 8 9 10; do ${enough} && break; sleep 1; done`);
    const lines = await this.guest.lines(`kill $(cat /tmp/recorder); ${of("[123]")}`);
    return lines.flatMap((line) => {
      if (!/^[0-9a-f]{48}$/.test(line)) return [];
      const bytes = Buffer.from(line, "hex");
      return [[bytes.readUInt16LE(16), bytes.readUInt16LE(18), bytes.readInt32LE(20)] as const];
    });
  }
}

async function eventNode(guest: BootedGuest, name: string): Promise<string> {
  const handlers = await guest.shell(`grep -A 5 '${name}' /proc/bus/input/devices | grep Handlers=`);
  return /event\d+/.exec(handlers)?.[0] ?? "none";
}

/** Types lines at the first virtual console. @returns what a program there reads */
async function typeAtConsole(guest: BootedGuest, lines: readonly string[]): Promise<string[]> {
  await guest.shell("exec 3<>/dev/tty1");
  const text = lines.map((line) => `${line}\n`).join("");
  expect(guest.machine.input.type(text)).toBe(text.length);
  const read = await guest.lines(`head -n ${lines.length} <&3`);
  await guest.shell("exec 3<&-");
  return read;
}

function nextLeds(guest: BootedGuest): Promise<KeyboardLeds> {
  return new Promise((resolve) => {
    const off = guest.machine.on("keyboardLeds", (leds) => {
      off();
      resolve(leds);
    });
  });
}

async function pressCapsLock(guest: BootedGuest): Promise<KeyboardLeds> {
  const leds = nextLeds(guest);
  guest.machine.input.key("CapsLock", true);
  guest.machine.input.key("CapsLock", false);
  return leds;
}

const el6 = await enterpriseLinux6();

describe.each([...(el6 === undefined ? [] : [el6]), "debian"])("keyboard and mouse of %s", (name) => {
  let guest: BootedGuest;
  beforeAll(async () => {
    guest = await BootedGuest.boot(name, { time: "virtual" });
    await guest.ready();
    // The kernel's messages would go between the lines.
    await guest.shell("dmesg -n 1");
  });
  afterAll(() => guest.turnOff());

  it("are found by its drivers", async () => {
    expect(guest.console).toMatch(/module hyperv[-_]keyboard loaded/);
    expect(guest.console).toMatch(/module hid[-_]hyperv loaded/);
    const { channels } = guest.machine.status();
    const states = Object.fromEntries(channels.map((channel) => [channel.name, channel.state]));
    expect(states).toMatchObject({ Keyboard: "open", Mouse: "open" });
    expect(guest.machine.input.pointing).toBe("absolute");
  });

  it("type text at the virtual console", async () => {
    expect(await typeAtConsole(guest, TEXT)).toEqual(TEXT);
  });

  it("light Caps Lock's lamp, which typed text allows for", async () => {
    expect(await pressCapsLock(guest)).toEqual({ capsLock: true, numLock: expect.any(Boolean), scrollLock: false });
    expect(await typeAtConsole(guest, ["Still The Same: 1!"])).toEqual(["Still The Same: 1!"]);
    expect((await pressCapsLock(guest)).capsLock).toBe(false);
  });

  it("bring the pointer to the positions that were sent, with five buttons and a wheel", async () => {
    const recorder = await Recorder.start(guest, await eventNode(guest, "Vmbus HID"));
    const { input } = guest.machine;
    input.moveTo(0.25, 0.5);
    input.moveTo(1, 1);
    for (const button of [1, 2, 4, 8, 16]) {
      input.buttons(button);
      input.buttons(0);
    }
    input.wheel(2);
    input.wheel(-1);
    input.moveTo(0, 0.75);
    const events = await recorder.stop(EV_ABS, 6);
    // Linux 5.0 and later tell the wheel's way in fine steps too (REL_WHEEL_HI_RES).
    expect(events.filter(([type, code]) => type !== EV_REL || code !== 11)).toEqual([
      [EV_ABS, 0, 8192],
      [EV_ABS, 1, 16384],
      [EV_ABS, 0, 32767],
      [EV_ABS, 1, 32767],
      ...[0x110, 0x111, 0x112, 0x113, 0x114].flatMap((button) => [1, 0].map((value) => [EV_KEY, button, value])),
      [EV_REL, 8, -2],
      [EV_REL, 8, 1],
      [EV_ABS, 0, 0],
      [EV_ABS, 1, 24575],
    ]);
  });

  // Last: what these keys make is left at the console.
  it("send every other key of a 105-key board, down and up", async () => {
    const node = (await guest.shell(`ls -d ${KEYBOARD_EVENTS} | cat`)).trim().split("/").pop() ?? "";
    const recorder = await Recorder.start(guest, node);
    for (const [key] of OTHER_KEYS) {
      expect(guest.machine.input.key(key, true)).toBe(true);
      expect(guest.machine.input.key(key, false)).toBe(true);
      // evdev keeps 64 events for a reader, and a key makes six.
      await new Promise<void>((resolve) => guest.machine.after(0.01, resolve));
    }
    const events = await recorder.stop(EV_KEY, 2 * OTHER_KEYS.length);
    expect(events).toEqual(OTHER_KEYS.flatMap(([, code]) => [1, 0].map((value) => [EV_KEY, code, value])));
  });

  it("leave nothing to complain about", async () => {
    expect((await guest.lines("dmesg")).filter((line) => COMPLAINTS.test(line))).toEqual([]);
    expect(guest.log.filter((line) => line.includes("ended"))).toEqual([]);
  });
});

describe.skipIf(el6 === undefined)("PS/2 keyboard and mouse of Enterprise Linux 6 without Hyper-V's drivers", () => {
  let guest: BootedGuest;
  beforeAll(async () => {
    guest = await BootedGuest.boot(el6 as string, { time: "virtual", append: "hv.nomodules" });
    await guest.ready();
    // The kernel's messages would go between the lines.
    await guest.shell("dmesg -n 1");
  });
  afterAll(() => guest.turnOff());

  it("type text at the virtual console, and light Caps Lock's lamp", async () => {
    expect(guest.machine.input.pointing).toBe("relative");
    expect(await typeAtConsole(guest, TEXT)).toEqual(TEXT);
    expect((await pressCapsLock(guest)).capsLock).toBe(true);
    expect((await pressCapsLock(guest)).capsLock).toBe(false);
  });

  it("move the pointer by as much as was sent, with three buttons and a wheel", async () => {
    const recorder = await Recorder.start(
      guest,
      await eventNode(guest, "PS/2 Generic Wheel Mouse\\|PS/2 Generic.*Mouse"),
    );
    const { input } = guest.machine;
    // A screen of 1024 by 768 as long as no video device tells of another.
    input.moveBy(5, -3);
    input.moveTo(0.5, 0.5);
    input.moveTo(0.75, 0.25);
    input.buttons(5);
    input.buttons(0);
    input.wheel(-1);
    const events = await recorder.stop(EV_REL, 5);
    const sum = (code: number): number =>
      events.reduce((total, [type, each, value]) => (type === EV_REL && each === code ? total + value : total), 0);
    expect([sum(0), sum(1), sum(8)]).toEqual([5 + 256, -3 - 192, 1]);
    expect(events.filter(([type]) => type === EV_KEY)).toEqual([
      [EV_KEY, 0x110, 1],
      [EV_KEY, 0x112, 1],
      [EV_KEY, 0x110, 0],
      [EV_KEY, 0x112, 0],
    ]);
  });
});
