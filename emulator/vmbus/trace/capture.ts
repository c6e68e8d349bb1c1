import { describeTraceFields } from "./describe";
import * as pcapng from "./pcapng";
import { type RingFill, type RingFills, TRACED_PACKET_BYTES, type TracedChannel, type VmbusTraceEntry } from "./types";

// A trace as a pcapng file. Each packet begins with this header, little-endian; docs/vmbus-trace.md has it too:
// u8 layout (1), u8 kind, u8 direction, u8 0, u32 relid, then used and size in bytes, u32 each, of the ring to the host
// and of the one to the guest. A used of 0xffffffff: the guest's index is nonsense. A size of 0: no rings.

const LAYOUT = 1;
export const CAPTURE_HEADER_SIZE = 24;
const KINDS = { message: 0, packet: 1, signal: 2, gpadl: 3 } as const;
const TO_HOST = 0;
const TO_GUEST = 1;
const NEITHER = 2;
const UNKNOWN = 0xffffffff;

/** Of a GPADL's event, after the header: u32 id, u32 pages, u32 1 if it came to be, 0 if it ended. */
const GPADL_SIZE = 12;

const CONTROL_INTERFACE = 0;

interface Interface {
  readonly id: number;
  readonly instanceId: string;
}

/** Makes a pcapng file of a trace, block after block: an interface for control messages, and one for each channel. */
export class TraceCapture {
  private readonly channels = new Map<number, Interface>();
  /** Packets of each interface. */
  private readonly counts: number[] = [];
  private lastTime = 0;

  /** @param write takes whole blocks, in order; the file's first ones come at once */
  constructor(private readonly write: (block: Uint8Array<ArrayBuffer>) => void) {
    write(
      pcapng.sectionHeader(
        "Hypertab",
        "VMBus of a Hypertab machine. Times are the guest's, from the machine's creation. Link type USER0: a header of " +
          `${CAPTURE_HEADER_SIZE} bytes, then the bytes of the message or packet.`,
      ),
    );
    this.addInterface("control", "VMBus control messages and GPADLs");
  }

  add(entry: VmbusTraceEntry): void {
    const { event } = entry;
    const interfaceId = "channel" in event ? this.interfaceOf(event.channel) : CONTROL_INTERFACE;
    this.counts[interfaceId] = (this.counts[interfaceId] ?? 0) + 1;
    this.lastTime = event.time;
    const content = contentOf(entry);
    const bytes = new Uint8Array(CAPTURE_HEADER_SIZE + content.length);
    writeHeader(bytes, entry);
    bytes.set(content, CAPTURE_HEADER_SIZE);
    this.write(
      pcapng.enhancedPacket({
        interfaceId,
        time: event.time,
        bytes,
        originalLength: CAPTURE_HEADER_SIZE + (event.kind === "packet" ? event.length : content.length),
        direction: event.kind === "gpadl" ? undefined : event.toGuest ? "inbound" : "outbound",
        comment: `${[entry.name, describeTraceFields(entry)].filter(Boolean).join(" ")}\n${entry.meaning}`,
      }),
    );
  }

  /** Ends the file with counts; nothing may be added any more. */
  end(): void {
    this.counts.forEach((count, id) => this.write(pcapng.interfaceStatistics(id, this.lastTime, count)));
  }

  private interfaceOf({ relid, instanceId, interfaceId, name }: TracedChannel): number {
    const known = this.channels.get(relid);
    if (known?.instanceId === instanceId) return known.id;
    const id = this.addInterface(
      `channel ${relid} ${name}`,
      `${name}: interface type ${interfaceId}, instance ${instanceId}`,
    );
    this.channels.set(relid, { id, instanceId });
    return id;
  }

  private addInterface(name: string, description: string): number {
    const snapLength = CAPTURE_HEADER_SIZE + TRACED_PACKET_BYTES;
    this.write(pcapng.interfaceDescription(pcapng.LINKTYPE_USER0, snapLength, name, description));
    return this.counts.push(0) - 1;
  }
}

function contentOf({ event }: VmbusTraceEntry): Uint8Array {
  switch (event.kind) {
    case "message":
    case "packet":
      return event.bytes;
    case "signal":
      return new Uint8Array(0);
    case "gpadl": {
      const bytes = new Uint8Array(GPADL_SIZE);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, event.id, true);
      view.setUint32(4, event.pages, true);
      view.setUint32(8, event.change === "established" ? 1 : 0, true);
      return bytes;
    }
  }
}

function writeHeader(bytes: Uint8Array<ArrayBuffer>, { event }: VmbusTraceEntry): void {
  const view = new DataView(bytes.buffer);
  view.setUint8(0, LAYOUT);
  view.setUint8(1, KINDS[event.kind]);
  view.setUint8(2, event.kind === "gpadl" ? NEITHER : event.toGuest ? TO_GUEST : TO_HOST);
  if (event.kind === "gpadl") view.setUint32(4, event.relid, true);
  if (!("channel" in event)) return;
  view.setUint32(4, event.channel.relid, true);
  if (event.rings) writeRings(view, event.rings);
}

function writeRings(view: DataView, { toHost, toGuest }: RingFills): void {
  const write = (at: number, { used, size }: RingFill): void => {
    view.setUint32(at, used ?? UNKNOWN, true);
    view.setUint32(at + 4, size, true);
  };
  write(8, toHost);
  write(16, toGuest);
}
