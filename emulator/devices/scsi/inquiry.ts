// Standard INQUIRY data and vital product data pages (SPC-4, 6.6 and 7.8; SBC-3, 6.6), in the shape that Hyper-V's
// virtual devices give them.

import { type ScsiCommand, type ScsiReply, dataReply, u16 } from "./command";
import { VPD_DEVICE_IDENTIFICATION, VPD_SUPPORTED_PAGES, VPD_UNIT_SERIAL_NUMBER } from "./opcodes";
import { CheckCondition, INVALID_FIELD_IN_CDB } from "./sense";

const STANDARD_SIZE = 96;
/** VERSION: SPC-3. */
const VERSION_SPC_3 = 0x05;
const RESPONSE_DATA_FORMAT = 0x02;
const COMMAND_QUEUE = 0x02;
const REMOVABLE_MEDIUM = 0x80;

const VENDOR = "Msft";
/** Microsoft's IEEE company id, 00-22-48, follows NAA type 6. */
const NAA_6_MICROSOFT = [0x60, 0x02, 0x24, 0x80];
const IDENTIFIER_TYPE_T10_VENDOR = 1;
const IDENTIFIER_TYPE_NAA = 3;
const CODE_SET_BINARY = 1;

export interface Identity {
  /** Peripheral qualifier and device type. */
  readonly type: number;
  readonly removable: boolean;
  /** At most 16 characters. */
  readonly product: string;
}

function putText(bytes: Uint8Array, offset: number, length: number, text: string): void {
  for (let index = 0; index < length; index++) bytes[offset + index] = text.charCodeAt(index) || 0x20;
}

/** Standard INQUIRY data. */
export function standardInquiry({ type, removable, product }: Identity): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(STANDARD_SIZE);
  bytes[0] = type;
  bytes[1] = removable ? REMOVABLE_MEDIUM : 0;
  bytes[2] = VERSION_SPC_3;
  bytes[3] = RESPONSE_DATA_FORMAT;
  bytes[4] = STANDARD_SIZE - 5;
  bytes[7] = COMMAND_QUEUE;
  putText(bytes, 8, 8, VENDOR);
  putText(bytes, 16, 16, product);
  putText(bytes, 32, 4, "1.0");
  return bytes;
}

/** Page 80h: what tells this unit from others, as text. */
export function unitSerialNumber(id: Uint8Array): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode([...id].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}

function designator(type: number, identifier: readonly number[]): number[] {
  return [CODE_SET_BINARY, type, 0, identifier.length, ...identifier];
}

/** Page 83h: a T10 vendor designator and an NAA one, both made of the unit's 16-byte id. */
export function deviceIdentification(id: Uint8Array): Uint8Array<ArrayBuffer> {
  const vendor = new Uint8Array(8);
  putText(vendor, 0, 8, VENDOR);
  return Uint8Array.from([
    ...designator(IDENTIFIER_TYPE_T10_VENDOR, [...vendor, ...id]),
    ...designator(IDENTIFIER_TYPE_NAA, [...NAA_6_MICROSOFT, ...id.subarray(0, 6), ...id.subarray(10, 16)]),
  ]);
}

/**
 * INQUIRY.
 * @param id 16 bytes that name the unit
 * @param morePages the unit's own pages: by code, what follows the 4 bytes of header
 */
export function inquiry(
  command: ScsiCommand,
  identity: Identity,
  id: Uint8Array,
  morePages: ReadonlyMap<number, () => Uint8Array> = new Map(),
): ScsiReply {
  const { cdb } = command;
  const vital = ((cdb[1] ?? 0) & 0x01) !== 0;
  const page = cdb[2] ?? 0;
  const allocationLength = u16(cdb, 3);
  // CMDDT is obsolete, and a page code without EVPD means nothing.
  if (((cdb[1] ?? 0) & 0x02) !== 0 || (!vital && page !== 0)) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  if (!vital) return dataReply(command, standardInquiry(identity), allocationLength);
  const pages: ReadonlyMap<number, () => Uint8Array> = new Map<number, () => Uint8Array>([
    [VPD_SUPPORTED_PAGES, () => Uint8Array.from(codes)],
    [VPD_UNIT_SERIAL_NUMBER, () => unitSerialNumber(id)],
    [VPD_DEVICE_IDENTIFICATION, () => deviceIdentification(id)],
    ...morePages,
  ]);
  const codes: number[] = [...pages.keys()].sort((a, b) => a - b);
  const content = pages.get(page)?.();
  if (!content) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const bytes = new Uint8Array(4 + content.length);
  bytes.set([identity.type, page, content.length >>> 8, content.length & 0xff]);
  bytes.set(content, 4);
  return dataReply(command, bytes, allocationLength);
}
