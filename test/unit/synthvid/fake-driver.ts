import { PAGE_KIND, PAGE_VIDEO, RAM_BASE, VIDEO_WRITTEN } from "../../../assembly/state";
import { PortBus } from "../../../emulator/chipset/bus";
import { PciHost } from "../../../emulator/chipset/pci";
import { VideoMemory } from "../../../emulator/cpu/video-memory";
import { VIDEO_MEMORY_SIZE } from "../../../emulator/devices/synthvid/resolutions";
import { SyntheticVideo } from "../../../emulator/devices/synthvid/synthetic-video";
import { VgaAdapter } from "../../../emulator/devices/synthvid/vga-adapter";
import { Screen } from "../../../emulator/display/screen";
import { type FakeChannel, FakeGuest } from "../vmbus/fake-guest";
import { FakeMachine } from "../vmbus/fake-machine";

/** Video memory without a processor: the test is the guest that writes it. */
export class FakeVideo {
  readonly wasm = new WebAssembly.Memory({ initial: (RAM_BASE + VIDEO_MEMORY_SIZE) / 65536 });
  readonly bytes = new Uint8Array(this.wasm.buffer, RAM_BASE, VIDEO_MEMORY_SIZE);
  readonly ports = new PortBus();
  readonly pci = new PciHost(this.ports, () => undefined);
  readonly memory = new VideoMemory(this.wasm, RAM_BASE, VIDEO_MEMORY_SIZE, () => undefined);
  readonly adapter = new VgaAdapter(this.pci, this.memory);

  /** Writes as the guest does, so that it is noted. */
  write(offset: number, ...values: number[]): void {
    const view = new DataView(this.wasm.buffer, RAM_BASE);
    values.forEach((value, index) => view.setUint32(offset + 4 * index, value, true));
    // What assembly/memory/slow.ts does at a write.
    const kinds = new Uint8Array(this.wasm.buffer, PAGE_KIND, 0x100000);
    const first = (this.memory.gpa! + offset) >>> 12;
    kinds.fill(PAGE_VIDEO, first, ((this.memory.gpa! + offset + 4 * values.length - 1) >>> 12) + 1);
    new DataView(this.wasm.buffer).setUint32(VIDEO_WRITTEN, 1, true);
  }

  config(register: number, value?: number): number {
    this.ports.write(0xcf8, 4, (0x80004000 | register) >>> 0);
    if (value !== undefined) this.ports.write(0xcfc, 4, value);
    return this.ports.read(0xcfc, 4);
  }
}

/** The guest's driver, built from the protocol's description: it shares no code with the host's side. */
export class FakeDriver {
  readonly machine = new FakeMachine();
  readonly guest = new FakeGuest(this.machine);
  readonly video = new FakeVideo();
  readonly screen = new Screen();
  readonly device: SyntheticVideo;
  readonly channel: FakeChannel;

  constructor() {
    this.device = new SyntheticVideo({
      memory: this.machine.memory,
      adapter: this.video.adapter,
      screen: this.screen,
      log: (source, message) => void this.machine.log.push(`${source}: ${message}`),
    });
    this.machine.vmbus.add(this.device);
    this.guest.start();
    this.guest.contact(0x30000);
    const [offer] = this.guest.offers();
    if (!offer) throw new Error("no offer");
    this.channel = this.guest.openChannel(offer);
  }

  sendRaw(bytes: Uint8Array): void {
    this.channel.send(6, bytes);
  }

  /** A message of fields, each its size in bytes and its value. */
  send(type: number, ...fields: readonly (readonly [size: number, value: number | bigint])[]): void {
    const body = fields.flatMap(([size, value]) =>
      Array.from({ length: size }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn)),
    );
    this.sendRaw(pipe(type, body));
  }

  /** What the host answered: type and body of each message. */
  answers(): { type: number; body: Uint8Array }[] {
    return this.channel.receiveAll().map(({ payload }) => {
      const view = new DataView(payload.buffer);
      if (view.getUint32(0, true) !== 1) throw new Error("no pipe data");
      return { type: view.getUint32(8, true), body: payload.slice(16, 8 + view.getUint32(4, true)) };
    });
  }

  negotiate(minor: number, major = 3): { type: number; body: Uint8Array }[] {
    this.send(1, [4, (minor << 16) | major]);
    return this.answers();
  }

  locate(gpa: number): { type: number; body: Uint8Array }[] {
    this.send(3, [8, 0x1122334455667788n], [1, 1], [8, gpa]);
    return this.answers();
  }

  situation(width: number, height: number, depth: number, pitch: number, offset = 0): void {
    this.send(5, [8, 7], [1, 1], [1, 1], [4, offset], [1, depth], [4, width], [4, height], [4, pitch]);
  }

  dirt(...rectangles: readonly (readonly [number, number, number, number])[]): void {
    const fields = rectangles.flat().map((value) => [4, value] as const);
    this.send(10, [1, 0], [1, rectangles.length], ...fields);
  }
}

/** A message as it goes into the pipe. */
export function pipe(type: number, body: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, 8 + body.length, true);
  view.setUint32(8, type, true);
  view.setUint32(12, 8 + body.length, true);
  bytes.set(body, 16);
  return bytes;
}
