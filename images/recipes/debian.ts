import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigurationError } from "../../emulator/machine-types";
import { unxz } from "../archive/rpm";
import { cachedGuest, sha256, storeGuest, type BuiltGuest } from "../cache";
import { buildInitramfs } from "../initramfs";
import { indexModules, orderModules } from "../modules";
import type { GuestOptions, Recipe } from "../types";
import { readInit, SERIAL_CONSOLE, WANTED_MODULES } from "./common";

type Architecture = "amd64" | "i386";

interface Variant {
  readonly name: string;
  readonly description: string;
  readonly architecture: Architecture;
  /** The package that depends on the newest kernel of this kind. */
  readonly metapackage: string;
}

/** Runs a program with the variant's apt configuration; its output, or undefined if it failed. */
type Run = (program: string, args: readonly string[]) => Promise<string | undefined>;

function runner(cwd: string, configuration: string): Run {
  return (program, args) =>
    new Promise((resolve, reject) => {
      const environment = { ...process.env, APT_CONFIG: configuration, LC_ALL: "C" };
      const child = spawn(program, args, { cwd, env: environment, stdio: ["ignore", "pipe", "ignore"] });
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
      child.on("error", () =>
        reject(new ConfigurationError(`Debian's guests need apt and dpkg; ${program} cannot be run.`)),
      );
      child.on("close", (code) => resolve(code === 0 ? output : undefined));
    });
}

/** State and cache below a folder of our own, so that neither root nor the system's lists are touched. */
async function prepareApt(folder: string, architecture: Architecture): Promise<Run> {
  for (const path of ["state/lists/partial", "cache/archives/partial"])
    await mkdir(join(folder, path), { recursive: true });
  await writeFile(join(folder, "status"), "");
  const configuration = join(folder, "apt.conf");
  await writeFile(
    configuration,
    [
      `Dir::State "${join(folder, "state")}";`,
      `Dir::State::status "${join(folder, "status")}";`,
      `Dir::Cache "${join(folder, "cache")}";`,
      'Dir::Log "/dev/null";',
      `APT::Architecture "${architecture}";`,
      "#clear APT::Architectures;",
      `APT::Architectures { "${architecture}"; };`,
      'Acquire::Languages "none";',
      // Drops privileges only where the folder could still be read.
      ...(process.getuid?.() === 0 ? ['APT::Sandbox::User "root";'] : []),
      "",
    ].join("\n"),
  );
  return runner(folder, configuration);
}

async function unpack(run: Run, folder: string, name: string): Promise<string> {
  if ((await run("apt-get", ["download", "-q", name])) === undefined) {
    throw new ConfigurationError(`Debian's package ${name} cannot be fetched; see that apt reaches its mirror.`);
  }
  const file = (await readdir(folder)).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith(".deb"));
  const target = join(folder, "unpacked", name);
  await mkdir(target, { recursive: true });
  if (!file || (await run("dpkg-deb", ["-x", join(folder, file), target])) === undefined) {
    throw new ConfigurationError(`Debian's package ${name} cannot be unpacked.`);
  }
  return target;
}

async function findKernelPackage(run: Run, variant: Variant): Promise<string> {
  const depends = (await run("apt-cache", ["depends", "--important", variant.metapackage])) ?? "";
  const kernel = /Depends: (linux-image-\d[\w.+-]*)/.exec(depends)?.[1];
  if (!kernel) {
    throw new ConfigurationError(
      `Guest ${variant.name}: apt's sources list no ${variant.metapackage} for ${variant.architecture}; ` +
        "Debian 12's would, if its mirror can be reached.",
    );
  }
  return kernel;
}

async function readModule(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path);
  return path.endsWith(".xz") ? unxz(bytes) : bytes;
}

async function build(variant: Variant, options: GuestOptions): Promise<BuiltGuest> {
  const { log } = options;
  const folder = await mkdtemp(join(tmpdir(), "hypertab-apt-"));
  try {
    const run = await prepareApt(folder, variant.architecture);
    log?.(`fetching Debian's package lists for ${variant.architecture}`);
    await run("apt-get", ["update", "-q"]);
    const kernelPackage = await findKernelPackage(run, variant);
    log?.(`fetching ${kernelPackage} and busybox-static`);
    const kernelRoot = await unpack(run, folder, kernelPackage);
    const busyboxRoot = await unpack(run, folder, "busybox-static");

    log?.("building the initramfs");
    const version = kernelPackage.replace(/^linux-image-/, "").replace(/-unsigned$/, "");
    // Debian 13 on keeps modules below usr/lib.
    const under = await readdir(join(kernelRoot, "lib", "modules", version)).then(
      () => kernelRoot,
      () => join(kernelRoot, "usr"),
    );
    const paths = await readdir(join(under, "lib", "modules", version), { recursive: true });
    const index = indexModules(paths);
    const { modules, missing } = await orderModules(WANTED_MODULES, async (key) => {
      const path = index.get(key);
      if (path === undefined) return undefined;
      const data = await readModule(join(under, "lib", "modules", version, path));
      return { path: `lib/modules/${version}/${path.replace(/\.xz$/, "")}`, data };
    });
    if (missing.length > 0) log?.(`not modules of this kernel: ${missing.join(", ")}`);
    const busybox = await readFile(join(busyboxRoot, "bin", "busybox")).catch(() =>
      readFile(join(busyboxRoot, "usr", "bin", "busybox")),
    );
    return {
      kernel: await readFile(join(kernelRoot, "boot", `vmlinuz-${version}`)),
      initrd: buildInitramfs({ busybox, init: await readInit(), modules }),
      recipe: await recipeId(variant),
      source: `Debian's ${kernelPackage} and busybox-static`,
      commandLine: SERIAL_CONSOLE,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function recipeId(variant: Variant): Promise<string> {
  return sha256(JSON.stringify([variant.metapackage, WANTED_MODULES, await readInit()]));
}

function debianRecipe(variant: Variant): Recipe {
  return {
    name: variant.name,
    description: variant.description,
    async availability(options) {
      const cached = await cachedGuest(options.cacheDir, variant.name, await recipeId(variant));
      return cached ? { available: true, from: cached.why } : { available: false, from: "Debian's packages, by apt" };
    },
    async get(options) {
      const cached = await cachedGuest(options.cacheDir, variant.name, await recipeId(variant));
      return cached ?? storeGuest(options.cacheDir, variant.name, await build(variant, options));
    },
  };
}

export const debian = debianRecipe({
  name: "debian",
  description: "Debian's cloud kernel for amd64 with its Hyper-V modules, and busybox, by apt without root",
  architecture: "amd64",
  metapackage: "linux-image-cloud-amd64",
});

export const debian686 = debianRecipe({
  name: "debian-686",
  description: "Debian's 32-bit kernel without PAE, and busybox, by apt without root",
  architecture: "i386",
  metapackage: "linux-image-686",
});

export const debian686Pae = debianRecipe({
  name: "debian-686-pae",
  description: "Debian's 32-bit kernel with PAE, and busybox, by apt without root",
  architecture: "i386",
  metapackage: "linux-image-686-pae",
});
