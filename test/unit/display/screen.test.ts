import { beforeEach, describe, expect, it } from "vitest";
import { Screen } from "../../../emulator/display/screen";
import { formatFits, Surface, type SurfaceFormat } from "../../../emulator/display/surface";
import { FakeVideo } from "../synthvid/fake-driver";

const FORMAT: SurfaceFormat = { width: 200, height: 100, offset: 0, pitch: 800, depth: 32 };
const ALL = { x: 0, y: 0, width: 200, height: 100 };

describe("the screen", () => {
  let video: FakeVideo;
  let screen: Screen;
  const show = (format: Partial<SurfaceFormat> = {}): void => {
    const whole = { ...FORMAT, ...format };
    expect(formatFits(whole, video.memory.size)).toBe(true);
    screen.show(new Surface(video.memory, whole));
  };

  beforeEach(() => {
    video = new FakeVideo();
    screen = new Screen();
  });

  it("has no mode, no pixels and no news without a picture", () => {
    expect(screen.mode).toBeUndefined();
    screen.paint(ALL);
    expect(screen.takeNews()).toBeUndefined();
    expect(screen.takeChanges()).toEqual([]);
    expect(() => screen.readPixels({ x: 0, y: 0, width: 1, height: 1 })).toThrow(RangeError);
  });

  it("is all new with a new mode, once", () => {
    show();
    expect(screen.takeNews()).toEqual({ mode: true, pixels: true, pointer: false });
    expect(screen.takeNews()).toBeUndefined();
    expect(screen.takeChanges()).toEqual([ALL]);
    screen.paint(ALL);
    expect(screen.takeNews()).toBeUndefined();
    expect(screen.takeChanges()).toEqual([]);
  });

  it("tells of what was painted and changed, and again only after somebody took it", () => {
    show();
    screen.takeChanges();
    screen.takeNews();
    video.write(3 * 800 + 40, 1, 2, 3);
    expect(screen.takeNews()).toBeUndefined();
    screen.paint({ x: 0, y: 0, width: 50, height: 50 });
    expect(screen.takeNews()).toEqual({ mode: false, pixels: true, pointer: false });
    screen.paint(ALL);
    expect(screen.takeNews()).toBeUndefined();
    expect(screen.takeChanges()).toEqual([{ x: 10, y: 3, width: 3, height: 1 }]);
  });

  it("does not count as a change what is written as it was", () => {
    show();
    video.write(8000, 7);
    screen.takeChanges();
    video.write(8000, 7);
    screen.paint(ALL);
    expect(screen.takeChanges()).toEqual([]);
  });

  it("keeps what was written until the guest says that it painted there", () => {
    show();
    screen.takeChanges();
    video.write(90 * 800, 5);
    screen.paint({ x: 0, y: 0, width: 200, height: 10 });
    expect(screen.takeChanges()).toEqual([]);
    screen.paint({ x: 0, y: 85, width: 200, height: 10 });
    expect(screen.takeChanges()).toEqual([{ x: 0, y: 90, width: 1, height: 1 }]);
  });

  it("looks at everything when somebody watches again", () => {
    show();
    screen.takeChanges();
    let changes = 0;
    screen.onWatched = () => changes++;
    screen.watched = false;
    video.write(90 * 800, 5);
    expect(screen.takeChanges()).toEqual([]);
    screen.watched = true;
    screen.watched = true;
    expect(changes).toBe(2);
    expect(screen.takeChanges()).toEqual([{ x: 0, y: 90, width: 1, height: 1 }]);
  });

  it("puts neighbouring rows together, and keeps others apart", () => {
    show();
    screen.takeChanges();
    for (const y of [10, 11, 12]) video.write(y * 800 + 4 * (20 + y), 1);
    video.write(99 * 800 + 796, 1);
    screen.paint(ALL);
    expect(screen.takeChanges()).toEqual([
      { x: 30, y: 10, width: 3, height: 3 },
      { x: 199, y: 99, width: 1, height: 1 },
    ]);
  });

  it("takes no notice of bytes that are no pixels", () => {
    show({ pitch: 1024, offset: 8192 });
    screen.takeChanges();
    video.write(0, 1);
    video.write(8192 + 800, 1, 2, 3);
    video.write(8192 + 100 * 1024, 9);
    screen.paint(ALL);
    expect(screen.takeChanges()).toEqual([]);
    video.write(8192 + 5 * 1024 + 796, 1, 2);
    screen.paint(ALL);
    expect(screen.takeChanges()).toEqual([{ x: 199, y: 5, width: 1, height: 1 }]);
  });

  it("reads 32-bit pixels as opaque RGBA", () => {
    show();
    video.write(800 + 4, 0x00112233, 0x80ff8001);
    expect([...screen.readPixels({ x: 1, y: 1, width: 2, height: 1 })]).toEqual([17, 34, 51, 255, 255, 128, 1, 255]);
    expect(screen.readPixels(ALL)).toHaveLength(80_000);
  });

  it("reads 16-bit pixels, full intensity as full", () => {
    show({ depth: 16, pitch: 402, width: 201 });
    screen.takeChanges();
    video.write(404, 0xf800ffff, 0x001f07e0);
    expect([...screen.readPixels({ x: 1, y: 1, width: 4, height: 1 })]).toEqual(
      [
        [255, 255, 255],
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
      ].flatMap((colour) => [...colour, 255]),
    );
    screen.paint({ x: 0, y: 0, width: 201, height: 100 });
    expect(screen.takeChanges()).toEqual([{ x: 1, y: 1, width: 4, height: 1 }]);
  });

  it.each([
    [-1, 0, 1, 1],
    [0, 0, 201, 1],
    [0, 99, 1, 2],
    [0.5, 0, 1, 1],
    [NaN, 0, 1, 1],
  ])("reads no pixels outside: %d, %d, %d x %d", (x, y, width, height) => {
    show();
    expect(() => screen.readPixels({ x, y, width, height })).toThrow(RangeError);
  });
});
