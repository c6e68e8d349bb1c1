// GET CONFIGURATION (MMC-6, 5 and 6.6): the features of a drive that reads DVD-ROM and CD-ROM.

import { type ScsiCommand, type ScsiReply, dataReply, u16 } from "./command";
import { CheckCondition, INVALID_FIELD_IN_CDB } from "./sense";

const PROFILE_DVD_ROM = 0x0010;
const PROFILE_CD_ROM = 0x0008;

interface Feature {
  readonly code: number;
  readonly version: number;
  readonly persistent: boolean;
  /** Current only with a medium. */
  readonly needsMedium: boolean;
  readonly data: (loaded: boolean) => readonly number[];
}

const FEATURES: readonly Feature[] = [
  {
    // Profile List
    code: 0x0000,
    version: 0,
    persistent: true,
    needsMedium: false,
    data: (loaded) => [PROFILE_DVD_ROM >>> 8, PROFILE_DVD_ROM & 0xff, loaded ? 1 : 0, 0, 0, PROFILE_CD_ROM, 0, 0],
  },
  // Core: ATAPI or SCSI family, with the INQ2 and DBE bits.
  { code: 0x0001, version: 2, persistent: true, needsMedium: false, data: () => [0, 0, 0, 1, 0x03, 0, 0, 0] },
  // Morphing: asynchronous events are not known, operational change is.
  { code: 0x0002, version: 1, persistent: true, needsMedium: false, data: () => [0x02, 0, 0, 0] },
  // Removable Medium: tray, ejects, can be locked.
  { code: 0x0003, version: 1, persistent: true, needsMedium: false, data: () => [0x29, 0, 0, 0] },
  // Random Readable: 2048 bytes a block, one block a transfer at least.
  { code: 0x0010, version: 0, persistent: false, needsMedium: true, data: () => [0, 0, 8, 0, 0, 1, 0, 0] },
  // CD Read
  { code: 0x001e, version: 2, persistent: false, needsMedium: false, data: () => [0, 0, 0, 0] },
  // DVD Read
  { code: 0x001f, version: 1, persistent: false, needsMedium: true, data: () => [0, 0, 0, 0] },
  // Power Management
  { code: 0x0100, version: 0, persistent: true, needsMedium: false, data: () => [] },
];

/** GET CONFIGURATION. @param loaded whether a medium is in */
export function getConfiguration(command: ScsiCommand, loaded: boolean): ScsiReply {
  const { cdb } = command;
  const type = (cdb[1] ?? 0) & 0x03;
  const start = u16(cdb, 2);
  if (type === 3) throw new CheckCondition(INVALID_FIELD_IN_CDB);
  const isCurrent = (feature: Feature): boolean => feature.persistent || (feature.needsMedium && loaded);
  const chosen = FEATURES.filter((feature) =>
    type === 2 ? feature.code === start : feature.code >= start && (type === 0 || isCurrent(feature)),
  );
  const body = chosen.flatMap((feature) => {
    const data = feature.data(loaded);
    const flags = (feature.version << 2) | (feature.persistent ? 2 : 0) | (isCurrent(feature) ? 1 : 0);
    return [feature.code >>> 8, feature.code & 0xff, flags, data.length, ...data];
  });
  const bytes = new Uint8Array(8 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  view.setUint16(6, loaded ? PROFILE_DVD_ROM : 0);
  bytes.set(body, 8);
  return dataReply(command, bytes, u16(cdb, 7));
}
