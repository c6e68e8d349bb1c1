// The programs outside npm that tests need: found, or installed where that can be done without asking.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Each with its Debian packages and what is not tested without it. */
const programs = [
  { path: "/usr/bin/chromium", packages: ["chromium"], without: "the page in a browser" },
  { path: "/usr/bin/qemu-system-x86_64", packages: ["qemu-system-x86"], without: "comparisons with QEMU" },
  { path: "/usr/bin/iasl", packages: ["acpica-tools"], without: "ACPI tables as iasl reads them" },
  { path: "/usr/bin/cpio", packages: ["cpio"], without: "archives as cpio reads them" },
  { path: "/usr/bin/xz", packages: ["xz-utils"], without: "archives as xz packs them" },
  { path: "/usr/sbin/e2fsck", packages: ["e2fsprogs"], without: "file systems after crashes" },
  { path: "/usr/sbin/dmidecode", packages: ["dmidecode"], without: "SMBIOS tables as dmidecode reads them" },
  { path: "/usr/bin/capinfos", packages: ["wireshark-common"], without: "captures as Wireshark reads them" },
  { path: "/usr/bin/qemu-img", packages: ["qemu-utils"], without: "VHDX files against qemu-img" },
];

function canInstall() {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get") || !existsSync("/etc/os-release")) return false;
  return /^ID(_LIKE)?=.*debian/m.test(readFileSync("/etc/os-release", "utf8"));
}

/** Installs what is missing where it can; returns what is missing still, each with the reason. */
export function provide(report) {
  const missing = programs.filter(({ path }) => !existsSync(path));
  if (missing.length === 0) return [];
  const names = missing.flatMap(({ packages }) => packages);
  let reason = `only root on Debian can install it here; install ${names.join(", ")} yourself`;
  if (canInstall()) {
    report(`installing ${names.join(", ")} with apt-get`);
    const options = {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    };
    spawnSync("apt-get", ["update"], options);
    const { status } = spawnSync("apt-get", ["install", "-y", "--no-install-recommends", ...names], options);
    reason = `apt-get install ended with ${status}`;
  }
  return missing.filter(({ path }) => !existsSync(path)).map((program) => ({ ...program, reason }));
}
