/** What the chipset drives at the processor: the pins of a CPU package, as calls. */
export interface ProcessorPins {
  /** INTR: true exactly while an interrupt could be delivered if EFLAGS.IF were set. */
  setInterruptPending(pending: boolean): void;
  /** One edge at NMI. */
  raiseNmi(): void;
  /** INIT: the processor goes to its wait-for-SIPI state. */
  init(): void;
  /** Start-up IPI: begin at vector * 4096 in real mode, if waiting for it. */
  startup(vector: number): void;
  /** Leave the run loop at the next instruction boundary: the machine was reset or turned off. */
  requestStop(): void;
}
