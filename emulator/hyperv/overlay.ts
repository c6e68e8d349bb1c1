import type { GuestMemory } from "../cpu/guest-memory";

export const HV_PAGE_SIZE = 4096;

const ENABLE = 1n;

/**
 * An overlay page (TLFS 6.0b, 5.2.1 "GPA Overlay Pages"): while it is enabled it hides the guest's RAM below it, and
 * disabling or moving it shows that RAM again as it was. It lies in the guest's RAM itself, so the core needs to know
 * nothing of it; what was there before is kept aside and put back. Page-table walks and DMA therefore see the overlay
 * as well, which is what hardware behind a second-level page table does too.
 */
export class OverlayPage {
  private below: Uint8Array | undefined;
  private base = -1;

  /** @param content what a fresh overlay reads as; the rest of the page is zero */
  constructor(
    private readonly memory: GuestMemory,
    private readonly content: Uint8Array = new Uint8Array(0),
  ) {}

  get enabled(): boolean {
    return this.base >= 0;
  }

  /** Guest physical address while enabled; undefined otherwise. */
  get gpa(): number | undefined {
    return this.base >= 0 ? this.base : undefined;
  }

  /**
   * Follows an MSR of the usual layout: bit 0 enable, bits 63:12 guest page number.
   * @returns false, with nothing changed, if the page is enabled outside guest RAM
   */
  program(msr: bigint): boolean {
    if ((msr & ENABLE) === 0n) {
      this.disable();
      return true;
    }
    const page = msr >> 12n;
    if (page >= BigInt(this.memory.size / HV_PAGE_SIZE)) return false;
    const gpa = Number(page) * HV_PAGE_SIZE;
    if (gpa === this.base) return true;
    this.disable();
    this.below = this.memory.read(gpa, HV_PAGE_SIZE);
    this.base = gpa;
    this.memory.fill(gpa, HV_PAGE_SIZE, 0);
    this.memory.write(gpa, this.content);
    return true;
  }

  disable(): void {
    if (this.below) this.memory.write(this.base, this.below);
    this.forget();
  }

  /** After a reset of the machine: RAM is new, so nothing is put back. */
  forget(): void {
    this.below = undefined;
    this.base = -1;
  }
}
