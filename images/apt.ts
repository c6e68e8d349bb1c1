import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigurationError } from "../emulator/machine-types";

export type Architecture = "amd64" | "i386";

/** Debian's packages for one architecture, by the machine's own apt, without root and without installing anything. */
export interface Apt {
  /** What `apt-cache depends` says of a package's important dependencies; empty for one that is not known. */
  depends(name: string): Promise<string>;
  /**
   * Fetches a package and unpacks it. @returns the folder that stands for its root
   * @throws ConfigurationError if it cannot be had, one line
   */
  unpack(name: string): Promise<string>;
}

/** Gives `use` an apt with fresh lists; what was unpacked is gone when this resolves. */
export async function withApt<T>(
  architecture: Architecture,
  log: ((line: string) => void) | undefined,
  use: (apt: Apt) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "hypertab-apt-"));
  try {
    const run = await prepareApt(folder, architecture);
    log?.(`fetching Debian's package lists for ${architecture}`);
    await run("apt-get", ["update", "-q"]);
    return await use({
      depends: async (name) => (await run("apt-cache", ["depends", "--important", name])) ?? "",
      unpack: (name) => unpack(run, folder, name),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program with an apt configuration; its output, or undefined if it failed. */
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
