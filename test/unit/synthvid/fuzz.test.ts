import { expect, it } from "vitest";
import { SyntheticVideo } from "../../../emulator/devices/synthvid/synthetic-video";
import { Screen } from "../../../emulator/display/screen";
import type { DeviceChannel } from "../../../emulator/vmbus/channel";
import { FakeMachine } from "../vmbus/fake-machine";
import { FakeVideo, pipe } from "./fake-driver";

/** Numerical Recipes' linear congruential generator: the same numbers in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x100000000) * below);
  };
}

/** Bytes that are more often than not at some edge. */
const EDGES = [0, 0, 0, 1, 1, 2, 3, 16, 32, 0x7f, 0x80, 0xff];

it.each([1, 2, 3, 4])("survives 3,000 random messages, seed %i", (seed) => {
  const random = generator(seed);
  const machine = new FakeMachine();
  const video = new FakeVideo();
  const screen = new Screen();
  const log = (source: string, message: string): void => void machine.log.push(`${source}: ${message}`);
  const device = new SyntheticVideo({ memory: machine.memory, adapter: video.adapter, screen, log });
  let failures = 0;
  let answers = 0;
  const open = (): void => {
    const channel: DeviceChannel = {
      relid: 1,
      openData: new Uint8Array(120),
      send: () => ++answers > 0,
      complete: () => true,
      gpadl: () => undefined,
      fail: () => {
        failures++;
        device.close();
        open();
      },
    };
    device.open(channel);
    receive(pipe(1, [3, 0, 5, 0]));
  };
  const receive = (payload: Uint8Array<ArrayBuffer>): void =>
    device.receive({ type: 6, transactionId: 0n, completionRequested: false, payload, buffers: [] });
  open();
  for (let count = 0; count < 3000; count++) {
    const body = Array.from({ length: random(64) }, () => (random(2) ? EDGES[random(EDGES.length)]! : random(256)));
    const message = pipe(random(18), body);
    if (random(10) === 0) message[random(message.length)] = random(256);
    receive(message);
    if (random(4) === 0)
      receive(pipe(5, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 32, random(65), 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0]));
    screen.takeNews();
    const { mode } = screen;
    for (const { x, y, width, height } of screen.takeChanges()) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(mode!.width);
      expect(y + height).toBeLessThanOrEqual(mode!.height);
      if (width * height < 10_000) screen.readPixels({ x, y, width, height });
    }
  }
  expect(failures).toBeGreaterThan(100);
  expect(answers).toBeGreaterThan(100);
  expect(machine.guardsIntact()).toBe(true);
});
