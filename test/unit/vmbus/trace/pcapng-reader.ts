// A reader of pcapng files as far as tests need it, made from the format's draft and not from our writer; it throws for
// whatever is not as it must be.

export interface ReadPacket {
  readonly interfaceId: number;
  readonly time: bigint;
  readonly originalLength: number;
  readonly bytes: Uint8Array;
  readonly comment: string | undefined;
  readonly flags: number | undefined;
}

export interface ReadInterface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly name: string;
  readonly description: string;
  readonly timeResolution: number;
}

export interface ReadCapture {
  readonly application: string;
  readonly interfaces: ReadInterface[];
  readonly packets: ReadPacket[];
  /** Packets that each interface received, by its statistics. */
  readonly received: Map<number, bigint>;
}

function need(condition: boolean, what: string): void {
  if (!condition) throw new Error(`pcapng: ${what}`);
}

function readOptions(view: DataView, from: number, to: number): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  let at = from;
  while (at < to) {
    need(at + 4 <= to, "option header is cut");
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    at += 4;
    if (code === 0) {
      need(length === 0 && at === to, "something follows the end of options");
      return options;
    }
    need(at + length <= to, `option ${code} is cut`);
    options.set(code, new Uint8Array(view.buffer, view.byteOffset + at, length));
    at += (length + 3) & ~3;
  }
  need(from === to, "options have no end");
  return options;
}

export function readPcapng(file: Uint8Array): ReadCapture {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const text = (bytes: Uint8Array | undefined): string => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const capture: ReadCapture & { application: string } = {
    application: "",
    interfaces: [],
    packets: [],
    received: new Map(),
  };
  for (let at = 0; at < file.length;) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    need(length % 4 === 0 && length >= 12 && at + length <= file.length, `block of ${length} bytes at ${at}`);
    need(view.getUint32(at + length - 4, true) === length, "lengths of a block differ");
    const end = at + length - 4;
    const body = at + 8;
    need((at === 0) === (type === 0x0a0d0d0a), "one section header, at the beginning");
    switch (type) {
      case 0x0a0d0d0a:
        need(view.getUint32(body, true) === 0x1a2b3c4d, "byte order");
        need(view.getUint16(body + 4, true) === 1 && view.getUint16(body + 6, true) === 0, "version");
        need(view.getBigInt64(body + 8, true) === -1n, "section length");
        capture.application = text(readOptions(view, body + 16, end).get(4));
        break;
      case 1: {
        const options = readOptions(view, body + 8, end);
        capture.interfaces.push({
          linkType: view.getUint16(body, true),
          snapLength: view.getUint32(body + 4, true),
          name: text(options.get(2)),
          description: text(options.get(3)),
          timeResolution: options.get(9)?.[0] ?? 6,
        });
        break;
      }
      case 5:
        capture.received.set(
          view.getUint32(body, true),
          new DataView(
            readOptions(view, body + 12, end)
              .get(4)!
              .slice().buffer,
          ).getBigUint64(0, true),
        );
        break;
      case 6: {
        const interfaceId = view.getUint32(body, true);
        const kept = view.getUint32(body + 12, true);
        const snapLength = capture.interfaces[interfaceId]?.snapLength;
        need(snapLength !== undefined && kept <= snapLength, "packet of no interface, or longer than it allows");
        need(body + 20 + kept <= end, "packet is cut");
        const options = readOptions(view, body + 20 + ((kept + 3) & ~3), end);
        const comment = options.get(1);
        const flags = options.get(2);
        capture.packets.push({
          interfaceId,
          time: (BigInt(view.getUint32(body + 4, true)) << 32n) | BigInt(view.getUint32(body + 8, true)),
          originalLength: view.getUint32(body + 16, true),
          bytes: file.slice(body + 20, body + 20 + kept),
          comment: comment && text(comment),
          flags: flags && new DataView(flags.slice().buffer).getUint32(0, true),
        });
        break;
      }
      default:
        need(false, `block type ${type}`);
    }
    at += length;
  }
  return capture;
}
