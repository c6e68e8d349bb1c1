import { beforeEach, describe, expect, it } from "vitest";
import { FakeDriver, pipe } from "./fake-driver";

const BAR = 0xf8000000;
const MIB = 1 << 20;

let driver: FakeDriver;
beforeEach(() => {
  driver = new FakeDriver();
});

const status = () => driver.machine.vmbus.channels()[0]!.state;
const types = () => driver.answers().map(({ type }) => type);

describe("the video protocol", () => {
  it.each([0, 2, 3, 4, 5])("takes version 3.%i", (minor) => {
    const [answer] = driver.negotiate(minor);
    expect(answer).toEqual({ type: 2, body: Uint8Array.of(3, 0, minor, 0, 2, 1) });
    expect(driver.device.protocolVersion).toBe(`3.${minor}`);
  });

  it.each([
    [2, 1],
    [4, 0],
    [3, 6],
    [0xffff, 0xffff],
  ])("refuses version %i.%i, and the guest may ask for another", (major, minor) => {
    expect(driver.negotiate(minor, major)[0]!.body[4]).toBe(0);
    expect(driver.device.protocolVersion).toBeUndefined();
    expect(driver.negotiate(2)[0]!.body[4]).not.toBe(0);
  });

  it("acknowledges the memory's place and the picture with the guest's contexts, and asks for dirt once", () => {
    driver.negotiate(2);
    expect(driver.locate(BAR)).toEqual([
      { type: 4, body: Uint8Array.of(0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11) },
    ]);
    driver.situation(1152, 864, 32, 1152 * 4);
    expect(driver.answers()).toEqual([
      { type: 6, body: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) },
      { type: 9, body: Uint8Array.of(1, 1, 1, 1) },
    ]);
    expect(driver.screen.mode).toEqual({ width: 1152, height: 864 });
    driver.situation(1152, 864, 32, 1152 * 4);
    expect(types()).toEqual([6]);
  });

  it("tells the guest when nobody watches, and when somebody does again", () => {
    driver.negotiate(2);
    driver.screen.watched = false;
    expect(types()).toEqual([]);
    driver.situation(640, 480, 32, 2560);
    expect(driver.answers()[1]).toEqual({ type: 9, body: Uint8Array.of(0, 1, 1, 1) });
    driver.screen.watched = true;
    expect(driver.answers()).toEqual([{ type: 9, body: Uint8Array.of(1, 1, 1, 1) }]);
  });

  it("offers resolutions up to 1920 x 1080, the default first, with a monitor's EDID", () => {
    driver.negotiate(5);
    driver.send(13, [1, 64]);
    const [{ type, body }] = driver.answers() as [{ type: number; body: Uint8Array }];
    expect(type).toBe(14);
    expect([...body.subarray(0, 10)]).toEqual([0, 255, 255, 255, 255, 255, 255, 0, 0x36, 0x68]);
    expect(body.subarray(0, 128).reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
    const view = new DataView(body.buffer);
    const sizes = Array.from({ length: body[128]! }, (_, n) =>
      [131, 133].map((at) => view.getUint16(at + 4 * n, true)),
    );
    expect(body).toHaveLength(131 + 4 * sizes.length);
    expect(sizes[body[129]!]).toEqual([1024, 768]);
    expect(sizes).toContainEqual([1920, 1080]);
    for (const [width, height] of sizes as [number, number][]) expect(width * height * 4).toBeLessThanOrEqual(8 * MIB);
    driver.send(13, [1, 2]);
    expect(driver.answers()[0]!.body[128]).toBe(2);
    driver.send(13, [1, 0]);
    expect(driver.answers()[0]!.body[128]).toBe(0);
  });

  it("answers what Windows asks: BIOS information and capabilities", () => {
    driver.negotiate(5);
    driver.send(11);
    driver.send(15);
    expect(driver.answers().map(({ type, body }) => [type, body.length])).toEqual([
      [12, 16],
      [16, 64],
    ]);
  });

  it("puts the memory back and forgets the picture when the channel closes, and serves the next driver", () => {
    driver.negotiate(2);
    driver.locate(BAR + 56 * MIB);
    driver.situation(800, 600, 32, 3200);
    driver.send(7, [1, 1], [1, 0], [4, 5], [4, 6]);
    driver.machine.vmbus.reset();
    expect(driver.screen.mode).toBeUndefined();
    expect(driver.screen.pointer).toEqual({ visible: false, x: 0, y: 0 });
    expect(driver.video.memory.gpa).toBe(BAR);
  });
});

describe("a bad guest", () => {
  it.each([
    ["a message before a version", () => driver.dirt([0, 0, 1, 1])],
    ["no message at all", () => driver.sendRaw(new Uint8Array(8))],
    ["a pipe packet of another type", () => driver.sendRaw(pipe(1, [3, 0, 2, 0]).fill(2, 0, 1))],
    ["a size beyond the packet", () => driver.sendRaw(pipe(1, [3, 0, 2, 0]).fill(0xff, 4, 8))],
    ["a size below its header", () => driver.sendRaw(pipe(1, [3, 0, 2, 0]).fill(7, 4, 5))],
    ["an unknown type", () => driver.send(77, [8, 0])],
    ["an answer of the host's", () => driver.send(2, [8, 0])],
    ["a truncated version", () => driver.send(1, [3, 3])],
  ])("loses its channel for %s", (_, act) => {
    act();
    expect(status()).not.toBe("open");
    expect(driver.machine.log).toHaveLength(1);
    expect(driver.screen.mode).toBeUndefined();
  });

  it.each([
    [
      "place",
      3,
      [
        [8, 0],
        [1, 1],
        [7, 0],
      ],
    ],
    ["situation", 5, [[8, 0]]],
    [
      "situation's output",
      5,
      [
        [8, 0],
        [1, 1],
        [17, 0],
      ],
    ],
    ["pointer position", 7, [[9, 0]]],
    ["pointer shape", 8, [[17, 0]]],
    ["dirt", 10, [[1, 0]]],
    [
      "dirt's rectangles",
      10,
      [
        [1, 0],
        [1, 2],
        [31, 0],
      ],
    ],
    ["resolution request", 13, []],
  ] as const)("loses its channel for a truncated %s", (_, type, fields) => {
    driver.negotiate(5);
    driver.send(type, ...fields);
    expect(status()).not.toBe("open");
  });

  it.each([
    ["nothing wide", 0, 480, 32, 2560, 0],
    ["nothing high", 640, 0, 32, 2560, 0],
    ["rows that overlap", 640, 480, 32, 2556, 0],
    ["a depth of 24", 640, 480, 24, 2560, 0],
    ["a depth of 0", 640, 480, 0, 2560, 0],
    ["more than the memory", 1920, 1200, 32, 7680, 0],
    ["the memory's last row missing", 1920, 1080, 32, 7680, 8 * MIB - 1920 * 1080 * 4 + 4],
    ["an offset beyond the memory", 640, 480, 32, 2560, 0xffffffff],
    ["too many rows", 1, 4097, 16, 2, 0],
    ["a height that overflows", 1, 0xffffffff, 16, 0x80000000, 0],
    ["pixels at odd places", 640, 480, 32, 2562, 0],
  ])("sees nothing of a picture with %s, and one line is logged", (_, width, height, depth, pitch, offset) => {
    driver.negotiate(5);
    driver.situation(width, height, depth, pitch, offset);
    expect(driver.screen.mode).toBeUndefined();
    expect(status()).toBe("open");
    expect(driver.machine.log).toHaveLength(1);
    expect(driver.screen.takeChanges()).toEqual([]);
    driver.situation(1920, 1080, 32, 7680);
    expect(driver.screen.mode).toEqual({ width: 1920, height: 1080 });
  });

  it("of Windows 7's time has at most 1600 x 1200", () => {
    driver.negotiate(0);
    driver.situation(1920, 1080, 16, 3840);
    expect(driver.screen.mode).toBeUndefined();
    driver.situation(1600, 1200, 16, 3200);
    expect(driver.screen.mode).toEqual({ width: 1600, height: 1200 });
  });

  it("gets no acknowledgement for memory where none can be, and can't fill the log", () => {
    driver.negotiate(2);
    for (const gpa of [0xfec00000, 0xfe800000 - 4096, BAR + 1, 0x100000000, Number.MAX_SAFE_INTEGER]) {
      for (let n = 0; n < 3; n++) expect(driver.locate(gpa)).toEqual([]);
    }
    expect(driver.video.memory.gpa).toBe(BAR);
    expect(driver.machine.log).toHaveLength(8);
  });

  it("may say it painted anything", () => {
    driver.negotiate(2);
    driver.situation(100, 50, 32, 400);
    driver.screen.takeChanges();
    driver.video.write(0, 1);
    driver.dirt([5, 5, 5, 9], [10, 10, 3, 20], [-100, -100, -1, -1], [100, 0, 200, 50], [0, 50, 10, 60]);
    expect(driver.screen.takeChanges()).toEqual([]);
    driver.dirt([-0x80000000, -0x80000000, 0x7fffffff, 0x7fffffff]);
    expect(driver.screen.takeChanges()).toEqual([{ x: 0, y: 0, width: 1, height: 1 }]);
    for (let n = 0; n < 1000; n++) driver.dirt([n % 100, n % 50, (n % 100) + 1, (n % 50) + 1]);
    driver.video.write(400 * 49 + 396, 1);
    expect(driver.screen.takeChanges()).toEqual([{ x: 99, y: 49, width: 1, height: 1 }]);
  });
});

describe("the guest's RAM as video memory", () => {
  it("is shown, and only what really changed in what was painted", () => {
    const { memory } = driver.machine;
    driver.negotiate(5);
    expect(driver.locate(0x200000)).toHaveLength(1);
    driver.situation(64, 32, 32, 256);
    driver.answers();
    memory.writeU32(0x200000 + 256 + 4, 0x00123456);
    expect(driver.screen.takeChanges()).toEqual([{ x: 0, y: 0, width: 64, height: 32 }]);
    expect([...driver.screen.readPixels({ x: 1, y: 1, width: 1, height: 1 })]).toEqual([0x12, 0x34, 0x56, 255]);
    driver.dirt([0, 0, 64, 32]);
    expect(driver.screen.takeChanges()).toEqual([]);
    memory.writeU32(0x200000 + 256 * 3 + 4 * 9, 1);
    driver.dirt([0, 0, 64, 32]);
    expect(driver.screen.takeChanges()).toEqual([{ x: 9, y: 3, width: 1, height: 1 }]);
  });

  it("may end before the picture does: then there is none", () => {
    driver.negotiate(5);
    driver.locate(driver.machine.memory.size - 4096);
    driver.situation(64, 32, 32, 256);
    expect(driver.screen.mode).toBeUndefined();
    driver.situation(64, 16, 32, 256);
    expect(driver.screen.mode).toEqual({ width: 64, height: 16 });
    expect(driver.screen.readPixels({ x: 0, y: 0, width: 64, height: 16 })).toHaveLength(4096);
  });
});
