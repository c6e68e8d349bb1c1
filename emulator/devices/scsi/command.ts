import { STATUS_CHECK_CONDITION, STATUS_GOOD } from "./opcodes";
import { CheckCondition, INTERNAL_TARGET_FAILURE, INVALID_COMMAND_OPERATION_CODE, type Sense } from "./sense";

/** Bytes of a command descriptor block as transports hand it over, padded with zeros. */
export const CDB_SIZE = 16;

/** A command on its way to a logical unit. It knows nothing of the transport that brought it. */
export interface ScsiCommand {
  /** CDB_SIZE bytes. */
  readonly cdb: Uint8Array;
  /** Bytes that the initiator is ready to take; 0 unless it wants to read. */
  readonly dataInLength: number;
  /** Bytes that the initiator has for the device; 0 unless it wants to write. */
  readonly dataOutLength: number;
  /** Whether host I/O that need not be waited for may be answered at once, and not only by a promise. */
  readonly atOnce: boolean;
  /** Memory for data, the command's until its reply has been taken; what is in it is left from others. */
  room(length: number): Uint8Array<ArrayBuffer>;
  /**
   * A copy of `length` bytes of what the initiator sends, from `offset` on; the command's, as room() is. Throws
   * CheckCondition if it has less.
   */
  dataOut(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/** How a command ended. */
export interface ScsiReply {
  /** STATUS_*. */
  readonly status: number;
  /** With CHECK CONDITION. */
  readonly sense?: Sense;
  /** For the initiator's buffer, from its beginning; never more than dataInLength. */
  readonly dataIn?: Uint8Array;
  /** Bytes that went to or came from the initiator. */
  readonly transferred: number;
}

/** Something that executes commands at a logical unit number. */
export interface LogicalUnit {
  /** For users: what it is. */
  readonly kind: "disk" | "dvd";
  /**
   * Executes a command. A reply that is there at once means that no host I/O was needed, or that the command takes it
   * so. Never throws, and the promise never rejects.
   */
  execute(command: ScsiCommand): ScsiReply | Promise<ScsiReply>;
  /** The transport was reset, or the initiator is gone: what it had locked is free again. */
  reset(): void;
}

export function good(transferred = 0): ScsiReply {
  return { status: STATUS_GOOD, transferred };
}

/** GOOD with data, cut to what the initiator takes and to the command's allocation length. */
export function dataReply(command: ScsiCommand, data: Uint8Array, allocationLength = Infinity): ScsiReply {
  const length = Math.min(data.length, allocationLength, command.dataInLength);
  return { status: STATUS_GOOD, dataIn: data.subarray(0, length), transferred: length };
}

export function checkCondition(sense: Sense): ScsiReply {
  return { status: STATUS_CHECK_CONDITION, sense, transferred: 0 };
}

/** What a handler threw, as a reply; anything but CheckCondition is a defect that only this command shall feel. */
export function failed(error: unknown): ScsiReply {
  return checkCondition(error instanceof CheckCondition ? error.sense : INTERNAL_TARGET_FAILURE);
}

/** What a logical unit does for one operation code. Throws CheckCondition, or rejects with it. */
export type Handler = (command: ScsiCommand) => ScsiReply | Promise<ScsiReply>;

/** Executes a command by its operation code. Never throws, and the promise never rejects. */
export function dispatch(handlers: ReadonlyMap<number, Handler>, command: ScsiCommand): ScsiReply | Promise<ScsiReply> {
  const handler = handlers.get(command.cdb[0] ?? 0);
  if (!handler) return checkCondition(INVALID_COMMAND_OPERATION_CODE);
  try {
    const reply = handler(command);
    return reply instanceof Promise ? reply.catch(failed) : reply;
  } catch (error) {
    return failed(error);
  }
}

export function u16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

export function u24(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 16) | u16(bytes, offset + 1);
}

export function u32(bytes: Uint8Array, offset: number): number {
  return u16(bytes, offset) * 0x10000 + u16(bytes, offset + 2);
}

/** A 64-bit field; what a number cannot hold exactly comes out larger than any disk. */
export function u64(bytes: Uint8Array, offset: number): number {
  return u32(bytes, offset) * 0x1_0000_0000 + u32(bytes, offset + 4);
}
