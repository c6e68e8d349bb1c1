/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  const head = Math.min((4 - (bytes.byteOffset & 3)) & 3, bytes.length);
  for (let index = 0; index < head; index++) if (bytes[index] !== 0) return false;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + head, (bytes.length - head) >>> 2);
  for (let index = 0; index < words.length; index++) if (words[index] !== 0) return false;
  for (let index = head + words.length * 4; index < bytes.length; index++) if (bytes[index] !== 0) return false;
  return true;
}
