/** Where the code of multibootImage() lies and starts: 32-bit protected mode, flat, paging off, CPL 0. */
export const LOAD_ADDRESS = 0x100000;

const MAGIC = 0x1badb002;
/** The header has load addresses. */
const FLAGS = 1 << 16;
const HEADER_SIZE = 32;

/** A multiboot 1 image of plain code, as the Multiboot Specification 0.6.96, 3.1, has it. */
export function multibootImage(code: Uint8Array): Uint8Array {
  const image = new Uint8Array(HEADER_SIZE + code.length);
  const view = new DataView(image.buffer);
  const end = LOAD_ADDRESS + image.length;
  const fields = [MAGIC, FLAGS, -(MAGIC + FLAGS), LOAD_ADDRESS, LOAD_ADDRESS, end, end, LOAD_ADDRESS + HEADER_SIZE];
  fields.forEach((field, index) => view.setUint32(index * 4, field, true));
  image.set(code, HEADER_SIZE);
  return image;
}
