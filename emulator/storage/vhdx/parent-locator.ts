import { verify } from "./errors";
import { Fields } from "./fields";
import { VHDX_PARENT_LOCATOR_TYPE } from "./format";

/** Where a differencing image's parent is, and which one it is: [MS-VHDX] 2.6.2.6.3. */
export interface ParentLocator {
  /** The DataWriteGuid that the parent must have: parent_linkage and, if it is there, parent_linkage2. */
  readonly linkage: readonly string[];
  /** With backslashes, from the folder of the child. */
  readonly relativePath: string | undefined;
  readonly volumePath: string | undefined;
  readonly absoluteWin32Path: string | undefined;
}

const HEADER_LENGTH = 20;
const ENTRY_LENGTH = 12;
const GUID = /^\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?$/i;

/** Throws VhdxError when the item is damaged or of another type than VHDX. */
export function decodeParentLocator(bytes: Uint8Array): ParentLocator {
  verify(bytes.length >= HEADER_LENGTH, "damaged VHDX file: its parent locator is too short");
  const fields = new Fields(bytes);
  const type = fields.guid(0);
  verify(type === VHDX_PARENT_LOCATOR_TYPE, `the VHDX file's parent is of a type that is not known here (${type})`);
  const count = fields.u16(18);
  verify(
    HEADER_LENGTH + count * ENTRY_LENGTH <= bytes.length,
    "damaged VHDX file: its parent locator's entries lie outside it",
  );
  const entries = new Map<string, string>();
  const text = (offset: number, length: number): string => {
    const inside = offset >= HEADER_LENGTH && length > 0 && length % 2 === 0 && offset + length <= bytes.length;
    verify(inside, "damaged VHDX file: its parent locator's entries lie outside it");
    return new TextDecoder("utf-16le").decode(bytes.subarray(offset, offset + length));
  };
  for (let index = 0; index < count; index++) {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    const key = text(fields.u32(at), fields.u16(at + 8));
    verify(!entries.has(key), "damaged VHDX file: a key is twice in its parent locator");
    entries.set(key, text(fields.u32(at + 4), fields.u16(at + 10)));
  }
  const linkage = ["parent_linkage", "parent_linkage2"].flatMap((key) => {
    const value = entries.get(key);
    if (value === undefined) return [];
    const guid = GUID.exec(value)?.[1];
    verify(guid !== undefined, `damaged VHDX file: ${key} in its parent locator is no GUID`);
    return [guid.toLowerCase()];
  });
  verify(linkage.length > 0, "damaged VHDX file: its parent locator has no parent_linkage");
  return {
    linkage,
    relativePath: entries.get("relative_path"),
    volumePath: entries.get("volume_path"),
    absoluteWin32Path: entries.get("absolute_win32_path"),
  };
}

/** The parent locator item. */
export function encodeParentLocator(locator: ParentLocator): Uint8Array {
  const entries: [key: string, value: string][] = [];
  locator.linkage.forEach((guid, index) => {
    entries.push([index === 0 ? "parent_linkage" : "parent_linkage2", `{${guid}}`]);
  });
  if (locator.relativePath) entries.push(["relative_path", locator.relativePath]);
  if (locator.volumePath) entries.push(["volume_path", locator.volumePath]);
  if (locator.absoluteWin32Path) entries.push(["absolute_win32_path", locator.absoluteWin32Path]);
  const textLength = entries.reduce((sum, [key, value]) => sum + 2 * (key.length + value.length), 0);
  const begin = HEADER_LENGTH + entries.length * ENTRY_LENGTH;
  const fields = new Fields(new Uint8Array(begin + textLength))
    .putGuid(0, VHDX_PARENT_LOCATOR_TYPE)
    .putU16(18, entries.length);
  let offset = begin;
  const put = (text: string): number => {
    for (let index = 0; index < text.length; index++) fields.putU16(offset + 2 * index, text.charCodeAt(index));
    const at = offset;
    offset += 2 * text.length;
    return at;
  };
  entries.forEach(([key, value], index) => {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    fields
      .putU32(at, put(key))
      .putU32(at + 4, put(value))
      .putU16(at + 8, 2 * key.length)
      .putU16(at + 10, 2 * value.length);
  });
  return fields.bytes;
}

/** The parent's name for messages: one line, without characters that a terminal would obey. */
export function parentName({ relativePath, absoluteWin32Path, volumePath }: ParentLocator): string {
  const name = relativePath ?? absoluteWin32Path ?? volumePath ?? "unnamed";
  return name.replace(/\p{C}/gu, "?").slice(0, 200);
}
