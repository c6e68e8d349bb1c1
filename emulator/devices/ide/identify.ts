// What IDENTIFY DEVICE and IDENTIFY PACKET DEVICE tell (ATA8-ACS, 7.16 and 7.17): 256 words. Names, and DMA up to
// multiword mode 2, are those that Hyper-V's guests print.

import type { Geometry } from "./task-file";

const WORDS = 256;
/** Multiword DMA modes 0 to 2, PIO modes 3 and 4, and their cycle times in ns. */
const MULTIWORD_DMA_MODES = 0x0007;
const PIO_MODES = 0x0003;
const CYCLE_NS = 120;
/** ATA/ATAPI-4 to ATA8-ACS. */
const MAJOR_VERSIONS = 0x01f0;
/** In words 83, 84, 87 and others: bit 14 set and bit 15 clear say that the word is valid. */
const VALID = 0x4000;
const LBA28_SECTORS = 0x0fff_ffff;
/** The largest block of READ and WRITE MULTIPLE, sectors. */
export const MAXIMUM_MULTIPLE = 128;

export interface DiskIdentity {
  readonly serial: string;
  readonly sectors: number;
  readonly sectorSize: number;
  readonly physicalSectorSize: number;
  readonly defaultGeometry: Geometry;
  readonly geometry: Geometry;
  /** Sectors a block that SET MULTIPLE MODE chose, or 0. */
  readonly multiple: number;
  readonly writeCache: boolean;
  /** The selected multiword DMA mode, or undefined. */
  readonly dmaMode: number | undefined;
}

class Words {
  private readonly words = new Uint16Array(WORDS);

  set(index: number, ...values: number[]): this {
    this.words.set(values, index);
    return this;
  }

  set32(index: number, value: number): this {
    return this.set(index, value & 0xffff, value >>> 16);
  }

  /** Text has its first character in a word's high byte. */
  text(index: number, words: number, text: string): this {
    for (let word = 0; word < words; word++) {
      const code = (at: number): number => text.charCodeAt(at) || 0x20;
      this.set(index + word, (code(2 * word) << 8) | code(2 * word + 1));
    }
    return this;
  }

  /** As the data register gives them, with the checksum of word 255. */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(2 * WORDS);
    this.words.forEach((word, index) => bytes.set([word & 0xff, word >>> 8], 2 * index));
    bytes[510] = 0xa5;
    bytes[511] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
    return bytes;
  }
}

function modes(words: Words, dmaMode: number | undefined): Words {
  return words
    .set(63, MULTIWORD_DMA_MODES | (dmaMode === undefined ? 0 : 0x100 << dmaMode))
    .set(64, PIO_MODES, CYCLE_NS, CYCLE_NS, CYCLE_NS, CYCLE_NS)
    .set(80, MAJOR_VERSIONS);
}

function shape({ cylinders, heads, sectorsPerTrack }: Geometry): number[] {
  return [cylinders, heads, sectorsPerTrack];
}

/** A disk. Word 106 tells of sectors that are not 512 bytes long. */
export function identifyDevice(disk: DiskIdentity): Uint8Array<ArrayBuffer> {
  const { geometry, defaultGeometry, sectors, sectorSize, multiple } = disk;
  const exponent = Math.max(0, Math.log2(disk.physicalSectorSize / sectorSize));
  const perLogical = sectorSize / 2;
  const words = modes(new Words(), disk.dmaMode)
    .set(0, 0x0040)
    .set(1, defaultGeometry.cylinders)
    .set(3, defaultGeometry.heads)
    .set(6, defaultGeometry.sectorsPerTrack)
    .text(10, 10, disk.serial)
    .text(23, 4, "1.1.0")
    .text(27, 20, "Virtual HD")
    .set(47, 0x8000 | MAXIMUM_MULTIPLE)
    // LBA, DMA, IORDY; words 54 to 58 and 64 to 70 are valid.
    .set(49, 0x0f00, VALID)
    .set(53, 0x0003, ...shape(geometry))
    .set32(57, geometry.cylinders * geometry.heads * geometry.sectorsPerTrack)
    .set(59, multiple === 0 ? 0 : 0x0100 | multiple)
    .set32(60, Math.min(sectors, LBA28_SECTORS))
    // Power management, write cache, look-ahead; 48-bit addresses, FLUSH CACHE and its EXT; WRITE DMA FUA EXT.
    .set(82, 0x0068, VALID | 0x3400, VALID | 0x0040)
    .set(85, 0x0048 | (disk.writeCache ? 0x0020 : 0), 0x3400, VALID | 0x0040)
    .set32(100, sectors >>> 0)
    .set32(102, Math.floor(sectors / 0x1_0000_0000))
    .set(106, VALID | (exponent > 0 ? 0x2000 | exponent : 0) | (sectorSize === 512 ? 0 : 0x1000))
    .set(209, VALID)
    // Not a rotating medium.
    .set(217, 1);
  if (sectorSize !== 512) words.set32(117, perLogical);
  return words.bytes();
}

/** A CD or DVD drive: removable medium, packets of 12 bytes that it takes within 50 us. */
export function identifyPacketDevice(serial: string, dmaMode: number | undefined): Uint8Array<ArrayBuffer> {
  return (
    modes(new Words(), dmaMode)
      .set(0, 0x85c0)
      .text(10, 10, serial)
      .text(23, 4, "")
      .text(27, 20, "Virtual CD")
      .set(49, 0x0b00)
      .set(53, 0x0002)
      // PACKET, DEVICE RESET, power management.
      .set(82, 0x0218, VALID, VALID)
      .set(85, 0x0218, 0, VALID)
      .bytes()
  );
}
