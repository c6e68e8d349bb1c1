import * as ata from "./ata";

/** What a command that reads, writes or verifies sectors wants. */
export interface Transfer {
  readonly direction: "read" | "write" | "verify";
  /** By the bus master; otherwise through the data register. */
  readonly dma: boolean;
  /** In blocks that SET MULTIPLE MODE chose. */
  readonly multiple: boolean;
  /** With 48-bit addresses and 16-bit counts. */
  readonly extended: boolean;
  /** The answer waits for the medium. */
  readonly durable: boolean;
}

type Properties = "dma" | "multiple" | "extended" | "durable";

function transfer(direction: Transfer["direction"], ...properties: Properties[]): Transfer {
  const has = (property: Properties): boolean => properties.includes(property);
  return {
    direction,
    dma: has("dma"),
    multiple: has("multiple"),
    extended: has("extended"),
    durable: has("durable"),
  };
}

const TRANSFERS = new Map<number, Transfer>([
  [ata.READ_SECTORS, transfer("read")],
  [ata.READ_SECTORS_NO_RETRY, transfer("read")],
  [ata.READ_SECTORS_EXT, transfer("read", "extended")],
  [ata.READ_MULTIPLE, transfer("read", "multiple")],
  [ata.READ_MULTIPLE_EXT, transfer("read", "multiple", "extended")],
  [ata.READ_DMA, transfer("read", "dma")],
  [ata.READ_DMA_NO_RETRY, transfer("read", "dma")],
  [ata.READ_DMA_EXT, transfer("read", "dma", "extended")],
  [ata.WRITE_SECTORS, transfer("write")],
  [ata.WRITE_SECTORS_NO_RETRY, transfer("write")],
  [ata.WRITE_SECTORS_EXT, transfer("write", "extended")],
  [ata.WRITE_MULTIPLE, transfer("write", "multiple")],
  [ata.WRITE_MULTIPLE_EXT, transfer("write", "multiple", "extended")],
  [ata.WRITE_MULTIPLE_FUA_EXT, transfer("write", "multiple", "extended", "durable")],
  [ata.WRITE_DMA, transfer("write", "dma")],
  [ata.WRITE_DMA_NO_RETRY, transfer("write", "dma")],
  [ata.WRITE_DMA_EXT, transfer("write", "dma", "extended")],
  [ata.WRITE_DMA_FUA_EXT, transfer("write", "dma", "extended", "durable")],
  [ata.READ_VERIFY_SECTORS, transfer("verify")],
  [ata.READ_VERIFY_SECTORS_NO_RETRY, transfer("verify")],
  [ata.READ_VERIFY_SECTORS_EXT, transfer("verify", "extended")],
]);

/** Undefined if the command is another one. */
export function transferOf(command: number): Transfer | undefined {
  return TRANSFERS.get(command);
}

/** Count of SET FEATURES, "set transfer mode": PIO by default or flow control up to mode 4, multiword DMA up to mode 2. */
export function isTransferMode(count: number): boolean {
  return count <= 0x01 || (count >= 0x08 && count <= 0x0c) || (count >= 0x20 && count <= 0x22);
}

/** The multiword DMA mode that such a count selects; undefined for PIO. */
export function dmaModeOf(count: number): number | undefined {
  return count >= 0x20 ? count - 0x20 : undefined;
}
