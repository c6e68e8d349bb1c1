import { readModinfo } from "./archive/modinfo";

/** A kernel module in a guest's image. */
export interface KernelModule {
  /** Path below the image's root. */
  readonly path: string;
  readonly data: Uint8Array;
}

/** Modules by name. Names in `depends` have underscores where file names may have dashes. */
const keyOf = (name: string): string => name.replaceAll("-", "_");

export function moduleName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.ko(\.[a-z0-9]+)?$/, "");
}

/**
 * Puts the wanted modules and all that they depend on into an order in which insmod can load them.
 * @param find gives a module by its name, with dashes or underscores, or undefined if the kernel has no such module
 * @returns the modules in order, and the names that were not found (built in, or not of this kernel)
 */
export async function orderModules(
  wanted: readonly string[],
  find: (key: string) => Promise<KernelModule | undefined>,
): Promise<{ modules: KernelModule[]; missing: string[] }> {
  const modules: KernelModule[] = [];
  const missing: string[] = [];
  const seen = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    const key = keyOf(name);
    if (seen.has(key)) return;
    seen.add(key);
    const module = await find(key);
    if (!module) {
      missing.push(name);
      return;
    }
    const depends = readModinfo(module.data, module.path).get("depends") ?? "";
    for (const dependency of depends.split(",").filter(Boolean)) await visit(dependency);
    modules.push(module);
  };
  for (const name of wanted) await visit(name);
  return { modules, missing };
}

/** An index of module paths by name, for `find`. */
export function indexModules(paths: Iterable<string>): Map<string, string> {
  const index = new Map<string, string>();
  for (const path of paths) if (/\.ko(\.[a-z0-9]+)?$/.test(path)) index.set(keyOf(moduleName(path)), path);
  return index;
}
