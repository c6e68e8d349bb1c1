// The fuzzer's loop: programs from consecutive seeds through the interpreter and through the translator.

import { compare, describe, listing, minimise } from "./compare";
import { Engine, type Stop } from "./engine";
import { makeProgram, type Program, type Slice } from "./program";

/** Instructions that a program runs, about: some run long, for what is only done to very hot code. */
export function programLength(seed: number): number {
  return seed % 8 === 0 ? 40_000 : 4000;
}
/** Runs before translation: one for every program, by its seed. 4 and above make regions of several blocks. */
const THRESHOLDS: readonly number[] = [1, 2, 5, 12];

/** Instructions that explain() shows. */
const WAY_LENGTH = 60;

export interface Report {
  readonly programs: number;
  readonly instructions: number;
  /** Instructions of them that translated code ran. */
  readonly translated: number;
  /** The first divergence, minimised. */
  readonly divergence: string | undefined;
}

/** Runs programs of `seed` and the following until they add up to so many instructions, or one diverges. */
export function fuzz(seed: number, instructions: number): Report {
  const interpreter = new Engine({ threshold: Infinity });
  const translators = THRESHOLDS.map((threshold) => new Engine({ threshold }));
  let done = 0;
  let programs = 0;
  for (let next = seed; done < instructions; next++) {
    const program = makeProgram(next, programLength(next));
    const translator = translators[next % translators.length] as Engine;
    const reference = interpreter.run(program);
    const difference = compare(reference, translator.run(program));
    done += reference.stops.at(-1)?.count ?? 0;
    programs++;
    if (difference !== undefined) {
      return {
        programs,
        instructions: done,
        translated: 0,
        divergence: explain(program, translator.options.threshold),
      };
    }
  }
  const translated = translators.reduce((sum, engine) => sum + engine.translated, 0);
  return { programs, instructions: done, translated, divergence: undefined };
}

/** The divergence of one program, with what it takes. */
export function explain(program: Program, threshold: number): string {
  const interpreter = new Engine({ threshold: Infinity });
  const translator = new Engine({ threshold });
  const difference = (trial: Program): string | undefined => compare(interpreter.run(trial), translator.run(trial));
  const first = difference(program);
  const least = minimise(program, (trial) => difference(trial) !== undefined);
  return [
    `seed ${program.seed}, threshold ${threshold}: ${first ?? "does not repeat"}`,
    "minimised:",
    listing(least),
    difference(least) ?? "",
    "the way to it:",
    ...wayTo(least, interpreter, difference),
  ].join("\n");
}

/** What the reference does on its last instructions before the first limit at which the engines differ. */
function wayTo(program: Program, interpreter: Engine, difference: (program: Program) => string | undefined): string[] {
  const before = program.slices.slice(0, Math.min(interpreter.run(program).stops.length, program.slices.length) - 1);
  const last = program.slices[before.length] as Slice;
  const cut = (instructions: number): Program => ({
    ...program,
    slices: [...before, { ...last, length: instructions }],
  });
  let wrong = 1;
  while (wrong < last.length && difference(cut(wrong)) === undefined) wrong++;
  const way: string[] = [];
  for (let n = Math.max(1, wrong - WAY_LENGTH); n <= wrong; n++) {
    way.push(describe(interpreter.run(cut(n)).stops.at(-1) as Stop));
  }
  return [...way, difference(cut(wrong)) ?? ""];
}

/** As fuzz(), with regions compiled away from this thread while the program runs on. */
export async function fuzzAsynchronously(seed: number, programs: number): Promise<Report> {
  const interpreter = new Engine({ threshold: Infinity });
  const translator = new Engine({ threshold: 5, asynchronous: true });
  let instructions = 0;
  for (let next = seed; next < seed + programs; next++) {
    const program = makeProgram(next, programLength(next));
    const reference = interpreter.run(program);
    const difference = compare(reference, await translator.runAsynchronously(program));
    instructions += reference.stops.at(-1)?.count ?? 0;
    if (difference !== undefined) {
      return {
        programs: next - seed + 1,
        instructions,
        translated: 0,
        divergence: `seed ${next}: ${difference}\n${listing(program)}`,
      };
    }
  }
  return {
    programs,
    instructions,
    translated: translator.translated,
    divergence: undefined,
  };
}
