import type { GuestMemory } from "../cpu/guest-memory";
import type { Log } from "../log";
import type { Clock, TimerQueue } from "../time/clock";
import { hypervisorCpuid, type CpuidResult } from "./cpuid";
import { CrashRegisters } from "./crash";
import { HypercallDispatcher, type HypercallRegisters } from "./hypercalls";
import type { ConnectionTable, HypercallPort, Synic, VectorSink } from "./interfaces";
import { type NamedMsr, msrNames } from "./msr-names";
import * as msr from "./msrs";
import { OverlayPage } from "./overlay";
import { ReferenceTime } from "./reference-time";
import { SyntheticTimers } from "./stimer";
import { SynicController } from "./synic";
import type { SynicState } from "./synic-state";

/** The one virtual processor. */
const VP_INDEX = 0;

/** vmcall; ret. It traps from every mode in which a hypercall is allowed, and a near call gets back. */
const HYPERCALL_CODE = Uint8Array.of(0x0f, 0x01, 0xc1, 0xc3);

/** Bits of HV_X64_MSR_HYPERCALL. */
const HYPERCALL_ENABLE = 1n << 0n;
const HYPERCALL_LOCKED = 1n << 1n;

const SYNIC_VERSION = 1n;
const RESET = 1n;

/** What the APIC access MSRs act upon: the local APIC of VP 0. */
export interface ApicAccess {
  eoi(): void;
  /** The 64-bit interrupt command register, destination in bits 63:56 as xAPIC has it. */
  readIcr(): bigint;
  writeIcr(value: bigint): void;
  readTpr(): number;
  writeTpr(value: number): void;
}

export interface HypervisorOptions {
  readonly memory: GuestMemory;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly log: Log;
  readonly vectors: VectorSink;
  readonly apic: ApicAccess;
  /** The TSC as the guest reads it, offsets included. */
  readonly readTsc: () => bigint;
  /** Hz. */
  readonly tscFrequency: number;
  /** Hz of the local APIC's timer before its divider. */
  readonly apicFrequency: number;
  /** The guest asked for a reset through HV_X64_MSR_RESET. */
  readonly onReset: () => void;
  /** The guest reported a crash: the five parameters, and its message if it gave one. */
  readonly onCrash: (parameters: bigint[], message?: string) => void;
}

/** The hypervisor as a guest sees it: CPUID leaves, synthetic MSRs, hypercalls, SynIC, timers and reference time. */
export class Hypervisor implements Synic, ConnectionTable {
  private readonly msrs = new msr.MsrTable();
  private readonly hypercalls: HypercallDispatcher;
  private readonly hypercallPage: OverlayPage;
  private readonly vpAssistPage: OverlayPage;
  private readonly time: ReferenceTime;
  private readonly synic: SynicController;
  private readonly stimers: SyntheticTimers;
  private readonly crash: CrashRegisters;
  private guestOsId = 0n;
  private hypercallMsr = 0n;
  private vpAssistMsr = 0n;

  constructor(options: HypervisorOptions) {
    const { memory, clock, timers, vectors } = options;
    this.hypercallPage = new OverlayPage(memory, HYPERCALL_CODE);
    this.vpAssistPage = new OverlayPage(memory);
    this.time = new ReferenceTime(memory, clock, options.readTsc, options.tscFrequency);
    this.synic = new SynicController(VP_INDEX, memory, vectors, options.log);
    this.stimers = new SyntheticTimers(VP_INDEX, this.synic, vectors, this.time, timers);
    this.hypercalls = new HypercallDispatcher(memory, () => this.synic.queueIsFull);
    this.crash = new CrashRegisters(memory, options.onCrash);
    this.definePartitionMsrs(options);
    this.defineApicMsrs(options.apic);
    this.defineSynicMsrs();
    this.crash.define(this.msrs);
  }

  /** EAX, EBX, ECX, EDX of a hypervisor leaf; undefined if the leaf is not the hypervisor's. */
  cpuid(leaf: number, _subleaf: number): CpuidResult | undefined {
    return hypervisorCpuid(leaf);
  }

  /** @returns undefined for a general protection fault */
  msrRead(index: number): bigint | undefined {
    return this.msrs.read(index >>> 0);
  }

  /** @returns false for a general protection fault */
  msrWrite(index: number, value: bigint): boolean {
    return this.msrs.write(index >>> 0, value);
  }

  /**
   * VMCALL by the guest at CPL 0. The caller has checked the privilege level and advances RIP.
   * @returns false if the hypercall page is not enabled: the instruction is undefined then (#UD)
   */
  hypercall(registers: HypercallRegisters, longMode: boolean): boolean {
    if (!this.hypercallPage.enabled) return false;
    this.hypercalls.run(registers, longMode);
    return true;
  }

  /** The guest wrote its local APIC's EOI for `vector`. */
  apicEoi(vector: number): void {
    this.synic.apicEoi(vector);
  }

  /** The guest-visible TSC jumped: IA32_TIME_STAMP_COUNTER or IA32_TSC_ADJUST was written. */
  tscChanged(): void {
    this.time.tscChanged();
  }

  /** Partition reference time in units of 100 ns. */
  referenceTime(): bigint {
    return this.time.now();
  }

  postMessage(vp: number, sint: number, messageType: number, payload: Uint8Array): void {
    if (vp === VP_INDEX) this.synic.post(sint, messageType, payload);
  }

  signalEvent(vp: number, sint: number, flag: number): void {
    if (vp === VP_INDEX) this.synic.signal(sint, flag);
  }

  connect(connectionId: number, port: HypercallPort): void {
    this.hypercalls.connect(connectionId, port);
  }

  disconnect(connectionId: number): void {
    this.hypercalls.disconnect(connectionId);
  }

  /** Every synthetic MSR that can be read, by number; reading one here changes nothing. */
  namedMsrs(): NamedMsr[] {
    return msrNames().flatMap(([index, name]) => {
      const value = this.msrRead(index);
      return value === undefined ? [] : [{ name, index, value }];
    });
  }

  synicState(): SynicState {
    return this.synic.state();
  }

  /** Registers as after power-on. Connections stay: they are the host's. Overlays vanish with the old RAM. */
  reset(): void {
    this.guestOsId = 0n;
    this.hypercallMsr = 0n;
    this.vpAssistMsr = 0n;
    this.hypercallPage.forget();
    this.vpAssistPage.forget();
    this.time.reset();
    this.stimers.reset();
    this.synic.reset();
    this.crash.reset();
  }

  private definePartitionMsrs(options: HypervisorOptions): void {
    const { msrs } = this;
    msrs.define(msr.HV_X64_MSR_GUEST_OS_ID, {
      read: () => this.guestOsId,
      write: (value) => {
        this.guestOsId = value;
        if (value === 0n) {
          this.hypercallMsr &= ~HYPERCALL_ENABLE;
          this.hypercallPage.disable();
        }
        return true;
      },
    });
    msrs.define(msr.HV_X64_MSR_HYPERCALL, {
      read: () => this.hypercallMsr,
      write: (value) => this.writeHypercall(value),
    });
    msrs.define(msr.HV_X64_MSR_VP_INDEX, { read: () => BigInt(VP_INDEX) });
    msrs.define(msr.HV_X64_MSR_RESET, {
      read: () => 0n,
      write: (value) => {
        if ((value & RESET) !== 0n) options.onReset();
        return true;
      },
    });
    msrs.define(msr.HV_X64_MSR_TIME_REF_COUNT, { read: () => this.time.now() });
    msrs.define(msr.HV_X64_MSR_REFERENCE_TSC, {
      read: () => this.time.msr,
      write: (value) => this.time.writeMsr(value),
    });
    msrs.define(msr.HV_X64_MSR_TSC_FREQUENCY, { read: () => BigInt(options.tscFrequency) });
    msrs.define(msr.HV_X64_MSR_APIC_FREQUENCY, { read: () => BigInt(options.apicFrequency) });
  }

  /** TLFS 3.13: the page cannot be enabled without a guest OS identity, and a locked register no longer changes. */
  private writeHypercall(value: bigint): boolean {
    if ((this.hypercallMsr & HYPERCALL_LOCKED) !== 0n) return true;
    const effective = this.guestOsId === 0n ? value & ~HYPERCALL_ENABLE : value;
    if (!this.hypercallPage.program(effective)) return false;
    this.hypercallMsr = effective;
    return true;
  }

  private defineApicMsrs(apic: ApicAccess): void {
    const { msrs } = this;
    const done = (action: () => void) => {
      action();
      return true;
    };
    msrs.define(msr.HV_X64_MSR_EOI, { write: () => done(() => apic.eoi()) });
    msrs.define(msr.HV_X64_MSR_ICR, {
      read: () => apic.readIcr(),
      write: (value) => done(() => apic.writeIcr(value)),
    });
    msrs.define(msr.HV_X64_MSR_TPR, {
      read: () => BigInt(apic.readTpr()),
      write: (value) => value <= 0xffn && done(() => apic.writeTpr(Number(value))),
    });
    // "No EOI required" in the assist page is never set, so a guest that looks there always ends its interrupts itself.
    msrs.define(msr.HV_X64_MSR_VP_ASSIST_PAGE, {
      read: () => this.vpAssistMsr,
      write: (value) => {
        if (!this.vpAssistPage.program(value)) return false;
        this.vpAssistMsr = value;
        return true;
      },
    });
  }

  private defineSynicMsrs(): void {
    const { msrs, synic, stimers } = this;
    msrs.define(msr.HV_X64_MSR_SCONTROL, {
      read: () => synic.scontrol,
      write: (value) => {
        synic.scontrol = value;
        return true;
      },
    });
    msrs.define(msr.HV_X64_MSR_SVERSION, { read: () => SYNIC_VERSION });
    msrs.define(msr.HV_X64_MSR_SIEFP, { read: () => synic.siefpMsr, write: (value) => synic.writeSiefp(value) });
    msrs.define(msr.HV_X64_MSR_SIMP, { read: () => synic.simpMsr, write: (value) => synic.writeSimp(value) });
    msrs.define(msr.HV_X64_MSR_EOM, {
      read: () => 0n,
      write: () => {
        synic.endOfMessage();
        return true;
      },
    });
    msrs.defineRange(
      msr.HV_X64_MSR_SINT0,
      msr.HV_X64_MSR_SINT15,
      (sint) => synic.readSint(sint),
      (sint, value) => synic.writeSint(sint, value),
    );
    msrs.defineRange(
      msr.HV_X64_MSR_STIMER0_CONFIG,
      msr.HV_X64_MSR_STIMER3_COUNT,
      (offset) => stimers.read(offset),
      (offset, value) => {
        stimers.write(offset, value);
        return true;
      },
    );
  }
}
