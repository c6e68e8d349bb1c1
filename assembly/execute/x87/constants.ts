// The constants of FLD1 ... FLDZ. The processor holds them with more bits than a register and rounds them by rounding
// control (SDM volume 1, 8.3.8). Bits from the numbers' binary expansions.

import { roundSignificand, setResult } from "./extended";

function roundConstant(exponent: u32, high: u64, low: u64): void {
  // Loading a constant reports no inexactness.
  setResult(roundSignificand(0, high, low, 64), exponent);
}

/** Sets the result to constant n: 1, log2(10), log2(e), pi, log10(2), ln(2), 0. */
export function loadConstant(n: u32): void {
  switch (n) {
    case 0: setResult(0x8000000000000000, 0x3fff); break;
    case 1: roundConstant(0x4000, 0xd49a784bcd1b8afe, 0x492bf6ff4dafdb4c); break;
    case 2: roundConstant(0x3fff, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88); break;
    case 3: roundConstant(0x4000, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1); break;
    case 4: roundConstant(0x3ffd, 0x9a209a84fbcff798, 0x8f8959ac0b7c9178); break;
    case 5: roundConstant(0x3ffe, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af); break;
    default: setResult(0, 0);
  }
}
