import { StorageDevices } from "../../../emulator/devices/storvsp/storage-devices";
import type { DriveAttachment, DriveLocation } from "../../../emulator/machine-types";
import type { Disk } from "../../../emulator/storage/disk";
import { HostWork } from "../../../emulator/time/host-work";
import { type FakeChannel, FakeGuest, type GuestMessage, type GuestPacket } from "../vmbus/fake-guest";
import { FakeMachine } from "../vmbus/fake-machine";

// A guest's storvsc as far as tests need it. It has its own idea of every offset, from the layouts in storvsc_drv.c.

const PAGE = 4096;
export const SCSI_INTERFACE = "d96361baa104294db60572e2ffb1dc7f";

export interface Generation {
  /** Version that the driver wants, and the size of its vmscsi_request. */
  readonly version: number;
  readonly requestSize: number;
}

export const OLD: Generation = { version: 0x0402, requestSize: 0x24 };
export const NEW: Generation = { version: 0x0602, requestSize: 0x34 };

export interface StorPacket {
  readonly transactionId: bigint;
  readonly operation: number;
  readonly status: number;
  readonly length: number;
  readonly body: DataView<ArrayBuffer>;
}

export interface Completion {
  readonly srbStatus: number;
  readonly scsiStatus: number;
  readonly transferred: number;
  /** key/asc/ascq as text, if autosense is valid. */
  readonly sense: string | undefined;
  /** What the buffer holds. */
  readonly data: Uint8Array<ArrayBuffer>;
}

export interface SrbOptions {
  readonly read?: number;
  readonly write?: Uint8Array;
  readonly path?: number;
  readonly target?: number;
  readonly lun?: number;
  /** Says so in the request, whatever the buffer has. */
  readonly claimedLength?: number;
  /** Byte offset of the buffer in its first page. */
  readonly offset?: number;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Lets promises that are ready run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

export class FakeHost {
  readonly machine = new FakeMachine(16 << 20);
  readonly work: HostWork;
  /** What went to the emulated IDE controllers. */
  readonly emulated: string[] = [];
  readonly ejected: { location: DriveLocation; image: Disk }[] = [];
  readonly storage: StorageDevices;
  readonly guest = new FakeGuest(this.machine);

  constructor(drives: readonly DriveAttachment[] = [], time: "real" | "virtual" = "virtual") {
    this.work = new HostWork(this.machine.timers, time === "virtual");
    this.storage = new StorageDevices({
      vmbus: this.machine.vmbus,
      work: this.work,
      log: (source, message) => void this.machine.log.push(`${source}: ${message}`),
      ide: { attach: (channel, drive, unit) => void this.emulated.push(`${channel}:${drive} ${unit.kind}`) },
      onEjected: (location, image) => void this.ejected.push({ location, image }),
    });
    for (const drive of drives) this.storage.attach(drive);
    this.storage.start();
    this.guest.start();
    this.guest.contact(0x30000);
  }

  /** Passes time as the run loop does, until nothing is under way, or what is waits for the test. */
  async run(): Promise<void> {
    const { clock, timers } = this.machine;
    const end = clock.time + 200_000_000;
    for (;;) {
      await settle();
      const next = timers.nextDeadline;
      if (next > end) return;
      clock.time = Math.max(clock.time, next);
      if (this.work.stalled) return;
      timers.runDue();
    }
  }
}

export class FakeStorvsc {
  readonly channel: FakeChannel;
  private nextId = 1n;

  constructor(
    private readonly host: FakeHost,
    offer: GuestMessage,
    private readonly generation: Generation,
  ) {
    this.channel = host.guest.openChannel(offer, 8);
  }

  /** storvsc_channel_init. */
  static start(host: FakeHost, offer: GuestMessage, generation: Generation): FakeStorvsc {
    const driver = new FakeStorvsc(host, offer, generation);
    const statuses = [
      driver.operation(7).status,
      driver.operation(9, [generation.version & 0xff, generation.version >>> 8]).status,
      driver.operation(10).status,
      driver.operation(8).status,
    ];
    if (statuses.some((status) => status !== 0)) throw new Error(`initialization: ${statuses.join()}`);
    return driver;
  }

  /** Sends a packet and takes its completion, which must be there at once. */
  operation(operation: number, body: readonly number[] = []): StorPacket {
    const id = this.send(operation, Uint8Array.from(body));
    const answer = this.receive();
    if (answer?.transactionId !== id) throw new Error("no answer");
    return answer;
  }

  /** @returns the transaction id */
  send(operation: number, body: Uint8Array, extra?: Uint8Array<ArrayBuffer>, size?: number): bigint {
    const bytes = new Uint8Array(size ?? 12 + this.generation.requestSize);
    const view = new DataView(bytes.buffer);
    if (bytes.length >= 8) {
      view.setUint32(0, operation, true);
      view.setUint32(4, 1, true);
    }
    bytes.set(body.subarray(0, Math.max(0, bytes.length - 12)), Math.min(12, bytes.length));
    const transactionId = this.nextId++;
    const sent = this.channel.send(extra ? 9 : 6, bytes, { transactionId, completion: true, extra });
    if (!sent) throw new Error("ring is full");
    return transactionId;
  }

  /** A completion or a notification, as far as storvsc reads it. */
  receive(): StorPacket | undefined {
    const packet: GuestPacket | undefined = this.channel.receive();
    if (!packet) return undefined;
    const view = new DataView(packet.payload.buffer);
    return {
      transactionId: packet.transactionId,
      operation: view.getUint32(0, true),
      status: view.getUint32(8, true),
      length: packet.payload.length,
      body: new DataView(packet.payload.buffer, 12),
    };
  }

  /** Sends a CDB. @returns what reads the result when it is there */
  submit(cdb: readonly number[], options: SrbOptions = {}): () => Completion | undefined {
    const { memory } = this.host.machine;
    const length = options.write?.length ?? options.read ?? 0;
    const offset = options.offset ?? 0;
    const pages = Math.ceil((offset + length) / PAGE);
    // In descending order: nothing may rely on their being contiguous.
    const gpas = Array.from({ length: pages }, () => this.host.guest.allocate(1)).reverse();
    const at = (index: number): number => (gpas[Math.floor((offset + index) / PAGE)] ?? 0) + ((offset + index) % PAGE);
    options.write?.forEach((byte, index) => memory.writeU8(at(index), byte));
    const srb = new Uint8Array(this.generation.requestSize);
    const view = new DataView(srb.buffer);
    view.setUint16(0, srb.length, true);
    srb[5] = options.path ?? 0;
    srb[6] = options.target ?? 0;
    srb[7] = options.lun ?? 0;
    srb[8] = cdb.length;
    srb[9] = this.generation.requestSize === 0x24 ? 0x12 : 0x14;
    srb[10] = options.write ? 0 : options.read === undefined ? 2 : 1;
    view.setUint32(12, options.claimedLength ?? length, true);
    srb.set(cdb, 16);
    let extra: Uint8Array<ArrayBuffer> | undefined;
    if (length > 0) {
      extra = new Uint8Array(16 + 8 * pages);
      const ranges = new DataView(extra.buffer);
      ranges.setUint32(4, 1, true);
      ranges.setUint32(8, length, true);
      ranges.setUint32(12, offset, true);
      gpas.forEach((gpa, index) => ranges.setBigUint64(16 + 8 * index, BigInt(gpa / PAGE), true));
    }
    const id = this.send(3, srb, extra);
    return () => {
      const answer = this.receive();
      if (!answer) return undefined;
      if (answer.transactionId !== id || answer.operation !== 1) throw new Error("another request's answer");
      if (answer.length !== 12 + this.generation.requestSize) throw new Error(`answer of ${answer.length} bytes`);
      return this.completion(
        answer,
        Uint8Array.from({ length }, (_, index) => memory.readU8(at(index)) ?? 0),
      );
    };
  }

  /** Sends a CDB and waits for its result. */
  async execute(cdb: readonly number[], options: SrbOptions = {}): Promise<Completion> {
    const result = this.submit(cdb, options);
    await this.host.run();
    const completion = result();
    if (!completion) throw new Error("no answer");
    return completion;
  }

  private completion({ body }: StorPacket, data: Uint8Array<ArrayBuffer>): Completion {
    const flags = body.getUint8(2);
    // storvsc copies as many bytes as the host says into a buffer of 0x12 or 0x14.
    const senseLength = body.getUint8(9);
    if ((flags & 0x80) !== 0 && (senseLength < 14 || senseLength > 0x12)) throw new Error(`sense of ${senseLength}`);
    const byte = (index: number): string => body.getUint8(16 + index).toString(16);
    return {
      srbStatus: flags,
      scsiStatus: body.getUint8(3),
      transferred: body.getUint32(12, true),
      sense: (flags & 0x80) === 0 ? undefined : `${byte(2)}/${byte(12)}/${byte(13)}`,
      data,
    };
  }
}
