import { ConfigurationError } from "../../emulator/machine-types";

/**
 * What a kernel module's .modinfo section says: `key=value` strings, the first of each key.
 * Reads ELF32 and ELF64, little-endian.
 * @throws ConfigurationError if the file is not such a module
 */
export function readModinfo(module: Uint8Array, what: string): ReadonlyMap<string, string> {
  const bad = (): ConfigurationError => new ConfigurationError(`${what}: not a kernel module.`);
  const view = new DataView(module.buffer, module.byteOffset, module.byteLength);
  if (module.length < 64 || view.getUint32(0) !== 0x7f45_4c46) throw bad();
  const wide = module[4] === 2;
  const word = (offset: number): number =>
    wide ? Number(view.getBigUint64(offset, true)) : view.getUint32(offset, true);
  const table = word(wide ? 40 : 32);
  const entrySize = view.getUint16(wide ? 58 : 46, true);
  const count = view.getUint16(wide ? 60 : 48, true);
  const nameIndex = view.getUint16(wide ? 62 : 50, true);
  if (entrySize < (wide ? 64 : 40) || table + count * entrySize > module.length || nameIndex >= count) throw bad();
  const section = (index: number): Uint8Array => {
    const header = table + index * entrySize;
    const offset = word(header + (wide ? 24 : 16));
    return module.subarray(offset, offset + word(header + (wide ? 32 : 20)));
  };
  const names = section(nameIndex);
  const information = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const nameStart = view.getUint32(table + index * entrySize, true);
    const name = new TextDecoder().decode(names.subarray(nameStart, names.indexOf(0, nameStart)));
    if (name !== ".modinfo") continue;
    for (const line of new TextDecoder().decode(section(index)).split("\0")) {
      const equals = line.indexOf("=");
      const key = line.slice(0, equals);
      if (equals > 0 && !information.has(key)) information.set(key, line.slice(equals + 1));
    }
    return information;
  }
  throw bad();
}
