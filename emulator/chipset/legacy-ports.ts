import type { PortBus, PortDevice } from "./bus";
import { BytePorts } from "./byte-ports";

/** Ports that only remember: the DMA page registers with the POST port 0x80, and the delay port 0xed. */
const REMEMBERED: readonly (readonly [number, number])[] = [
  [0x80, 0x8f],
  [0xed, 0xed],
];
/** The two 8237 DMA controllers: nothing on this machine uses them; writes are swallowed, no channel has a request. */
const DMA: readonly (readonly [number, number])[] = [
  [0x00, 0x0f],
  [0xc0, 0xdf],
];

/** Port 0x92, system control port A: fast reset and A20. */
const FAST_RESET = 0x01;
const ALTERNATE_A20 = 0x02;

export interface LegacyPortActions {
  /** Port 0xe9 (Bochs): a character for the developer. */
  onDebugConsole(byte: number): void;
  /** Port 0xf4 (QEMU's isa-debug-exit): the machine ends with this status. */
  onDebugExit(status: number): void;
  resetProcessor(): void;
}

/** Ports that software expects on any PC but that need no device. */
export class LegacyPorts {
  private readonly memory = new Uint8Array(256);
  private systemControl = ALTERNATE_A20;

  constructor(ports: PortBus, actions: LegacyPortActions) {
    const remembered = new BytePorts(
      ports,
      (port) => this.memory[port & 0xff] as number,
      (port, value) => {
        this.memory[port & 0xff] = value;
      },
    );
    for (const [first, last] of REMEMBERED) ports.register(first, last, remembered);
    const dma: PortDevice = { portRead: () => 0, portWrite: () => undefined };
    for (const [first, last] of DMA) ports.register(first, last, dma);

    const control = new BytePorts(
      ports,
      () => this.systemControl,
      (_, value) => {
        const rising = value & ~this.systemControl & FAST_RESET;
        this.systemControl = value & (FAST_RESET | ALTERNATE_A20);
        if (rising) actions.resetProcessor();
      },
    );
    ports.register(0x92, 0x92, control);

    // Reading 0xe9 gives 0xe9: that is how software finds the console.
    const console = new BytePorts(
      ports,
      () => 0xe9,
      (_, value) => actions.onDebugConsole(value),
    );
    ports.register(0xe9, 0xe9, console);
    ports.register(0xf4, 0xf7, {
      portRead: () => 0,
      portWrite: (port, _size, value) => {
        if (port === 0xf4) actions.onDebugExit(value);
      },
    });
  }

  reset(): void {
    this.memory.fill(0);
    this.systemControl = ALTERNATE_A20;
  }
}
