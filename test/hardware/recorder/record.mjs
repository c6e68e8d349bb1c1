// Records the vectors: node test/hardware/recorder/record.mjs [GROUP...]
// Needs an x86-64 Linux host with gcc and GNU as. Writes test/hardware/GROUP.vectors.gz for each group.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { FORMS } from "./forms.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "recorder-"));

/** The table in assembly: the assembler turns each form's text into the bytes that are run. */
function assembly() {
  const lines = [".intel_syntax noprefix", ".section .rodata"];
  FORMS.forEach((form, n) => {
    lines.push(form.mode === 32 ? ".code32" : ".code64", `code${n}:`, form.text.replaceAll("; ", "\n"), `end${n}:`);
    lines.push(`name${n}: .asciz ${JSON.stringify(form.text)}`, `group${n}: .asciz ${JSON.stringify(form.group)}`);
  });
  lines.push('.section .data.rel.ro, "aw"', ".balign 8", ".globl forms", "forms:");
  FORMS.forEach((form, n) => {
    lines.push(`.quad group${n}, name${n}, code${n}`, `.long end${n} - code${n}, ${form.mode}`);
    lines.push(`.long ${form.flags}, ${form.options}, ${form.status}, ${form.domain}`);
  });
  lines.push(".globl form_count", `form_count: .long ${FORMS.length}`, '.section .note.GNU-stack, ""', "");
  return lines.join("\n");
}

try {
  writeFileSync(join(directory, "forms.s"), assembly());
  const recorder = join(directory, "recorder");
  const sources = [join(here, "recorder.c"), join(directory, "forms.s")];
  execFileSync("gcc", ["-O2", "-Wall", "-o", recorder, ...sources], { stdio: "inherit" });
  const wanted = process.argv.slice(2);
  const groups = [...new Set(FORMS.map((form) => form.group))].filter((g) => wanted.length === 0 || wanted.includes(g));
  for (const group of groups) {
    const bytes = execFileSync(recorder, [group], { maxBuffer: 1 << 28 });
    const packed = gzipSync(bytes, { level: 9 });
    writeFileSync(join(here, "..", `${group}.vectors.gz`), packed);
    const count = FORMS.filter((form) => form.group === group).length;
    console.log(`${group}: ${count} forms, ${bytes.length} bytes, ${packed.length} packed`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
