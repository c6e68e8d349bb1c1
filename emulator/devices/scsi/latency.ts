/** In virtual time a request that needs host I/O takes this long, ns, and this much more for each byte. */
const LATENCY = 50_000;
const LATENCY_PER_BYTE = 0.25;

/** Nanoseconds of virtual time from the beginning of a request to its answer; real time takes what the host takes. */
export function requestLatency(bytes: number): number {
  return LATENCY + bytes * LATENCY_PER_BYTE;
}
