import type { LogicalUnit, ScsiCommand, ScsiReply } from "../../../emulator/devices/scsi/command";
import { CheckCondition, INVALID_FIELD_IN_CDB } from "../../../emulator/devices/scsi/sense";

export interface Result {
  readonly status: number;
  readonly sense: string | undefined;
  readonly data: Uint8Array;
  readonly transferred: number;
}

/** Sends a CDB to a logical unit: with data to write, or with room to read into. */
export async function send(
  unit: LogicalUnit,
  cdb: readonly number[],
  { read = 0, write, atOnce = false }: { read?: number; write?: Uint8Array | readonly number[]; atOnce?: boolean } = {},
): Promise<Result> {
  const bytes = new Uint8Array(16);
  bytes.set(cdb);
  const out = Uint8Array.from(write ?? []);
  const command: ScsiCommand = {
    cdb: bytes,
    dataInLength: read,
    dataOutLength: out.length,
    atOnce,
    room: (length) => new Uint8Array(length).fill(0xa5),
    dataOut: (offset, length) => {
      if (offset + length > out.length) throw new CheckCondition(INVALID_FIELD_IN_CDB);
      return out.slice(offset, offset + length);
    },
  };
  const reply: ScsiReply = await unit.execute(command);
  const { sense } = reply;
  return {
    status: reply.status,
    sense: sense && [sense.key, sense.asc, sense.ascq].map((value) => value.toString(16)).join("/"),
    data: reply.dataIn ?? new Uint8Array(0),
    transferred: reply.transferred,
  };
}

export function u32be(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function text(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
