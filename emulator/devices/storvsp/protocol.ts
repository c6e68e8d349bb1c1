// The protocol of Hyper-V's storage devices, as struct vstor_packet and struct vmscsi_request of Linux's
// drivers/scsi/storvsc_drv.c and OpenVMM's storvsp_protocol have it. Little-endian.

export const SCSI_INTERFACE_ID = "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f";
export const IDE_INTERFACE_ID = "32412632-86cb-44a2-9b5c-50d1417354f5";

/** enum vstor_packet_operation */
export const VSTOR_OPERATION_COMPLETE_IO = 1;
export const VSTOR_OPERATION_EXECUTE_SRB = 3;
export const VSTOR_OPERATION_RESET_LUN = 4;
export const VSTOR_OPERATION_RESET_ADAPTER = 5;
export const VSTOR_OPERATION_RESET_BUS = 6;
export const VSTOR_OPERATION_BEGIN_INITIALIZATION = 7;
export const VSTOR_OPERATION_END_INITIALIZATION = 8;
export const VSTOR_OPERATION_QUERY_PROTOCOL_VERSION = 9;
export const VSTOR_OPERATION_QUERY_PROPERTIES = 10;
export const VSTOR_OPERATION_ENUMERATE_BUS = 11;
export const VSTOR_OPERATION_CREATE_SUB_CHANNELS = 13;

/** VMSTOR_PROTO_VERSION: major in the high byte. Windows Server 2008, 2008 R2, 2012, 2012 R2, 2016. */
export const VMSTOR_PROTO_VERSION_WIN6 = 0x0200;
export const VMSTOR_PROTO_VERSION_WIN7 = 0x0402;
export const VMSTOR_PROTO_VERSION_WIN8 = 0x0501;
export const VMSTOR_PROTO_VERSION_WIN8_1 = 0x0600;
export const VMSTOR_PROTO_VERSION_WIN10 = 0x0602;
export const VERSIONS: readonly number[] = [
  VMSTOR_PROTO_VERSION_WIN6,
  VMSTOR_PROTO_VERSION_WIN7,
  VMSTOR_PROTO_VERSION_WIN8,
  VMSTOR_PROTO_VERSION_WIN8_1,
  VMSTOR_PROTO_VERSION_WIN10,
];

/** NTSTATUS */
export const STATUS_SUCCESS = 0x00000000;
export const STATUS_BUFFER_OVERFLOW = 0x80000005;
export const STATUS_DEVICE_BUSY = 0x80000011;
export const STATUS_INVALID_PARAMETER = 0xc000000d;
export const STATUS_REVISION_MISMATCH = 0xc0000059;
export const STATUS_DEVICE_DOES_NOT_EXIST = 0xc00000c0;
export const STATUS_CANCELLED = 0xc0000120;
export const STATUS_INVALID_DEVICE_STATE = 0xc0000184;
export const STATUS_IO_DEVICE_ERROR = 0xc0000185;

/** SRB status: what became of a request, with flags in the two high bits. */
export const SRB_STATUS_SUCCESS = 0x01;
export const SRB_STATUS_ABORTED = 0x02;
export const SRB_STATUS_ERROR = 0x04;
export const SRB_STATUS_BUSY = 0x05;
export const SRB_STATUS_INVALID_REQUEST = 0x06;
export const SRB_STATUS_DATA_OVERRUN = 0x12;
export const SRB_STATUS_INVALID_LUN = 0x20;
export const SRB_STATUS_AUTOSENSE_VALID = 0x80;

/** struct vstor_packet before its union: u32 operation, u32 flags, u32 status. */
export const HEADER_SIZE = 12;
/** struct vmscsi_request of Windows Server 2008 R2, and with the extension of 2012. Both are a whole packet's union. */
export const VMSCSI_REQUEST_SIZE = 0x24;
export const VMSCSI_REQUEST_SIZE_WIN8 = 0x34;
/** Sense data and the CDB share these bytes. */
const CDB_OFFSET = 16;
export const CDB_LENGTH = 16;
/** STORVSC_SENSE_BUFFER_SIZE: guests copy as many bytes as we say, and old ones have room for 0x12 only. */
export const SENSE_BUFFER_SIZE = 0x14;

/** enum storvsc_request_type, field data_in. */
const WRITE_TYPE = 0;
const READ_TYPE = 1;

export const STORAGE_CHANNEL_SUPPORTS_MULTI_CHANNEL = 0x1;

/** What the guest asks for. */
export type Request =
  | { readonly kind: "begin-initialization" }
  | { readonly kind: "end-initialization" }
  | { readonly kind: "query-protocol-version"; readonly version: number }
  | { readonly kind: "query-properties" }
  | { readonly kind: "create-sub-channels"; readonly count: number }
  | { readonly kind: "reset" }
  | { readonly kind: "execute-srb"; readonly srb: Srb }
  | { readonly kind: "unknown"; readonly operation: number };

/** A SCSI request block: a command, and where it goes. */
export interface Srb {
  readonly pathId: number;
  readonly targetId: number;
  readonly lun: number;
  /** CDB_LENGTH bytes; what is beyond the CDB's own length is 0. */
  readonly cdb: Uint8Array<ArrayBuffer>;
  readonly direction: "none" | "in" | "out";
  /** Bytes. */
  readonly dataTransferLength: number;
}

/** Result of a request block. */
export interface SrbResult {
  /** SRB_STATUS_*. */
  readonly srbStatus: number;
  /** NTSTATUS. */
  readonly status: number;
  readonly scsiStatus: number;
  readonly sense?: Uint8Array;
  /** Bytes. */
  readonly dataTransferLength: number;
}

function decodeSrb(bytes: Uint8Array<ArrayBuffer>): Srb | undefined {
  if (bytes.length < VMSCSI_REQUEST_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cdbLength = Math.min(view.getUint8(8), CDB_LENGTH);
  const cdb = new Uint8Array(CDB_LENGTH);
  cdb.set(bytes.subarray(CDB_OFFSET, CDB_OFFSET + cdbLength));
  const dataIn = view.getUint8(10);
  return {
    pathId: view.getUint8(5),
    targetId: view.getUint8(6),
    lun: view.getUint8(7),
    cdb,
    direction: dataIn === READ_TYPE ? "in" : dataIn === WRITE_TYPE ? "out" : "none",
    dataTransferLength: view.getUint32(12, true),
  };
}

/** Takes a packet's payload apart; undefined if it is too short for what it says it is. */
export function decodeRequest(payload: Uint8Array<ArrayBuffer>): Request | undefined {
  if (payload.length < HEADER_SIZE) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const operation = view.getUint32(0, true);
  const field = payload.length >= HEADER_SIZE + 2 ? view.getUint16(HEADER_SIZE, true) : undefined;
  switch (operation) {
    case VSTOR_OPERATION_BEGIN_INITIALIZATION:
      return { kind: "begin-initialization" };
    case VSTOR_OPERATION_END_INITIALIZATION:
      return { kind: "end-initialization" };
    case VSTOR_OPERATION_QUERY_PROTOCOL_VERSION:
      return field === undefined ? undefined : { kind: "query-protocol-version", version: field };
    case VSTOR_OPERATION_QUERY_PROPERTIES:
      return { kind: "query-properties" };
    case VSTOR_OPERATION_CREATE_SUB_CHANNELS:
      return field === undefined ? undefined : { kind: "create-sub-channels", count: field };
    case VSTOR_OPERATION_RESET_LUN:
    case VSTOR_OPERATION_RESET_ADAPTER:
    case VSTOR_OPERATION_RESET_BUS:
      return { kind: "reset" };
    case VSTOR_OPERATION_EXECUTE_SRB: {
      const srb = decodeSrb(payload.subarray(HEADER_SIZE));
      return srb && { kind: "execute-srb", srb };
    }
    default:
      return { kind: "unknown", operation };
  }
}

/**
 * A packet to the guest.
 * @param size bytes of the packet. Guests hold an answer to be as long as their request, and Linux sends the longest
 *   form until a version is agreed on.
 * @param content what follows the header; cut or padded with zeros
 */
export function encodePacket(
  operation: number,
  status: number,
  size: number,
  content: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, operation, true);
  view.setUint32(8, status, true);
  bytes.set(content.subarray(0, size - HEADER_SIZE), HEADER_SIZE);
  return bytes;
}

/** struct vmstorage_protocol_version */
export function encodeVersion(version: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(version & 0xff, version >>> 8, 0, 0);
}

/** struct vmstorage_channel_properties */
export function encodeProperties(
  maxSubChannels: number,
  flags: number,
  maxTransferBytes: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, maxSubChannels, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, maxTransferBytes, true);
  return bytes;
}

/** struct vmscsi_request of an answer. */
export function encodeSrbResult(srb: Srb, result: SrbResult): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(VMSCSI_REQUEST_SIZE_WIN8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, VMSCSI_REQUEST_SIZE_WIN8, true);
  bytes[2] = result.srbStatus | (result.sense ? SRB_STATUS_AUTOSENSE_VALID : 0);
  bytes[3] = result.scsiStatus;
  bytes[5] = srb.pathId;
  bytes[6] = srb.targetId;
  bytes[7] = srb.lun;
  bytes[8] = CDB_LENGTH;
  bytes[9] = result.sense ? Math.min(result.sense.length, SENSE_BUFFER_SIZE) : 0;
  view.setUint32(12, result.dataTransferLength, true);
  if (result.sense) bytes.set(result.sense.subarray(0, SENSE_BUFFER_SIZE), CDB_OFFSET);
  return bytes;
}
