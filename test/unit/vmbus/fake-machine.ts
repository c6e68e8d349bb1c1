import { RAM_BASE } from "../../../assembly/state";
import { GuestMemory } from "../../../emulator/cpu/guest-memory";
import { Hypervisor } from "../../../emulator/hyperv/hypervisor";
import { TSC_FREQUENCY, TimerQueue, type Clock } from "../../../emulator/time/clock";
import { Vmbus } from "../../../emulator/vmbus/vmbus";

export const WASM_PAGE = 65536;
export const GUARD = 0xa5;
export const APIC_FREQUENCY = 200_000_000;
/** Midnight of 2026-01-01 UTC. */
export const EPOCH_MS = 1_767_225_600_000;

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  time = 0;
  readonly epochMs = EPOCH_MS;
  now(): number {
    return this.time;
  }
}

export interface Vector {
  readonly vp: number;
  readonly vector: number;
  readonly autoEoi: boolean;
}

/** Hypervisor and VMBus around real guest memory with guard bytes on both sides; a processor is not there. */
export class FakeMachine {
  readonly clock = new ManualClock();
  readonly timers = new TimerQueue(this.clock);
  readonly memory: GuestMemory;
  readonly hypervisor: Hypervisor;
  readonly vmbus: Vmbus;
  readonly vectors: Vector[] = [];
  readonly log: string[] = [];
  readonly crashes: { parameters: bigint[]; message?: string }[] = [];
  readonly apic = { eois: 0, icr: 0n, tpr: 0 };
  resets = 0;
  /** Guest-visible TSC minus the clock. */
  tscOffset = 0n;
  private readonly guards: Uint8Array[];

  constructor(readonly ramSize = 4 << 20) {
    const wasm = new WebAssembly.Memory({ initial: (RAM_BASE + ramSize) / WASM_PAGE + 1 });
    this.guards = [RAM_BASE - WASM_PAGE, RAM_BASE + ramSize].map((at) => new Uint8Array(wasm.buffer, at, WASM_PAGE));
    for (const guard of this.guards) guard.fill(GUARD);
    this.memory = new GuestMemory(wasm, ramSize, () => undefined);
    const log = (source: string, message: string) => void this.log.push(`${source}: ${message}`);
    this.hypervisor = new Hypervisor({
      memory: this.memory,
      clock: this.clock,
      timers: this.timers,
      log,
      vectors: { injectVector: (vp, vector, autoEoi) => void this.vectors.push({ vp, vector, autoEoi }) },
      apic: {
        eoi: () => void this.apic.eois++,
        readIcr: () => this.apic.icr,
        writeIcr: (value) => void (this.apic.icr = value),
        readTpr: () => this.apic.tpr,
        writeTpr: (value) => void (this.apic.tpr = value),
      },
      readTsc: () => this.tsc(),
      tscFrequency: TSC_FREQUENCY,
      apicFrequency: APIC_FREQUENCY,
      onReset: () => void this.resets++,
      onCrash: (parameters, message) => void this.crashes.push({ parameters, message }),
    });
    this.vmbus = new Vmbus({
      hypervisor: this.hypervisor,
      memory: this.memory,
      log,
      clock: this.clock,
      timers: this.timers,
    });
  }

  tsc(): bigint {
    return BigInt.asUintN(64, BigInt(this.clock.time) + this.tscOffset);
  }

  /** Moves the clock, stopping at each deadline on the way. */
  advance(nanoseconds: number): void {
    const end = this.clock.time + nanoseconds;
    while (this.timers.nextDeadline <= end) {
      this.clock.time = Math.max(this.clock.time, this.timers.nextDeadline);
      this.timers.runDue();
    }
    this.clock.time = end;
  }

  guardsIntact(): boolean {
    return this.guards.every((guard) => guard.every((byte) => byte === GUARD));
  }
}
