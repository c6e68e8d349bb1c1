/** Position and buttons as an absolute pointer reports them. */
export interface PointerReport {
  /** 0 (left, top) to 1 (right, bottom) of the screen. */
  readonly x: number;
  readonly y: number;
  /** Bits 0 left, 1 right, 2 middle, 3 back, 4 forward: as in MouseEvent.buttons. */
  readonly buttons: number;
  /** Notches of the wheel since the last report, positive towards the user. */
  readonly wheel: number;
}

export interface AbsolutePointer {
  readonly active: boolean;
  report(report: PointerReport): void;
}

export interface RelativePointer {
  /** Moves by dx (right), dy (up) and dz (wheel towards the user), all whole, and sets the buttons. */
  move(dx: number, dy: number, dz: number, buttons: number): void;
}

/** No hand moves a mouse further at once: pixels, or notches. */
const MOTION_LIMIT = 32_767;
const BUTTONS = 0x1f;

/** Adds up fractions of a step, and gives whole steps. */
class Steps {
  private rest = 0;

  /** @returns whole steps, the nearest to what has added up */
  add(amount: number): number {
    const sum = this.rest + Math.max(-MOTION_LIMIT, Math.min(MOTION_LIMIT, amount));
    const whole = Math.round(sum);
    this.rest = sum - whole;
    return whole;
  }

  clear(): void {
    this.rest = 0;
  }
}

/** The machine's pointer: where it is, and which of its two mice hears of it. */
export class PointerInput {
  /** Where the pointer is; undefined before the first absolute position. */
  private position: { readonly x: number; readonly y: number } | undefined;
  private mask = 0;
  private width = 1024;
  private height = 768;
  private readonly steps = { x: new Steps(), y: new Steps(), wheel: new Steps() };
  /** What the PS/2 mouse has down. */
  private ps2Mask = 0;

  constructor(
    private readonly synthetic: AbsolutePointer,
    private readonly ps2: RelativePointer,
  ) {}

  /** Pixels that the guest's screen has; they are the unit of relative motion. */
  setScreen(width: number, height: number): void {
    if (!(width >= 1 && height >= 1)) return;
    this.width = width;
    this.height = height;
  }

  moveTo(x: number, y: number): void {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    const before = this.position;
    const position = { x: clamp(x), y: clamp(y) };
    if (before?.x === position.x && before.y === position.y) return;
    this.position = position;
    // A relative mouse can only follow: where its pointer was at the first position is not known.
    const dx = before ? (position.x - before.x) * this.width : 0;
    const dy = before ? (position.y - before.y) * this.height : 0;
    this.send(this.steps.x.add(dx), this.steps.y.add(dy), 0);
  }

  moveBy(dx: number, dy: number): void {
    if (!Number.isFinite(dx) || !Number.isFinite(dy)) return;
    const { x, y } = this.position ?? { x: 0.5, y: 0.5 };
    if (this.position || this.synthetic.active) {
      this.position = { x: clamp(x + dx / this.width), y: clamp(y + dy / this.height) };
    }
    this.send(this.steps.x.add(dx), this.steps.y.add(dy), 0);
  }

  buttons(mask: number): void {
    if ((mask & BUTTONS) === this.mask) return;
    this.mask = mask & BUTTONS;
    this.send(0, 0, 0);
  }

  wheel(notches: number): void {
    if (!Number.isFinite(notches)) return;
    const whole = this.steps.wheel.add(notches);
    if (whole !== 0) this.send(0, 0, whole);
  }

  reset(): void {
    this.position = undefined;
    this.mask = 0;
    this.ps2Mask = 0;
    for (const steps of Object.values(this.steps)) steps.clear();
  }

  private send(dx: number, dy: number, wheel: number): void {
    if (this.synthetic.active) {
      // What the PS/2 mouse has down comes up there: this mouse has it now.
      if (this.ps2Mask !== 0) this.ps2.move(0, 0, 0, (this.ps2Mask = 0));
      const { x, y } = this.position ?? { x: 0.5, y: 0.5 };
      this.synthetic.report({ x, y, buttons: this.mask, wheel });
    } else if (dx !== 0 || dy !== 0 || wheel !== 0 || this.mask !== this.ps2Mask) {
      this.ps2Mask = this.mask;
      this.ps2.move(dx, 0 - dy, wheel, this.mask);
    }
  }
}

function clamp(value: number): number {
  return Math.max(0, Math.min(1, value));
}
