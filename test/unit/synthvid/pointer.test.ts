import { beforeEach, describe, expect, it } from "vitest";
import { FakeDriver } from "./fake-driver";

const LAST = 0xff;

describe("the guest's pointer", () => {
  let driver: FakeDriver;
  beforeEach(() => {
    driver = new FakeDriver();
    driver.negotiate(2);
    driver.screen.takeNews();
  });

  const shape = (part: number, argb: number, size: readonly number[], data: readonly number[]): void => {
    const [width, height, hotX = 0, hotY = 0] = size as [number, number, number?, number?];
    const fields = [width, height, hotX, hotY].map((value) => [4, value] as const);
    driver.send(8, [1, part], [1, argb], ...fields, ...data.map((byte) => [1, byte] as const));
  };

  it("is where the guest says", () => {
    driver.send(7, [1, 1], [1, 0], [4, -3], [4, 0x7fffffff]);
    expect(driver.screen.pointer).toEqual({ visible: true, x: -3, y: 0x7fffffff });
    expect(driver.screen.takeNews()).toEqual({ mode: false, pixels: false, pointer: true });
    driver.send(7, [1, 0], [1, 0], [4, 1], [4, 2]);
    expect(driver.screen.pointer).toEqual({ visible: false, x: 1, y: 2 });
  });

  it("has colours with alpha", () => {
    shape(LAST, 1, [1, 2, 0, 1], [1, 2, 3, 4, 5, 6, 7, 8]);
    const { pixels, ...rest } = driver.screen.pointer.shape!;
    expect(rest).toEqual({ width: 1, height: 2, hotX: 0, hotY: 1 });
    expect([...pixels]).toEqual([3, 2, 1, 4, 7, 6, 5, 8]);
  });

  it("has two masks: black, white, the picture itself, and its inverse", () => {
    // 9 pixels a row: AND 0011 1111 1, XOR 0101 0000 0.
    shape(LAST, 0, [9, 1], [0x3f, 0x80, 0x50, 0x00]);
    const pixels = driver.screen.pointer.shape!.pixels;
    expect([...pixels.subarray(0, 20)]).toEqual([
      0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0,
    ]);
    expect([...pixels.subarray(32)]).toEqual([0, 0, 0, 0]);
  });

  it("comes in parts, and is there after the last", () => {
    const data = Array.from({ length: 96 * 96 * 4 }, (_, index) => index & 0xff);
    for (let part = 0; part < 4; part++) {
      shape(part, 1, [96, 96], data.slice(part * 8192, (part + 1) * 8192));
      expect(driver.screen.pointer.shape).toBeUndefined();
    }
    shape(LAST, 1, [96, 96], data.slice(4 * 8192));
    expect(driver.screen.pointer.shape!.pixels).toHaveLength(data.length);
    expect([...driver.screen.pointer.shape!.pixels.subarray(-4)]).toEqual([0xfe, 0xfd, 0xfc, 0xff]);
    expect(driver.machine.log).toEqual([]);
  });

  it.each([
    ["a part too early", () => shape(1, 1, [1, 1], [0, 0, 0, 0])],
    ["too few bytes", () => shape(LAST, 1, [2, 1], [])],
    ["no width", () => shape(LAST, 1, [0, 1], [])],
    [
      "97 rows",
      () =>
        shape(
          LAST,
          0,
          [8, 97],
          Array.from({ length: 194 }, () => 0),
        ),
    ],
    ["a size that overflows", () => shape(LAST, 1, [0x40000000, 4], [0, 0, 0, 0])],
    ["its point outside", () => shape(LAST, 1, [1, 1, 1, 0], [0, 0, 0, 0])],
    [
      "parts without an end",
      () => {
        for (let part = 0; part < 5; part++)
          shape(
            part,
            1,
            [96, 96],
            Array.from({ length: 8192 }, () => 1),
          );
      },
    ],
  ])("stays as it is for a shape with %s", (_, act) => {
    shape(LAST, 1, [1, 1], [9, 9, 9, 9]);
    act();
    expect([...driver.screen.pointer.shape!.pixels]).toEqual([9, 9, 9, 9]);
    expect(driver.machine.log).toHaveLength(1);
    shape(LAST, 1, [1, 1], [8, 8, 8, 8]);
    expect([...driver.screen.pointer.shape!.pixels]).toEqual([8, 8, 8, 8]);
  });
});
