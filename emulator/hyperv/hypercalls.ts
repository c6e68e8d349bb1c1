import type { GuestMemory } from "../cpu/guest-memory";
import type { ConnectionTable, HypercallPort } from "./interfaces";
import { HV_PAGE_SIZE } from "./overlay";
import {
  HV_STATUS_INSUFFICIENT_BUFFERS,
  HV_STATUS_INVALID_ALIGNMENT,
  HV_STATUS_INVALID_CONNECTION_ID,
  HV_STATUS_INVALID_HYPERCALL_CODE,
  HV_STATUS_INVALID_HYPERCALL_INPUT,
  HV_STATUS_INVALID_PARAMETER,
  HV_STATUS_INVALID_PORT_ID,
  HV_STATUS_SUCCESS,
} from "./status";
import { HV_EVENT_FLAGS_COUNT, HV_MESSAGE_PAYLOAD_BYTE_COUNT } from "./synic";

// The hypercall interface (TLFS 6.0b, chapter 3) and the calls of chapter 11 that VMBus lives on.

/** The guest's registers as a hypercall reads and writes them; 64-bit values, upper halves zero in 32-bit modes. */
export interface HypercallRegisters {
  rax: bigint;
  rbx: bigint;
  rcx: bigint;
  rdx: bigint;
  rsi: bigint;
  rdi: bigint;
  r8: bigint;
}

export const HvCallNotifyLongSpinWait = 0x0008;
export const HvCallPostMessage = 0x005c;
export const HvCallSignalEvent = 0x005d;

/** Fields of the hypercall input value (TLFS 3.7). */
const FAST = 1n << 16n;
const VARIABLE_HEADER = 0x3ffn << 17n;
const REP_COUNT_AND_START = (0xfffn << 32n) | (0xfffn << 48n);
/** Bits 30:27, 47:44 and 63:60 are reserved; bit 31 asks for a nested hypervisor, and there is none. */
const RESERVED = (0x1fn << 27n) | (0xfn << 44n) | (0xfn << 60n);

const CONNECTION_ID_MASK = 0xffffff;
/** HvCallPostMessage's input: connection id, reserved, message type, payload size, then the payload. */
const POST_MESSAGE_HEADER = 16;
const POST_MESSAGE_INPUT = POST_MESSAGE_HEADER + HV_MESSAGE_PAYLOAD_BYTE_COUNT;
const SIGNAL_EVENT_INPUT = 8;
const NOTIFY_LONG_SPIN_WAIT_INPUT = 8;
/** Message types from here up are the hypervisor's own. */
const HvMessageTypeHypervisor = 0x80000000;

interface Call {
  readonly inputSize: number;
  /** The input fits the two registers of a fast call. */
  readonly fastAllowed: boolean;
  /** @returns HV_STATUS */
  readonly handle: (input: DataView<ArrayBuffer>) => number;
}

const LOW_HALF = 0xffffffffn;

export class HypercallDispatcher implements ConnectionTable {
  private readonly ports = new Map<number, HypercallPort>();
  private readonly calls: ReadonlyMap<number, Call>;

  /** @param congested true while the guest leaves so many messages unread that no call may produce more */
  constructor(
    private readonly memory: GuestMemory,
    private readonly congested: () => boolean,
  ) {
    this.calls = new Map<number, Call>([
      // Nothing else could run meanwhile: with one processor the hint is only accepted.
      [
        HvCallNotifyLongSpinWait,
        { inputSize: NOTIFY_LONG_SPIN_WAIT_INPUT, fastAllowed: true, handle: () => HV_STATUS_SUCCESS },
      ],
      [
        HvCallPostMessage,
        { inputSize: POST_MESSAGE_INPUT, fastAllowed: false, handle: (input) => this.postMessage(input) },
      ],
      [
        HvCallSignalEvent,
        { inputSize: SIGNAL_EVENT_INPUT, fastAllowed: true, handle: (input) => this.signalEvent(input) },
      ],
    ]);
  }

  connect(connectionId: number, port: HypercallPort): void {
    this.ports.set(connectionId & CONNECTION_ID_MASK, port);
  }

  disconnect(connectionId: number): void {
    this.ports.delete(connectionId & CONNECTION_ID_MASK);
  }

  /**
   * Runs one hypercall and leaves its result in RAX, or EDX:EAX outside long mode (TLFS 3.8).
   * @param longMode the caller executes in 64-bit mode, not in compatibility or protected mode
   */
  run(registers: HypercallRegisters, longMode: boolean): void {
    if (longMode) {
      registers.rax = BigInt(this.dispatch(registers.rcx, registers.rdx, registers.r8));
      return;
    }
    const pair = (high: bigint, low: bigint) => ((high & LOW_HALF) << 32n) | (low & LOW_HALF);
    const status = this.dispatch(
      pair(registers.rdx, registers.rax),
      pair(registers.rbx, registers.rcx),
      pair(registers.rdi, registers.rsi),
    );
    registers.rax = BigInt(status);
    registers.rdx = 0n;
  }

  /** None of the calls repeats or has output, so the result value is its status alone. */
  private dispatch(control: bigint, input: bigint, fastHigh: bigint): number {
    const call = this.calls.get(Number(control & 0xffffn));
    if (!call) return HV_STATUS_INVALID_HYPERCALL_CODE;
    if ((control & (RESERVED | VARIABLE_HEADER | REP_COUNT_AND_START)) !== 0n) return HV_STATUS_INVALID_HYPERCALL_INPUT;
    if ((control & FAST) !== 0n) {
      if (!call.fastAllowed) return HV_STATUS_INVALID_HYPERCALL_INPUT;
      const view = new DataView(new ArrayBuffer(16));
      view.setBigUint64(0, input, true);
      view.setBigUint64(8, fastHigh, true);
      return call.handle(view);
    }
    if ((input & 7n) !== 0n) return HV_STATUS_INVALID_ALIGNMENT;
    if (Number(input & 0xfffn) + call.inputSize > HV_PAGE_SIZE) return HV_STATUS_INVALID_ALIGNMENT;
    if (input >= BigInt(this.memory.size)) return HV_STATUS_INVALID_PARAMETER;
    const bytes = this.memory.read(Number(input), call.inputSize);
    if (!bytes) return HV_STATUS_INVALID_PARAMETER;
    return call.handle(new DataView(bytes.buffer));
  }

  /** HvCallPostMessage (TLFS 11.11.1). */
  private postMessage(input: DataView<ArrayBuffer>): number {
    const port = this.ports.get(input.getUint32(0, true) & CONNECTION_ID_MASK);
    const messageType = input.getUint32(8, true);
    const payloadSize = input.getUint32(12, true);
    if (payloadSize > HV_MESSAGE_PAYLOAD_BYTE_COUNT) return HV_STATUS_INVALID_PARAMETER;
    if (messageType === 0 || messageType >= HvMessageTypeHypervisor) return HV_STATUS_INVALID_PARAMETER;
    if (!port) return HV_STATUS_INVALID_CONNECTION_ID;
    if (!port.postMessage) return HV_STATUS_INVALID_PORT_ID;
    if (this.congested()) return HV_STATUS_INSUFFICIENT_BUFFERS;
    const payload = new Uint8Array(input.buffer.slice(POST_MESSAGE_HEADER, POST_MESSAGE_HEADER + payloadSize));
    return port.postMessage(messageType, payload);
  }

  /** HvCallSignalEvent (TLFS 11.11.2). */
  private signalEvent(input: DataView<ArrayBuffer>): number {
    const port = this.ports.get(input.getUint32(0, true) & CONNECTION_ID_MASK);
    const flagNumber = input.getUint16(4, true);
    if (!port) return HV_STATUS_INVALID_CONNECTION_ID;
    if (!port.signalEvent) return HV_STATUS_INVALID_PORT_ID;
    if (flagNumber >= HV_EVENT_FLAGS_COUNT) return HV_STATUS_INVALID_PARAMETER;
    return port.signalEvent(flagNumber);
  }
}
