const PATTERN = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i;

/** 16 bytes of a GUID as VMBus carries it: the first three fields little-endian. Throws RangeError for other text. */
export function guidToBytes(text: string): Uint8Array<ArrayBuffer> {
  const match = PATTERN.exec(text);
  if (!match) throw new RangeError(`not a GUID: ${text}`);
  const [, a = "", b = "", c = "", d = "", e = ""] = match;
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, parseInt(a, 16), true);
  view.setUint16(4, parseInt(b, 16), true);
  view.setUint16(6, parseInt(c, 16), true);
  const tail = d + e;
  for (let i = 0; i < 8; i++) bytes[8 + i] = parseInt(tail.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The text of 16 bytes as VMBus carries a GUID, in lower case. */
export function guidToText(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const digits = order.map((index) => (bytes[index] ?? 0).toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
