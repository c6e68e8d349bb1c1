// The lines by which a guest tells the host where it is. The host stamps them with its own time when they arrive.

export const BEGIN = "begin";
export const END = "end";
/** User space is up (a), or the script is through (all). */
export const DONE = "done";

export interface Marker {
  readonly kind: string;
  readonly phase: string;
  /** The exit status that an END carries. */
  readonly status: number;
}

/** The text between two marks that the kernel's own messages do not have; an END carries `status`. */
export const marker = (kind: string, phase: string, status = ""): string =>
  `#bench ${[kind, phase, status].join(" ").trim()}#`;

const PATTERN = /#bench (\w+) (\w+)(?: (\d+))?#/g;
/** A marker is shorter than this; more of what came before is not kept. */
const TAIL = 200;

/** Finds markers in what a guest writes to its console. */
export class MarkerReader {
  private pending = "";
  /** The console's last text, for a report of what went wrong. */
  recent = "";

  /** @returns the markers that `text` completes */
  feed(text: string): Marker[] {
    this.recent = (this.recent + text).slice(-2000);
    this.pending += text;
    const found: Marker[] = [];
    let end = 0;
    for (const match of this.pending.matchAll(PATTERN)) {
      found.push({ kind: match[1]!, phase: match[2]!, status: Number(match[3] ?? 0) });
      end = match.index + match[0].length;
    }
    this.pending = this.pending.slice(Math.max(end, this.pending.length - TAIL));
    return found;
  }
}
