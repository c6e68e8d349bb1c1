// What PS/2 devices share, as the 8042 hears them (IBM PS/2 Hardware Interface Technical Reference).

export const ACK = 0xfa;
export const RESEND = 0xfe;
export const SELF_TEST_PASSED = 0xaa;
/** Bytes of answers that wait for a guest that only asks; the oldest are lost. */
export const ANSWER_LIMIT = 64;

/** What both devices share: a queue of bytes to the controller, events behind them, and commands with one parameter. */
export abstract class Ps2Device {
  /** Answers, and the rest of the event that has begun. */
  private readonly queue: number[] = [];
  private last = 0;
  private parameterOf = 0;

  constructor(protected readonly onData: () => void) {}

  /** The controller sends a byte to the device. */
  receive(byte: number): void {
    const command = this.parameterOf;
    this.parameterOf = 0;
    if (command !== 0 && this.parameter(command, byte)) return;
    if (byte === 0xfe) this.answer(this.last);
    else if (!this.command(byte)) this.answer(RESEND);
  }

  get hasData(): boolean {
    return this.queue.length > 0 || this.hasEvent;
  }

  /** The next byte to the controller. */
  take(): number {
    if (this.queue.length === 0) this.queue.push(...this.takeEvent());
    this.last = this.queue.shift() ?? 0;
    return this.last;
  }

  /** Forgets all that was not sent. */
  protected clear(): void {
    this.queue.length = 0;
    this.parameterOf = 0;
    this.clearEvents();
  }

  protected answer(...bytes: number[]): void {
    this.queue.push(...bytes);
    if (this.queue.length > ANSWER_LIMIT) this.queue.splice(0, this.queue.length - ANSWER_LIMIT);
    this.onData();
  }

  protected expectParameter(command: number): void {
    this.parameterOf = command;
    this.answer(ACK);
  }

  /** False if the device does not know the command. */
  protected abstract command(byte: number): boolean;
  /** False if the byte is no parameter of that command but a command itself. */
  protected abstract parameter(command: number, byte: number): boolean;
  /** Something happened that no byte was sent of yet. */
  protected abstract get hasEvent(): boolean;
  /** The bytes of the oldest such event. */
  protected abstract takeEvent(): readonly number[];
  protected abstract clearEvents(): void;
}
