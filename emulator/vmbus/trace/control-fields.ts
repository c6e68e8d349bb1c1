import * as protocol from "../protocol";
import type { FieldReader } from "./field-reader";
import { hex, named } from "./text";

/** A type of control message. */
export interface ControlMessage {
  /** CHANNELMSG_* without that. */
  readonly name: string;
  readonly meaning: string;
  /** Reads what follows the header. */
  read(fields: FieldReader, context: ControlContext): void;
}

/** What a message's reading depends on besides its bytes. */
export interface ControlContext {
  /** Version that both sides agreed on, 0 before. */
  readonly agreed: number;
  /** Version of the last INITIATE_CONTACT. */
  readonly requested: number;
  /** Of an interface type, in lower case. */
  readonly deviceName: (interfaceId: string) => string | undefined;
}

/** Bits of an offer's chn_flags; the first name of a bit that had two. */
export const OFFER_FLAGS: Readonly<Record<number, string>> = {
  0x1: "ENUMERATE_DEVICE_INTERFACE",
  0x2: "SERVER_SUPPORTS_TRANSFER_PAGES",
  0x4: "SERVER_SUPPORTS_GPADLS",
  0x10: "NAMED_PIPE_MODE",
  0x100: "LOOPBACK_OFFER",
  0x200: "PARENT_OFFER",
  0x400: "REQUEST_MONITORED_NOTIFICATION",
  0x2000: "TLNPI_PROVIDER_OFFER",
};

const STATUSES: Readonly<Record<number, string>> = {
  [protocol.STATUS_SUCCESS]: "0 (success)",
  [protocol.STATUS_UNSUCCESSFUL]: "0xc0000001 (unsuccessful)",
  [protocol.STATUS_INVALID_PARAMETER]: "0xc000000d (invalid parameter)",
  [protocol.STATUS_CONNECTION_REFUSED]: "0xc0000236 (connection refused)",
};

/** The channel's number. */
export function relid(fields: FieldReader): void {
  fields.u32("child_relid");
}

/** Of a message that is only its header. */
export function nothing(): void {
  // Nothing follows.
}

export function status(value: number): string {
  return named(value, STATUSES, 8);
}

export function version(value: number): string {
  return `${protocol.versionText(value)} (${hex(value, 8)})`;
}

/** Ranges that a message shows in words; a guest may claim 65535. */
const SHOWN_RANGES = 4;

/** GPA_RANGEs as far as the message has them: the rest of a long list comes in bodies. */
export function describeGpadlRanges(fields: FieldReader, count: number): void {
  for (let index = 0; index < Math.min(count, SHOWN_RANGES) && fields.left >= 8; index++) {
    const name = `range[${index}]`;
    const byteCount = fields.u32(`${name}.byte_count`) ?? 0;
    const byteOffset = fields.u32(`${name}.byte_offset`) ?? 0;
    const pages = Math.ceil((byteOffset + byteCount) / 4096);
    fields.add(`${name}.pfns`, pages);
    const here = Math.min(pages, Math.floor(fields.left / 8));
    if (here > 0) fields.hex(`${name}.pfn_array`, 8 * here);
  }
}
