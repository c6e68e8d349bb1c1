import type { DeviceDecoder } from "../vmbus/trace/types";
import { integrationComponentDecoder } from "./ic/trace";
import { keyboardDecoder } from "./keyboard/trace";
import { mouseDecoder } from "./mouse/trace";
import { storvspDecoder } from "./storvsp/trace";
import { synthvidDecoder } from "./synthvid/trace";

/** Every device's decoder for traces of the bus, found by its interface type: a new device is one line here. */
export const deviceDecoders: readonly DeviceDecoder[] = [
  integrationComponentDecoder,
  keyboardDecoder,
  mouseDecoder,
  storvspDecoder,
  synthvidDecoder,
];
