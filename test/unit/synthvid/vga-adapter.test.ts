import { beforeEach, describe, expect, it } from "vitest";
import { FakeVideo } from "./fake-driver";

const MIB = 1 << 20;
const BAR = 0xf8000000;

describe("the VGA adapter of Generation 1", () => {
  let video: FakeVideo;
  beforeEach(() => {
    video = new FakeVideo();
  });

  it("is Microsoft's 1414:5353, a VGA controller with 64 MiB at BAR 0", () => {
    expect(video.config(0)).toBe(0x53531414);
    expect(video.config(8) >>> 8).toBe(0x030000);
    expect(video.config(0x10)).toBe(BAR);
    expect(video.config(0x10, 0xffffffff)).toBe(0xfc000000);
    expect(video.config(0x14, 0xffffffff)).toBe(0);
  });

  it("has its memory where the BAR is, if memory is decoded", () => {
    expect(video.memory.gpa).toBe(BAR);
    video.config(4, 0);
    expect(video.memory.gpa).toBeUndefined();
    video.config(0x10, 0xe0000000);
    expect(video.memory.gpa).toBeUndefined();
    video.config(4, 2);
    expect(video.memory.gpa).toBe(0xe0000000);
  });

  it("moves the memory with the BAR where the driver wanted it", () => {
    expect(video.adapter.claim(BAR + 56 * MIB)).toBe(true);
    expect(video.memory.gpa).toBe(BAR + 56 * MIB);
    video.config(0x10, 0xe0000000);
    expect(video.memory.gpa).toBe(0xe0000000 + 56 * MIB);
    video.adapter.release();
    expect(video.memory.gpa).toBe(0xe0000000);
  });

  it("never covers the APICs, however the BAR lies", () => {
    video.adapter.claim(BAR + 44 * MIB);
    video.config(0x10, 0xfc000000);
    expect(video.memory.gpa).toBeUndefined();
    video.config(0x10, BAR);
    expect(video.memory.gpa).toBe(BAR + 44 * MIB);
    expect(video.adapter.claim(0xfec00000 - 8 * MIB)).toBe(true);
    expect(video.adapter.claim(0xfec00000 - 8 * MIB + 4096)).toBe(false);
    expect(video.memory.gpa).toBe(0xfec00000 - 8 * MIB);
  });

  it("is as after power-on when it is reset", () => {
    video.write(0, 5);
    video.config(0x10, 0xe0000000);
    video.pci.reset();
    video.adapter.reset();
    expect(video.memory.gpa).toBe(BAR);
    expect(video.bytes.some((byte) => byte !== 0)).toBe(false);
  });
});
