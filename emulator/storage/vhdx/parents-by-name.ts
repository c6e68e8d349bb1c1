import { ConfigurationError } from "../../machine-types";
import { type BlockStore } from "../block/block-store";
import { type ParentResolver } from "./open";

/** A place where files have names and no folders, such as IndexedDbFiles. */
export interface NamedFiles {
  open(name: string, options: { readonly readOnly: boolean }): Promise<BlockStore>;
}

/** How a child names a parent that lies beside it. */
export function besideIt(name: string): string {
  return `.\\${name}`;
}

/** Finds parents that lie beside their children, by the last part of their paths. */
export function parentsAmong(files: NamedFiles): ParentResolver {
  const resolveParent: ParentResolver = async ({ relativePath, absoluteWin32Path, volumePath }) => {
    const name = (relativePath ?? absoluteWin32Path ?? volumePath)?.split("\\").at(-1);
    if (!name) throw new ConfigurationError("the differencing disk does not say what its parent is called");
    return { store: await files.open(name, { readOnly: true }), resolveParent };
  };
  return resolveParent;
}
