// 128-bit integer arithmetic from 64-bit parts. WebAssembly returns one value, so the second half of each result is
// left in a global: read it before the next call.

/** The low half of the last result (mulWide, addWide, subWide, shifts), or the remainder of divWide. */
export let wideLow: u64 = 0;
/** Carry out of addWide, borrow out of subWide: 0 or 1. */
export let wideCarry: u64 = 0;

/** Upper 64 bits of the unsigned product; leaves wideLow alone. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const middle2 = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (middle2 >> 32);
}

/** Unsigned a * b: returns bits 127:64, wideLow has bits 63:0. */
export function mulWide(a: u64, b: u64): u64 {
  wideLow = a * b;
  return multiplyHigh(a, b);
}

/** One 32-bit digit of (high:digit) / divisor, where divisor has bit 63 set and high < divisor. */
function quotientDigit(high: u64, digit: u64, divisor: u64): u64 {
  const dh = divisor >> 32;
  const dl = divisor & 0xffffffff;
  let q = high / dh;
  let r = high - q * dh;
  while (q > 0xffffffff || q * dl > ((r << 32) | digit)) {
    q--;
    r += dh;
    if (r > 0xffffffff) break;
  }
  return q;
}

/** Unsigned (high:low) / divisor for high < divisor: returns the quotient, wideLow has the remainder. (Knuth, TAOCP
 * volume 2, 4.3.1, algorithm D, with digits of 32 bits.) */
export function divWide(high: u64, low: u64, divisor: u64): u64 {
  if (high == 0) {
    const quotient = low / divisor;
    wideLow = low - quotient * divisor;
    return quotient;
  }
  const shift = clz(divisor);
  divisor <<= shift;
  if (shift != 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  const q1 = quotientDigit(high, low >> 32, divisor);
  const middle = ((high << 32) | (low >> 32)) - q1 * divisor;
  const q0 = quotientDigit(middle, low & 0xffffffff, divisor);
  wideLow = (((middle << 32) | (low & 0xffffffff)) - q0 * divisor) >> shift;
  return (q1 << 32) | q0;
}

/** (ah:al) + (bh:bl): returns the high half, wideLow the low, wideCarry the carry out. */
export function addWide(ah: u64, al: u64, bh: u64, bl: u64): u64 {
  const low = al + bl;
  const carry = u64(low < al);
  const partial = ah + bh;
  const high = partial + carry;
  wideLow = low;
  wideCarry = u64(partial < ah) | u64(high < partial);
  return high;
}

/** (ah:al) - (bh:bl): returns the high half, wideLow the low, wideCarry the borrow. */
export function subWide(ah: u64, al: u64, bh: u64, bl: u64): u64 {
  const borrow = u64(al < bl);
  wideLow = al - bl;
  wideCarry = u64(ah < bh) | (u64(ah == bh) & borrow);
  return ah - bh - borrow;
}

/** (high:low) >> count for any count; bits shifted out are or-ed into bit 0 (a sticky bit for rounding). */
export function shiftRightSticky(high: u64, low: u64, count: u32): u64 {
  if (count == 0) {
    wideLow = low;
    return high;
  }
  if (count < 64) {
    wideLow = (low >> count) | (high << (64 - count)) | u64(low << (64 - count) != 0);
    return high >> count;
  }
  if (count == 64) wideLow = high | u64(low != 0);
  else if (count < 128) wideLow = (high >> (count - 64)) | u64(((high << (128 - count)) | low) != 0);
  else wideLow = u64((high | low) != 0);
  return 0;
}
