import { ConfigurationError } from "../../machine-types";
import { type BlockStore } from "../block/block-store";

/** Kinds of images that a raw image would be taken for, by their first bytes. */
const SIGNATURES: readonly (readonly [kind: string, signature: string])[] = [
  ["qcow2", "QFI\xfb"],
  ["VMDK", "KDMV"],
  ["VHD", "conectix"],
  ["VDI", "<<< "],
  ["gzip", "\x1f\x8b"],
  ["xz", "\xfd7zXZ"],
];

/** Throws ConfigurationError for an image that is not a raw one, but of a kind that is not known here. */
export async function refuseForeignImage(store: BlockStore): Promise<void> {
  const bytes = new Uint8Array(Math.min(8, store.size));
  await store.read(0, bytes);
  const begin = String.fromCharCode(...bytes);
  for (const [kind, signature] of SIGNATURES) {
    if (!begin.startsWith(signature)) continue;
    const packed = kind === "gzip" || kind === "xz";
    throw new ConfigurationError(
      packed
        ? `the file is packed with ${kind}; unpack it first`
        : `the file is a ${kind} image; convert it first: qemu-img convert -O vhdx FILE disk.vhdx`,
    );
  }
}
