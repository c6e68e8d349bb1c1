import { describe, expect, it } from "vitest";
import { benchCommand } from "../../../cli/bench";
import { UsageError } from "../../../cli/errors";

describe("hypertab bench", () => {
  for (const [argv, message] of [
    [["--phases", "az"], /--phases has 'z'; known are a, b,/],
    [["--guests", "el7"], /--guests has 'el7'; known are el6,/],
    [["--guests", ","], /--guests names nothing/],
    [["--peers", "bochs"], /--peers has 'bochs'; known are v86, qemu/],
    [["--runs", "0"], /--runs is '0'; it must be a whole number/],
    [["--clock", "guest"], /--clock is 'guest'; it must be wall or cpu/],
    [["el6"], /unexpected argument 'el6'/],
  ] as const) {
    it(`refuses ${argv.join(" ")}`, async () => {
      const result = benchCommand(argv, () => undefined);
      await expect(result).rejects.toThrow(UsageError);
      await expect(result).rejects.toThrow(message);
    });
  }
});
