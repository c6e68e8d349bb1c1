import { gunzipSync } from "node:zlib";
import { ConfigurationError } from "../../emulator/machine-types";
import { S_IFMT, S_IFREG, type CpioEntry } from "../archive/cpio";
import { readRpm, type RpmPackage } from "../archive/rpm";
import { cachedGuest, sha256, storeGuest, type BuiltGuest } from "../cache";
import { download } from "../download";
import { buildInitramfs } from "../initramfs";
import { indexModules, orderModules } from "../modules";
import type { GuestOptions, Recipe } from "../types";
import { readInit, SERIAL_CONSOLE, WANTED_MODULES } from "./common";

const NAME = "centos6";
/** CentOS keeps its old releases here. */
const VAULT = "https://vault.centos.org";
const REPOSITORY = "6.6/os/x86_64";
const KERNEL_VERSION = "2.6.32";
const KERNEL_RELEASE = "504.el6";
const KERNEL_DIRECTORY = `lib/modules/${KERNEL_VERSION}-${KERNEL_RELEASE}.x86_64/`;

async function recipeId(): Promise<string> {
  return sha256(JSON.stringify([REPOSITORY, KERNEL_VERSION, KERNEL_RELEASE, WANTED_MODULES, await readInit()]));
}

/** One file of the repository, as its metadata describes it. */
interface Listed {
  readonly location: string;
  readonly sha256: string;
}

/**
 * The repository's list of packages. It is trusted by HTTPS alone; from there on each file is checked by the sha256
 * that the list before it gives.
 */
async function packageList(base: string, options: GuestOptions): Promise<string> {
  const index = new TextDecoder().decode(await download(`${base}/repodata/repomd.xml`, options));
  const section = /<data type="primary">([\s\S]*?)<\/data>/.exec(index)?.[1];
  const listed = section === undefined ? undefined : listedFile(section);
  if (!listed) throw new ConfigurationError(`${base}/repodata/repomd.xml: names no primary list with a sha256.`);
  const packed = await download(`${base}/${listed.location}`, { log: options.log, sha256: listed.sha256 });
  try {
    return gunzipSync(packed).toString("utf8");
  } catch {
    throw new ConfigurationError(`${base}/${listed.location}: the list of packages does not unpack.`);
  }
}

function listedFile(xml: string): Listed | undefined {
  const checksum = /<checksum type="sha256"[^>]*>\s*([0-9a-f]{64})\s*<\/checksum>/.exec(xml)?.[1];
  const location = /<location [^>]*href="([^"]+)"/.exec(xml)?.[1];
  // A location that leaves the repository would be another site's.
  if (!checksum || !location || /(^|\/)\.\.(\/|$)|^[a-z]+:|^\//i.test(location)) return undefined;
  return { location, sha256: checksum };
}

function findPackage(list: string, base: string, name: string, version?: { version: string; release: string }): Listed {
  for (const match of list.matchAll(/<package type="rpm">([\s\S]*?)<\/package>/g)) {
    const xml = match[1]!;
    if (!xml.includes(`<name>${name}</name>`) || !xml.includes("<arch>x86_64</arch>")) continue;
    const found = /<version [^>]*>/.exec(xml)?.[0] ?? "";
    if (version && !(found.includes(`ver="${version.version}"`) && found.includes(`rel="${version.release}"`)))
      continue;
    const listed = listedFile(xml);
    if (listed) return listed;
  }
  const wanted = version ? `${name}-${version.version}-${version.release}` : name;
  throw new ConfigurationError(`${base}: its list has no package ${wanted} for x86_64 with a sha256.`);
}

function regularFile(rpm: RpmPackage, path: string): CpioEntry {
  const entry = rpm.files.find((file) => file.name === path && (file.mode & S_IFMT) === S_IFREG);
  if (!entry || entry.data.length === 0)
    throw new ConfigurationError(`Guest ${NAME}: package ${rpm.name} has no ${path}.`);
  return entry;
}

async function build(options: GuestOptions): Promise<BuiltGuest> {
  const { log } = options;
  const base = `${(options.mirror ?? VAULT).replace(/\/+$/, "")}/${REPOSITORY}`;
  const list = await packageList(base, options);
  const fetchPackage = async (listed: Listed): Promise<RpmPackage> => {
    const url = `${base}/${listed.location}`;
    return readRpm(await download(url, { log, sha256: listed.sha256 }), url);
  };
  const kernelRelease = { version: KERNEL_VERSION, release: KERNEL_RELEASE };
  const kernelPackage = findPackage(list, base, "kernel", kernelRelease);
  const busybox = await fetchPackage(findPackage(list, base, "busybox"));
  const kernel = await fetchPackage(kernelPackage);

  log?.("building the initramfs");
  const files = new Map(kernel.files.map((file) => [file.name, file]));
  const index = indexModules([...files.keys()].filter((path) => path.startsWith(KERNEL_DIRECTORY)));
  const { modules, missing } = await orderModules(WANTED_MODULES, async (key) => {
    const path = index.get(key);
    return path === undefined ? undefined : { path, data: files.get(path)!.data };
  });
  if (!modules.some((module) => module.path.endsWith("/hv_vmbus.ko"))) {
    throw new ConfigurationError(`Guest ${NAME}: package ${kernel.name} has no module hv_vmbus.`);
  }
  if (missing.length > 0) log?.(`not modules of this kernel: ${missing.join(", ")}`);
  return {
    kernel: regularFile(kernel, `boot/vmlinuz-${KERNEL_VERSION}-${KERNEL_RELEASE}.x86_64`).data,
    initrd: buildInitramfs({ busybox: regularFile(busybox, "sbin/busybox").data, init: await readInit(), modules }),
    recipe: await recipeId(),
    source: `${kernel.name}-${kernel.version}-${kernel.release} and ${busybox.name}-${busybox.version}-${busybox.release} of ${base}`,
    commandLine: SERIAL_CONSOLE,
  };
}

/** CentOS 6.6 from its own packages. */
export const centos6: Recipe = {
  name: NAME,
  description:
    "CentOS 6.6: kernel 2.6.32-504.el6 with its Hyper-V drivers, and busybox, from the CentOS vault's packages",
  async availability(options) {
    const cached = await cachedGuest(options.cacheDir, NAME, await recipeId());
    return cached ? { available: true, from: cached.why } : { available: false, from: options.mirror ?? VAULT };
  },
  async get(options) {
    return (
      (await cachedGuest(options.cacheDir, NAME, await recipeId())) ??
      storeGuest(options.cacheDir, NAME, await build(options))
    );
  },
};
