import type { MachineScreen, ScreenMode, ScreenNews, ScreenPointer, ScreenRectangle } from "../machine-types";
import type { Surface } from "./surface";

/** Painted rectangles that are kept until somebody looks; one more, and all become one that has them all. */
const PAINTED_MAX = 64;

/** What the machine shows: display adapters put pictures and pointers on it, the page takes them from it. */
export class Screen implements MachineScreen {
  /** Called when `watched` was set. */
  onWatched: (() => void) | undefined;
  private surface: Surface | undefined;
  private painted: ScreenRectangle[] = [];
  private newMode = false;
  private newPointer = false;
  /** Changes were told of, and nobody has taken them yet. */
  private told = false;
  private shownPointer: ScreenPointer = { visible: false, x: 0, y: 0 };
  private isWatched = true;

  get mode(): ScreenMode | undefined {
    const format = this.surface?.format;
    return format && { width: format.width, height: format.height };
  }

  get pointer(): ScreenPointer {
    return this.shownPointer;
  }

  get watched(): boolean {
    return this.isWatched;
  }

  set watched(watched: boolean) {
    if (watched === this.isWatched) return;
    this.isWatched = watched;
    this.onWatched?.();
    // The guest did not say what it painted meanwhile.
    if (watched) this.paintAll();
  }

  takeChanges(): ScreenRectangle[] {
    const { surface, painted } = this;
    this.painted = [];
    this.told = false;
    return surface?.takeChanges(painted) ?? [];
  }

  readPixels(rectangle: ScreenRectangle): Uint8ClampedArray<ArrayBuffer> {
    const { mode, surface } = this;
    const { x, y, width, height } = rectangle;
    const whole = [x, y, width, height].every((value) => Number.isInteger(value) && value >= 0);
    if (!surface || !mode || !whole || x + width > mode.width || y + height > mode.height) {
      throw new RangeError(`${width} x ${height} pixels at ${x}, ${y} are not on the screen`);
    }
    return surface.readPixels(rectangle);
  }

  /** Shows another picture, or none. */
  show(surface: Surface | undefined): void {
    if (surface === this.surface) return;
    this.surface = surface;
    this.painted = [];
    this.newMode = true;
    this.told = false;
    this.paintAll();
  }

  /** Something was painted in a rectangle, which is cut to the picture. */
  paint(rectangle: ScreenRectangle): void {
    const { mode } = this;
    if (!mode) return;
    const x = Math.max(0, rectangle.x);
    const y = Math.max(0, rectangle.y);
    const width = Math.min(mode.width, rectangle.x + rectangle.width) - x;
    const height = Math.min(mode.height, rectangle.y + rectangle.height) - y;
    if (width <= 0 || height <= 0) return;
    const cut = { x, y, width, height };
    if (this.painted.some((other) => covers(other, cut))) return;
    this.painted = this.painted.filter((other) => !covers(cut, other));
    this.painted.push(cut);
    if (this.painted.length > PAINTED_MAX) this.painted = [bounds(this.painted)];
  }

  private paintAll(): void {
    const { mode } = this;
    if (mode) this.paint({ x: 0, y: 0, ...mode });
  }

  setPointer(pointer: ScreenPointer): void {
    this.shownPointer = pointer;
    this.newPointer = true;
  }

  /** What there is to tell since the last call; undefined for nothing. */
  takeNews(): ScreenNews | undefined {
    const { newMode: mode, newPointer: pointer } = this;
    this.newMode = this.newPointer = false;
    let pixels = false;
    if (this.painted.length > 0 && !this.told) {
      pixels = this.told = this.surface?.mayHaveChanged ?? false;
      // What was painted as it already was needs no look.
      if (!pixels) this.painted = [];
    }
    return mode || pointer || pixels ? { mode, pixels, pointer } : undefined;
  }
}

function covers(outer: ScreenRectangle, inner: ScreenRectangle): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

function bounds(rectangles: readonly ScreenRectangle[]): ScreenRectangle {
  const x = Math.min(...rectangles.map((each) => each.x));
  const y = Math.min(...rectangles.map((each) => each.y));
  const right = Math.max(...rectangles.map((each) => each.x + each.width));
  const bottom = Math.max(...rectangles.map((each) => each.y + each.height));
  return { x, y, width: right - x, height: bottom - y };
}
