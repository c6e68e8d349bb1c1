// Records what this machine's FPU makes of each x87 instruction: for corner and random operands, control words and
// flags, one line of hexadecimal a case. gcc -O1 -o record record.c && ./record SEED CASES > vectors.txt
//
//   instruction(bytes) depth control ST0 ST1 memory flags : status tags ST0' ST1' memory' flags'
//
// The stack holds `depth` numbers: ST0, and ST1 in every other place. Registers are ten bytes, sign and exponent first; memory is ten bytes, lowest address first. ST0' and ST1' are those
// of the stack after the instruction, "-" if empty.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
  uint8_t st0[16], st1[16];
  uint16_t control, pad[7];
  uint8_t memory[16];
  uint64_t flags;
  uint8_t pad2[56];
  uint8_t image[128];
} Frame;

// How memory operands look: none, single, double, extended, integers of 2, 4 and 8 bytes, packed BCD.
enum { NONE, M32, M64, M80, I16, I32, I64, BCD };
typedef struct { const char *bytes; int operand; int angle; } Instruction;
static const Instruction instructions[] = {
  {"d8c1"}, {"d8c9"}, {"d8d1"}, {"d8d9"}, {"d8e1"}, {"d8e9"}, {"d8f1"}, {"d8f9"},
  {"dcc1"}, {"dcc9"}, {"dce1"}, {"dce9"}, {"dcf1"}, {"dcf9"}, {"dec1"}, {"dec9"}, {"ded9"}, {"dee1"}, {"dee9"},
  {"def1"}, {"def9"}, {"d8c0"}, {"d8e0"}, {"d8ca"}, {"d8d7"}, {"d9c0"}, {"d9c3"}, {"d9c9"}, {"d9ca"}, {"d9d0"},
  {"d9e0"}, {"d9e1"}, {"d9e4"}, {"d9e5"}, {"d9e8"}, {"d9e9"}, {"d9ea"}, {"d9eb"}, {"d9ec"}, {"d9ed"}, {"d9ee"},
  {"d9f4"}, {"d9f5"}, {"d9f6"}, {"d9f7"}, {"d9f8"}, {"d9fa"}, {"d9fc"}, {"d9fd"},
  {"dac1"}, {"dac9"}, {"dad1"}, {"dad9"}, {"dae9"}, {"dbc1"}, {"dbc9"}, {"dbd1"}, {"dbd9"}, {"dbe9"}, {"dbf1"},
  {"ddc1"}, {"ddc0"}, {"ddd1"}, {"ddd9"}, {"ddd3"}, {"dddb"}, {"dde1"}, {"dde9"}, {"dfe9"}, {"dff1"}, {"dfc1"},
  {"d847", M32}, {"d84f", M32}, {"d857", M32}, {"d85f", M32}, {"d867", M32}, {"d86f", M32}, {"d877", M32}, {"d87f", M32},
  {"dc47", M64}, {"dc4f", M64}, {"dc57", M64}, {"dc5f", M64}, {"dc67", M64}, {"dc6f", M64}, {"dc77", M64}, {"dc7f", M64},
  {"da47", I32}, {"da4f", I32}, {"da57", I32}, {"da5f", I32}, {"da67", I32}, {"da6f", I32}, {"da77", I32}, {"da7f", I32},
  {"de47", I16}, {"de4f", I16}, {"de57", I16}, {"de5f", I16}, {"de67", I16}, {"de6f", I16}, {"de77", I16}, {"de7f", I16},
  {"d947", M32}, {"dd47", M64}, {"db6f", M80}, {"df47", I16}, {"db47", I32}, {"df6f", I64}, {"df67", BCD},
  {"d957", M32}, {"d95f", M32}, {"dd57", M64}, {"dd5f", M64}, {"db7f", M80}, {"df57", I16}, {"df5f", I16},
  {"db57", I32}, {"db5f", I32}, {"df7f", I64}, {"df77", BCD}, {"df4f", I16}, {"db4f", I32}, {"dd4f", I64},
  // Transcendental: within an ulp only.
  {"d9f0", NONE, 1}, {"d9f1", NONE, 2}, {"d9f2", NONE, 3}, {"d9f3", NONE, 4}, {"d9f9", NONE, 5}, {"d9fb", NONE, 3},
  {"d9fe", NONE, 3}, {"d9ff", NONE, 3},
};

static uint64_t seed;
static uint64_t next(void) {
  uint64_t z = (seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static unsigned below(unsigned n) { return next() % n; }

/** Significands with runs of zeros and ones, where rounding happens. */
static uint64_t mantissa(void) {
  uint64_t s = next();
  switch (below(6)) {
    case 0: s &= ~0ull << below(64); break;
    case 1: s |= ~0ull >> below(64); break;
    case 2: s = (s & (~0ull << 40)) | ((uint64_t)below(4) << 38) | below(3); break;
    case 3: s = (s & (~0ull << 11)) | (1024 - 1 + below(3)); break;
    default: break;
  }
  return s;
}

static void put(uint8_t *to, unsigned signExponent, uint64_t s) {
  memcpy(to, &s, 8);
  to[8] = signExponent;
  to[9] = signExponent >> 8;
}

static void number(uint8_t *to, int angle) {
  unsigned sign = below(2) << 15;
  uint64_t s = mantissa() | 1ull << 63;
  if (angle && below(8)) {
    int range = angle == 1 ? 20 : angle == 5 ? 20 : angle == 3 ? 90 : 140;
    int most = angle == 1 || angle == 5 ? -1 : angle == 3 ? 62 : 70;
    if (angle == 5 && below(2)) { most = -3; }
    put(to, sign | (16383 + most - (int)below(range)), s);
    return;
  }
  switch (below(16)) {
    case 0: put(to, sign, 0); break;
    case 1: put(to, sign | 0x7fff, 1ull << 63); break;
    case 2: put(to, sign | 0x7fff, s | 1ull << 62); break;
    case 3: put(to, sign | 0x7fff, (s & ~(1ull << 62)) | 1); break;
    case 4: put(to, sign, mantissa() >> 1); break;
    case 5: put(to, sign, s); break;
    case 6: put(to, sign | below(0x8000), mantissa() >> 1); break;
    case 7: put(to, sign | (below(2) ? 1 + below(70) : 0x7ffe - below(70)), s); break;
    case 8: put(to, sign | below(0x7fff), s); break;
    case 9: put(to, sign | (0x3fff - 1074 - 2 + below(70)), s); break;
    case 10: put(to, sign | (0x3fff - 150 + below(40)), s); break;
    case 11: put(to, sign | (0x3fff + (below(2) ? 1020 : 124) + below(8)), s); break;
    case 12: put(to, sign | 0x3fff, 1ull << 63); break;
    default: put(to, sign | (0x3fff - 4 + below(72)), s); break;
  }
}

static void memoryOperand(uint8_t *to, int operand) {
  uint64_t v = next();
  memset(to, 0, 10);
  if (operand == M32) {
    uint32_t e = below(4) ? 127 - 20 + below(40) : below(2) ? 0 : below(2) ? 255 : below(256);
    uint32_t f = below(3) ? (uint32_t)v & 0x7fffff : below(2) ? 0 : 0x400000 & (uint32_t)v;
    f = (f | (below(2) << 31)) | e << 23;
    memcpy(to, &f, 4);
  } else if (operand == M64) {
    uint64_t e = below(4) ? 1023 - 40 + below(80) : below(2) ? 0 : below(2) ? 2047 : below(2048);
    uint64_t f = (below(3) ? v & 0xfffffffffffff : below(2) ? 0 : 0x8000000000000 & v) | e << 52 | (uint64_t)below(2) << 63;
    memcpy(to, &f, 8);
  } else if (operand == M80) number(to, 0);
  else if (operand == BCD) {
    for (int i = 0; i < 9; i++) to[i] = below(10) | below(10) << 4;
    to[9] = below(2) << 7;
    if (below(8) == 0) memset(to, 0, 9);
  } else {
    if (below(3) == 0) v = below(3) - 1ll;
    if (below(8) == 0) v = 0x8000800000008000ull << (below(2) * 16) ;
    memcpy(to, &v, 8);
  }
}

static void hex(const uint8_t *p, int n) { for (int i = 0; i < n; i++) printf("%02x", p[i]); }
static void value(const uint8_t *p) { for (int i = 9; i >= 0; i--) printf("%02x", p[i]); }

int main(int argc, char **argv) {
  seed = argc > 1 ? strtoull(argv[1], 0, 0) : 1;
  int cases = argc > 2 ? atoi(argv[2]) : 8;
  uint8_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (unsigned n = 0; n < sizeof instructions / sizeof *instructions; n++) {
    const Instruction *instruction = &instructions[n];
    // fninit; fld [rdi+16] (depth - 1 times); fld [rdi] (unless depth is 0); fldcw [rdi+32]; push [rdi+64]; popf; the instruction, its operand at [rdi+48];
    // pushf; pop [rdi+64]; fnsave [rdi+128]; ret
    static const uint8_t init[] = {0xdb, 0xe3}, fldSt1[] = {0xdb, 0x6f, 0x10}, fldSt0[] = {0xdb, 0x2f};
    static const uint8_t head[] = {0xd9, 0x6f, 0x20, 0xff, 0x77, 0x40, 0x9d};
    static const uint8_t tail[] = {0x9c, 0x8f, 0x47, 0x40, 0xdd, 0xb7, 0x80, 0, 0, 0, 0xc3};
    int depth = -1;
    for (int c = 0; c < cases; c++) {
      // One case in eight has an empty or a full stack.
      static const int depths[] = {0, 1, 7, 8};
      int wanted = c % 8 == 7 ? depths[below(4)] : 2;
      if (wanted != depth) {
        depth = wanted;
        uint8_t *p = code;
        memcpy(p, init, sizeof init);
        p += sizeof init;
        for (int i = 1; i < depth; i++, p += sizeof fldSt1) memcpy(p, fldSt1, sizeof fldSt1);
        if (depth) {
          memcpy(p, fldSt0, sizeof fldSt0);
          p += sizeof fldSt0;
        }
        memcpy(p, head, sizeof head);
        p += sizeof head;
        for (const char *c = instruction->bytes; *c; c += 2) {
          unsigned byte;
          sscanf(c, "%2x", &byte);
          *p++ = byte;
        }
        if (instruction->operand) *p++ = 48;
        memcpy(p, tail, sizeof tail);
      }
      static Frame frame __attribute__((aligned(64)));
      memset(&frame, 0, sizeof frame);
      number(frame.st0, instruction->angle);
      number(frame.st1, instruction->angle >= 4 || instruction->angle == 2 ? 2 : 0);
      if (instruction->angle == 2 && below(16)) frame.st0[9] &= 0x7f;
      if (!instruction->angle && below(3) == 0) {
        // Near to each other: cancellation, exact quotients, ties.
        unsigned e = frame.st1[8] | frame.st1[9] << 8;
        unsigned d = below(4) ? below(70) : below(300);
        if ((e & 0x7fff) > d) put(frame.st0, (e - d) ^ (below(2) << 15), mantissa() | 1ull << 63);
        if (below(2)) { uint8_t t[10]; memcpy(t, frame.st0, 10); memcpy(frame.st0, frame.st1, 10); memcpy(frame.st1, t, 10); }
      }
      static const unsigned precisions[] = {0x300, 0x300, 0x200, 0};
      frame.control = 0x3f | precisions[instruction->angle ? 0 : below(4)] | (below(2) ? below(4) << 10 : 0);
      if (below(4) == 0) frame.control &= ~below(0x40);
      memoryOperand(frame.memory, instruction->operand);
      frame.flags = 2 | (next() & 0x8d5);
      Frame before = frame;
      ((void (*)(Frame *))code)(&frame);
      const uint8_t *image = frame.image;
      unsigned status = image[4] | image[5] << 8, tags = image[8] | image[9] << 8, top = status >> 11 & 7;
      // FYL2XP1 has no defined result for -1 and below.
      unsigned exponent = before.st0[8] | before.st0[9] << 8;
      if (!strcmp(instruction->bytes, "d9f9") && exponent >= 0xbfff && exponent < 0xffff) continue;
      printf("%s %d %04x ", instruction->bytes, depth, before.control);
      value(before.st0); putchar(' ');
      value(before.st1); putchar(' ');
      hex(before.memory, 10);
      printf(" %03x : %04x %04x ", (unsigned)before.flags & 0x8d5, status, tags);
      for (unsigned i = 0; i < 2; i++) {
        if ((tags >> (((top + i) & 7) * 2) & 3) == 3) printf("-");
        else value(image + 28 + 10 * i);
        putchar(' ');
      }
      hex(frame.memory, 10);
      printf(" %03x\n", (unsigned)frame.flags & 0x8d5);
    }
  }
  return 0;
}
