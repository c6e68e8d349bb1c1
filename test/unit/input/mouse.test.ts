import { describe, expect, it } from "vitest";
import { SyntheticMouse } from "../../../emulator/devices/mouse/mouse";
import { bytesOf, FakeDriver } from "./fake-input-guest";

/** Pipe header, message header, and the message: version 2.0. */
const PROTOCOL_REQUEST = bytesOf(1, 12, 0, 4, 0x20000);
const ACK = new Uint8Array([...bytesOf(1, 9, 3, 1), 0]);

/** Pads with zeros to a multiple of 8, as the ring does. */
function padded(hex: string): string {
  return hex.padEnd(Math.ceil(hex.length / 16) * 16, "0");
}

const ACCEPTED = padded("010000000d000000" + "0100000005000000" + "0000020001");
/** As Hyper-V's own mouse describes itself: attributes, HID descriptor, report descriptor. */
const DEVICE_INFO = padded(
  "0100000074000000" +
    "020000006c000000" +
    "20000000" +
    "5e0421060100" +
    "00".repeat(22) +
    "092101010001224300" +
    "05010902a1010901a1000509190129051500250195057501810295017503810105010930093115" +
    "0026ff7f751095028102050109381601802" +
    "6ff7f751095018106c0c0",
);

function report(buttons: number, x: number, y: number, wheel: number): string {
  const body = Buffer.alloc(7);
  body.writeUInt8(buttons, 0);
  body.writeUInt16LE(x, 1);
  body.writeUInt16LE(y, 3);
  body.writeInt16LE(wheel, 5);
  return padded("010000000f000000" + "0400000007000000" + body.toString("hex"));
}

function active(): { mouse: SyntheticMouse; driver: FakeDriver } {
  const mouse = new SyntheticMouse();
  const driver = new FakeDriver(mouse);
  driver.send(PROTOCOL_REQUEST);
  driver.receive();
  driver.send(ACK);
  expect(mouse.active).toBe(true);
  return { mouse, driver };
}

describe("the synthetic mouse", () => {
  it("is offered as a message pipe, describes itself, and is listened to after the acknowledgement", () => {
    const mouse = new SyntheticMouse();
    const driver = new FakeDriver(mouse);
    expect(driver.offered).toEqual({ interfaceId: "9eb6a8cf4a5bc04cb98b8ba1a1f3f95a", flags: 0x11, pipeMode: 4 });
    driver.send(PROTOCOL_REQUEST);
    expect(driver.receive()).toEqual([ACCEPTED, DEVICE_INFO]);
    mouse.report({ x: 0.5, y: 0.5, buttons: 0, wheel: 0 });
    expect(driver.receive()).toEqual([]);
    driver.send(ACK);
    mouse.report({ x: 0.5, y: 1, buttons: 0, wheel: 0 });
    expect(driver.receive()).toEqual([report(0, 16384, 32767, 0)]);
  });

  it("refuses another version, and agrees on the right one later", () => {
    const mouse = new SyntheticMouse();
    const driver = new FakeDriver(mouse);
    driver.send(bytesOf(1, 12, 0, 4, 0x10000));
    expect(driver.receive()).toEqual([padded("010000000d000000" + "0100000005000000" + "0000010000")]);
    driver.send(PROTOCOL_REQUEST);
    expect(driver.receive()).toHaveLength(2);
  });

  it("reports positions, five buttons, and the wheel as HID counts it", () => {
    const { mouse, driver } = active();
    mouse.report({ x: 0, y: 0, buttons: 0x1f, wheel: 0 });
    mouse.report({ x: 1, y: 0.25, buttons: 0, wheel: 3 });
    mouse.report({ x: 1, y: 0.25, buttons: 0, wheel: -1e9 });
    expect(driver.receive()).toEqual([
      report(0x1f, 0, 0, 0),
      report(0, 32767, 8192, -3),
      report(0, 32767, 8192, 32767),
    ]);
  });

  it("keeps the last position and buttons, and the wheel's way, for a driver that does not read", () => {
    const { mouse, driver } = active();
    for (let i = 0; i < 3000; i++) mouse.report({ x: 0.1, y: 0.1, buttons: i & 1, wheel: 0 });
    for (let i = 0; i <= 1000; i++) mouse.report({ x: i / 1000, y: 0, buttons: 0, wheel: 1 });
    const received: string[] = [];
    for (let turn = 0; turn < 100; turn++) {
      received.push(...driver.receive());
      driver.machine.advance(1_000_000);
    }
    expect(received.length).toBeLessThan(2000);
    expect(received.at(-1)).toBe(report(0, 32767, 0, -1001));
  });

  const header = (pipeType: number, size: number, type: number) => bytesOf(pipeType, size, type, 4, 0x20000);
  it.each([
    ["nothing", new Uint8Array(0), "mouse message of 0 bytes in a packet of 0"],
    ["half a header", bytesOf(1, 12), "mouse message of 0 bytes in a packet of 8"],
    ["a size that is too large", header(1, 17, 0), "mouse message of 17 bytes in a packet of 24"],
    ["a size of 4 GiB", header(1, 0xffffffff, 0), "mouse message of 4294967295 bytes in a packet of 24"],
    ["a size without a header", header(1, 7, 0), "mouse message of 7 bytes in a packet of 24"],
    ["a request without a version", header(1, 11, 0), "mouse message of type 0 with 3 bytes"],
    ["another pipe packet", header(2, 12, 0), "pipe packet of type 2"],
    ["an unknown message", header(1, 12, 5), "mouse message of type 5 with 4 bytes"],
    ["an acknowledgement twice", ACK, "acknowledges device information that it was not sent"],
  ])("ends the channel of a driver that sends %s", (_, payload, reason) => {
    const { mouse, driver } = active();
    driver.send(payload);
    expect(mouse.active).toBe(false);
    expect(driver.machine.log).toEqual([`vmbus: Mouse: channel 1 ended: ${reason}`]);
    mouse.report({ x: 0.5, y: 0.5, buttons: 1, wheel: 0 });
    expect(driver.receive()).toEqual([]);
  });

  it("forgets everything when the channel is closed", () => {
    const { mouse, driver } = active();
    for (let i = 0; i < 5000; i++) mouse.report({ x: 0, y: 0, buttons: i & 1, wheel: 0 });
    driver.close();
    expect(mouse.active).toBe(false);
  });
});
