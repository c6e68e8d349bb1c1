import type { RingFill, VmbusTraceEntry } from "./types";

/** What a line leaves out, because every packet has it or the line's other parts say it. */
const LEFT_OUT = new Set(["msgtype", "type", "offset8", "len8"]);

/** An entry as one line: seconds of guest time, direction, channel, name, fields, and the fill of both rings. */
export function describeTraceEntry(entry: VmbusTraceEntry): string {
  const { event, name } = entry;
  const seconds = (event.time / 1e9).toFixed(9);
  const arrow = event.kind === "gpadl" ? "--" : event.toGuest ? "->" : "<-";
  return `${seconds} ${arrow} ${place(entry)}: ${[name, describeTraceFields(entry)].filter(Boolean).join(" ")}`;
}

/** Names and values of the fields, and the fill of both rings, without time and place. */
export function describeTraceFields({ event, fields }: VmbusTraceEntry): string {
  const parts = fields
    .filter(({ name, value }) => !LEFT_OUT.has(name) && !(name === "flags" && value === "0"))
    .map(({ name, value }) => `${name}=${value}`);
  if ((event.kind === "packet" || event.kind === "signal") && event.rings) {
    parts.push(`[rings <- ${fill(event.rings.toHost)}, -> ${fill(event.rings.toGuest)}]`);
  }
  return parts.join(" ");
}

function place({ event }: VmbusTraceEntry): string {
  if (event.kind === "packet" || event.kind === "signal") return `channel ${event.channel.relid} ${event.channel.name}`;
  return "control";
}

function fill({ used, size }: RingFill): string {
  return `${used ?? "?"}/${size}`;
}
