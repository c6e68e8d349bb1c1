import type { InterruptLine } from "./bus";

const IRQS = 16;

/** The 16 ISA interrupt requests: each asserted while any of its sources is, and seen by the 8259s and the I/O APIC. */
export class IrqRouter {
  private readonly asserted = new Uint16Array(IRQS);

  constructor(private readonly drive: (irq: number, asserted: boolean) => void) {}

  reset(): void {
    for (const source of this.sources) source.asserted = false;
    this.asserted.fill(0);
    for (let irq = 0; irq < IRQS; irq++) this.drive(irq, false);
  }

  private readonly sources: { asserted: boolean }[] = [];

  /** A new source of an IRQ; throws RangeError for what is no IRQ of a device (2 is the cascade). */
  line(irq: number): InterruptLine {
    if (!Number.isInteger(irq) || irq < 0 || irq >= IRQS || irq === 2) throw new RangeError(`no IRQ ${irq}`);
    const source = { asserted: false };
    this.sources.push(source);
    return {
      setLevel: (asserted: boolean): void => {
        if (asserted === source.asserted) return;
        source.asserted = asserted;
        const count = (this.asserted[irq] as number) + (asserted ? 1 : -1);
        this.asserted[irq] = count;
        if (count === (asserted ? 1 : 0)) this.drive(irq, asserted);
      },
    };
  }
}
