import { viewOf } from "./bytes";

// The LZ4 legacy frame (magic 0x184c2102, then blocks of a u32 size and that many bytes), which `lz4 -l` writes and
// Linux's build uses, and the LZ4 block format: lz4's doc/lz4_Frame_format.md and lz4_Block_format.md.

export const LZ4_LEGACY_MAGIC = 0x184c_2102;
const MINIMUM_MATCH = 4;

/**
 * Unpacks an LZ4 legacy frame whose unpacked size is known.
 * @throws RangeError if the stream is damaged or does not give exactly `size` bytes
 */
export function unlz4Legacy(compressed: Uint8Array, size: number): Uint8Array {
  const view = viewOf(compressed);
  const result = new Uint8Array(size);
  let input = 4;
  let output = 0;
  if (compressed.length < 4 || view.getUint32(0, true) !== LZ4_LEGACY_MAGIC)
    throw new RangeError("no LZ4 legacy magic");
  while (input + 4 <= compressed.length) {
    const length = view.getUint32(input, true);
    input += 4;
    if (length === LZ4_LEGACY_MAGIC) continue;
    if (length > compressed.length - input) throw new RangeError("an LZ4 block is truncated");
    output = decodeBlock(compressed, input, input + length, result, output);
    input += length;
  }
  if (output !== size) throw new RangeError(`${output} bytes instead of ${size}`);
  return result;
}

/** Decodes one block from [input, end) to target at `output`; returns the end of what it wrote. */
function decodeBlock(source: Uint8Array, input: number, end: number, target: Uint8Array, output: number): number {
  const start = output;
  const extended = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (;;) {
      if (input >= end) throw new RangeError("an LZ4 length is truncated");
      const more = source[input++]!;
      length += more;
      if (more !== 255) return length;
    }
  };
  while (input < end) {
    const token = source[input++]!;
    const literals = extended(token >>> 4);
    if (literals > end - input || literals > target.length - output) throw new RangeError("LZ4 literals do not fit");
    target.set(source.subarray(input, input + literals), output);
    input += literals;
    output += literals;
    // The last sequence of a block has literals only.
    if (input === end) break;
    if (end - input < 2) throw new RangeError("an LZ4 offset is truncated");
    const offset = source[input]! | (source[input + 1]! << 8);
    input += 2;
    const match = extended(token & 15) + MINIMUM_MATCH;
    if (offset === 0 || offset > output - start || match > target.length - output) {
      throw new RangeError("an LZ4 match does not fit");
    }
    // A match may overlap what it writes, so that a pattern repeats.
    if (offset >= match) target.copyWithin(output, output - offset, output - offset + match);
    else for (let index = 0; index < match; index++) target[output + index] = target[output + index - offset]!;
    output += match;
  }
  return output;
}
