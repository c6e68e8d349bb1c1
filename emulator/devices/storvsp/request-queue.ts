import type { HostWork } from "../../time/host-work";
import type { ScsiAddress, ScsiBus } from "../scsi/bus";
import type { ScsiCommand, ScsiReply } from "../scsi/command";
import { requestLatency } from "../scsi/latency";
import { STATUS_GOOD } from "../scsi/opcodes";
import { CheckCondition, INVALID_FIELD_IN_CDB } from "../scsi/sense";
import type { GuestBuffer } from "../../vmbus/guest-buffer";
import type { Srb, SrbResult } from "./protocol";
import { BUSY_RESULT, NO_LOGICAL_UNIT_RESULT, OVERRUN_RESULT, srbResult } from "./srb-result";
import { TransferBuffers } from "./transfer-buffers";

/** Requests, and bytes of their buffers, that are executed at once; more of them wait. */
const RUNNING_LIMIT = 64;
const RUNNING_BYTES_LIMIT = 32 << 20;
/** Requests that wait; a guest that sends still more hears "task set full". */
const WAITING_LIMIT = 512;

interface Waiting {
  readonly srb: Srb;
  readonly buffer: GuestBuffer | undefined;
  readonly complete: (result: SrbResult) => void;
}

/** What a logical unit sees of a request block: its CDB, and the guest's buffer as far as the request is about it. */
class SrbCommand implements ScsiCommand {
  readonly cdb: Uint8Array;
  readonly dataInLength: number;
  readonly dataOutLength: number;
  private readonly taken: Uint8Array<ArrayBuffer>[] = [];

  constructor(
    srb: Srb,
    private readonly buffer: GuestBuffer | undefined,
    private readonly buffers: TransferBuffers,
    readonly atOnce: boolean,
  ) {
    this.cdb = srb.cdb;
    this.dataInLength = srb.direction === "in" ? srb.dataTransferLength : 0;
    this.dataOutLength = srb.direction === "out" ? srb.dataTransferLength : 0;
  }

  dataOut(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (offset + length > this.dataOutLength) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    const bytes = this.room(length);
    if (!this.buffer?.read(offset, bytes)) throw new CheckCondition(INVALID_FIELD_IN_CDB);
    return bytes;
  }

  room(length: number): Uint8Array<ArrayBuffer> {
    const bytes = this.buffers.take(length);
    this.taken.push(bytes);
    return bytes;
  }

  /** The reply was taken. After a failure something on the host may still be at work in the buffers: they are left. */
  end(reply: ScsiReply | undefined): void {
    if (reply?.status === STATUS_GOOD) for (const bytes of this.taken) this.buffers.give(bytes);
  }
}

/** The requests of one open channel on their way through the bus; several run at once, and end in any order. */
export class RequestQueue {
  private waiting: Waiting[] = [];
  private running = 0;
  private runningBytes = 0;
  private closed = false;
  private readonly buffers = new TransferBuffers();

  constructor(
    private readonly bus: ScsiBus,
    private readonly work: HostWork,
    /** Where the guest's path id counts; an IDE channel has one drive at an address of its own. */
    private readonly addressOf: (srb: Srb) => ScsiAddress,
  ) {}

  /** Executes a request, now or when others have ended, and calls `complete` once unless the queue is closed first. */
  submit(srb: Srb, buffer: GuestBuffer | undefined, complete: (result: SrbResult) => void): void {
    if (srb.direction !== "none" && srb.dataTransferLength > (buffer?.length ?? 0)) {
      complete(OVERRUN_RESULT);
    } else if (this.waiting.length >= WAITING_LIMIT) {
      complete(BUSY_RESULT);
    } else {
      this.waiting.push({ srb, buffer, complete });
      this.start();
    }
  }

  /** The channel is gone: nothing is completed any more; what was begun on the host goes on there. */
  close(): void {
    this.closed = true;
    this.waiting = [];
  }

  private start(): void {
    while (!this.closed) {
      const next = this.waiting[0];
      if (!next) return;
      const bytes = next.srb.dataTransferLength;
      const busy = this.running >= RUNNING_LIMIT || this.runningBytes + bytes > RUNNING_BYTES_LIMIT;
      // A request that is large beyond the limit runs alone.
      if (this.running > 0 && busy) return;
      this.waiting.shift();
      this.execute(next, bytes);
    }
  }

  private execute(request: Waiting, bytes: number): void {
    const command = new SrbCommand(request.srb, request.buffer, this.buffers, this.work.deliversAtOnce);
    const reply = this.bus.execute(this.addressOf(request.srb), command);
    if (!(reply instanceof Promise)) {
      this.finish(request, command, reply);
      return;
    }
    this.running++;
    this.runningBytes += bytes;
    this.work.begin(reply, requestLatency(bytes), (result) => {
      this.running--;
      this.runningBytes -= bytes;
      if (this.closed) return;
      this.finish(request, command, result);
      this.start();
    });
  }

  /** Guest memory is written here, at an instant that the guest's time settles, and not when the host was ready. */
  private finish({ buffer, complete }: Waiting, command: SrbCommand, reply: ScsiReply | undefined): void {
    const { dataIn } = reply ?? {};
    const overrun = dataIn !== undefined && dataIn.length > 0 && !buffer?.write(0, dataIn);
    command.end(reply);
    if (!reply) complete(NO_LOGICAL_UNIT_RESULT);
    else complete(overrun ? OVERRUN_RESULT : srbResult(reply));
  }
}
