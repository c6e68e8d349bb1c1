// What the guests do while the host measures. Every guest runs the same shell text; only busybox's applets and the
// program of memory-program.ts are used, so that it runs wherever a busybox does.

export interface Phase {
  /** One letter. */
  readonly id: string;
  readonly title: string;
  /** Shell text that runs before the clock starts. */
  readonly setup?: string;
  /** Shell text that is measured; the boot has none. */
  readonly script?: string;
  /** Whether the guest needs a disk for it. */
  readonly disk?: boolean;
}

// Small builds of awk have no sqrt: Newton's steps make the root.
const nBody = [
  "BEGIN {",
  "n = 5;",
  'split("0 4.84 8.34 12.89 15.37", x); split("0 -1.16 4.12 -15.11 -25.91", y); split("0 -0.10 -0.40 -0.22 0.17", z);',
  'split("0 0.60 -1.01 1.08 0.97", u); split("0 2.81 1.82 0.86 0.59", v); split("0 -0.02 0.008 -0.01 -0.03", w);',
  'split("39.47 0.037 0.011 0.0017 0.002", m);',
  "for (step = 0; step < 1000; step++) {",
  "for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) {",
  "dx = x[i] - x[j]; dy = y[i] - y[j]; dz = z[i] - z[j]; d = dx * dx + dy * dy + dz * dz;",
  "s = d; for (k = 0; k < 8; k++) s = (s + d / s) / 2; f = 0.001 / (d * s); fi = m[j] * f; fj = m[i] * f;",
  "u[i] -= dx * fi; v[i] -= dy * fi; w[i] -= dz * fi; u[j] += dx * fj; v[j] += dy * fj; w[j] += dz * fj }",
  "for (i = 1; i <= n; i++) { x[i] += 0.001 * u[i]; y[i] += 0.001 * v[i]; z[i] += 0.001 * w[i] } }",
  "for (i = 1; i <= n; i++) e += m[i] * (u[i] * u[i] + v[i] * v[i] + w[i] * w[i]) / 2;",
  'printf "energy %.9f\\n", e }',
].join(" ");

/** The boot comes first; it is measured in every run. */
export const BOOT: Phase = { id: "a", title: "boot to user space" };

export const PHASES: readonly Phase[] = [
  BOOT,
  {
    id: "b",
    title: "sha256sum of 64 MiB",
    script: "busybox dd if=/dev/zero bs=64k count=1024 2>/dev/null | busybox sha256sum",
  },
  {
    id: "c",
    title: "shell loop, 100,000 steps",
    script: "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done",
  },
  {
    id: "d",
    title: "gzip of 16 MiB of binaries",
    setup:
      "while busybox cat /bin/busybox $(busybox find /lib -name '*.ko'); do true; done 2>/dev/null | " +
      "busybox head -c 16777216 >/tmp/binaries",
    script: "busybox gzip -c /tmp/binaries >/dev/null; busybox rm /tmp/binaries",
  },
  {
    id: "e",
    title: "400 fork and exec",
    script: "i=0; while [ $i -lt 400 ]; do /bin/busybox true; i=$((i + 1)); done",
  },
  {
    id: "f",
    title: "n-body in awk, 1,000 steps",
    script: `busybox awk '${nBody}'`,
  },
  {
    id: "g",
    title: "memory: copy, random access in 64 MiB",
    script: "/bench/memory",
  },
  {
    id: "h",
    title: "dd by single bytes, 400,000 system calls",
    script: "busybox dd if=/dev/zero of=/dev/null bs=1 count=200000 2>/dev/null",
  },
];
