// A small encoder of ACPI Machine Language: ACPI specification 6.5, chapter 20. Terms are byte arrays; packages that
// need a PkgLength compute it from their content.

export type Aml = readonly number[];

const PREFIX_EXT = 0x5b;

const OP = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  word: 0x0b,
  dword: 0x0c,
  string: 0x0d,
  qword: 0x0e,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  method: 0x14,
  or: 0x7d,
  and: 0x7b,
  return: 0xa4,
  device: 0x82,
  processor: 0x83,
} as const;

const bytesOf = (value: bigint, count: number): number[] =>
  Array.from({ length: count }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));

/** PkgLength (20.2.4): counts itself and `content` bytes; the lead byte's top bits say how many bytes follow it. */
export function pkgLength(content: number): Aml {
  for (let size = 1; size <= 4; size++) {
    const total = content + size;
    if (size === 1 && total < 0x40) return [total];
    if (size > 1 && total < 2 ** (4 + 8 * (size - 1))) {
      return [((size - 1) << 6) | (total & 0x0f), ...bytesOf(BigInt(total >>> 4), size - 1)];
    }
  }
  throw new RangeError(`AML package of ${content} bytes`);
}

/** NameSeg: up to four characters, padded with underscores. */
function nameSegment(segment: string): Aml {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment)) throw new RangeError(`AML name "${segment}"`);
  return [...segment.padEnd(4, "_")].map((character) => character.charCodeAt(0));
}

/** NameString (20.2.2): "\\_SB.PCI0", "PCI0", "^STA". */
export function nameString(path: string): Aml {
  const prefix = /^(\\|\^*)/.exec(path)?.[0] ?? "";
  const segments = path.slice(prefix.length).split(".").filter(Boolean);
  const lead = [...prefix].map((character) => character.charCodeAt(0));
  const names = segments.flatMap(nameSegment);
  if (segments.length === 0) return [...lead, 0];
  if (segments.length === 1) return [...lead, ...names];
  if (segments.length === 2) return [...lead, 0x2e, ...names];
  return [...lead, 0x2f, segments.length, ...names];
}

/** The shortest encoding of an integer constant. */
export function integer(value: number | bigint): Aml {
  const wide = BigInt(value);
  if (wide === 0n) return [OP.zero];
  if (wide === 1n) return [OP.one];
  if (wide <= 0xffn) return [OP.byte, ...bytesOf(wide, 1)];
  if (wide <= 0xffffn) return [OP.word, ...bytesOf(wide, 2)];
  if (wide <= 0xffff_ffffn) return [OP.dword, ...bytesOf(wide, 4)];
  return [OP.qword, ...bytesOf(wide, 8)];
}

export function string(text: string): Aml {
  return [OP.string, ...[...text].map((character) => character.charCodeAt(0)), 0];
}

/** A compressed EISA id such as "PNP0A03" as an integer (19.3.4, EISAID). */
export function eisaId(id: string): Aml {
  const match = /^([A-Z]{3})([0-9A-F]{4})$/.exec(id);
  if (!match) throw new RangeError(`EISA id "${id}"`);
  const [first, second, third] = [...match[1]!].map((character) => character.charCodeAt(0) - 0x40) as [
    number,
    number,
    number,
  ];
  const vendor = (first << 10) | (second << 5) | third;
  const product = parseInt(match[2]!, 16);
  // Big-endian words in a little-endian integer.
  return [OP.dword, vendor >>> 8, vendor & 0xff, product >>> 8, product & 0xff];
}

function sized(op: readonly number[], content: Aml): Aml {
  return [...op, ...pkgLength(content.length), ...content];
}

export function scope(path: string, ...terms: Aml[]): Aml {
  return sized([OP.scope], [...nameString(path), ...terms.flat()]);
}

export function device(name: string, ...terms: Aml[]): Aml {
  return sized([PREFIX_EXT, OP.device], [...nameString(name), ...terms.flat()]);
}

/** DefProcessor: a processor without a P_BLK. */
export function processor(name: string, id: number): Aml {
  return sized([PREFIX_EXT, OP.processor], [...nameString(name), id, ...bytesOf(0n, 4), 0]);
}

export function name(path: string, value: Aml): Aml {
  return [OP.name, ...nameString(path), ...value];
}

/** A method without arguments, not serialized. */
export function method(path: string, ...terms: Aml[]): Aml {
  return sized([OP.method], [...nameString(path), 0, ...terms.flat()]);
}

export function packageOf(...elements: Aml[]): Aml {
  return sized([OP.package], [elements.length, ...elements.flat()]);
}

export function buffer(bytes: Aml): Aml {
  return sized([OP.buffer], [...integer(bytes.length), ...bytes]);
}

export function returns(value: Aml): Aml {
  return [OP.return, ...value];
}

/** target = left AND right. */
export function and(left: Aml, right: Aml, target: string): Aml {
  return [OP.and, ...left, ...right, ...nameString(target)];
}

/** target = left OR right. */
export function or(left: Aml, right: Aml, target: string): Aml {
  return [OP.or, ...left, ...right, ...nameString(target)];
}

export function reference(path: string): Aml {
  return nameString(path);
}
