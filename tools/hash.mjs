// Names a state of the sources: what a build product was made from, so that it is made again only when that changes.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Every file below `path` (or `path` itself), in a fixed order. */
function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** SHA-256, in hex, over the names and contents of everything below `paths`, which are relative to `root`. */
export function hashSources(root, paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    for (const file of filesBelow(join(root, path))) {
      hash.update(`${file.slice(root.length)}\0`);
      hash.update(readFileSync(file));
    }
  }
  return hash.digest("hex");
}

/** Whether `product` exists and `stamp` says that it was made from the sources named by `hash`. */
export function upToDate(product, stamp, hash) {
  return existsSync(product) && existsSync(stamp) && readFileSync(stamp, "utf8").trim() === hash;
}
