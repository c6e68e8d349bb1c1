/** Ticks that led to nothing, as far back as it matters. */
const CREDIT_MAX = 64;
/** One run between two halts counts no more than these, however many ticks it had. */
const CREDIT_OF_A_RUN = 8;
const CREDIT_NEEDED = 16;
const CREDIT_LOST = 24;
/** A tick takes what the shortest one of late took; this much more, in instructions and as a factor, is still nothing. */
const TOLERANCE = 1000;
const TOLERANCE_FACTOR = 1.05;
/** By this factor the shortest tick is taken to grow with each halt: the guest's kernel may come to do more ... */
const SHORTEST_GROWTH = 1.0001;
/** ... but not above this: EL6's kernel takes 2,500 instructions, and 4,500 if somebody is woken up by each tick. */
const SHORTEST_MAX = 3000;

/**
 * Tells whether a guest is at rest: its processor halts, and between its halts it does nothing but take its clock's
 * ticks. Then nobody in it waits for the next tick, and several may be delivered at once.
 *
 * The judgement is by instructions: what the guest runs for an interrupt that leads to nothing is always about the same.
 * A run that is longer woke somebody. Kernels do so now and then for their housekeeping; a program or a driver that
 * sleeps from tick to tick does so every time, and ends the rest.
 */
export class GuestRest {
  private instructions = 0;
  private interrupts = 0;
  /** Instructions of a tick that led to nothing. */
  private shortest = SHORTEST_MAX;
  private credit = 0;

  /** The processor halts; both numbers count since its creation. */
  halted(instructions: number, interrupts: number): void {
    const ran = instructions - this.instructions;
    const taken = interrupts - this.interrupts;
    this.instructions = instructions;
    this.interrupts = interrupts;
    // Nothing came: the run loop only looked again.
    if (taken === 0) return;
    this.shortest = Math.min(this.shortest * SHORTEST_GROWTH, SHORTEST_MAX, ran / taken);
    if (ran <= this.shortest * taken * TOLERANCE_FACTOR + TOLERANCE) {
      this.credit = Math.min(this.credit + Math.min(taken, CREDIT_OF_A_RUN), CREDIT_MAX);
    } else {
      this.credit = Math.max(this.credit - CREDIT_LOST, 0);
    }
  }

  get atRest(): boolean {
    return this.credit >= CREDIT_NEEDED;
  }
}
