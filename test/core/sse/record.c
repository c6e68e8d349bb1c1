// Records what this processor makes of SSE and MMX instructions at their corners: NaNs, infinities, denormals, every
// rounding mode, DAZ, FTZ, masked and unmasked exceptions. Run on real hardware; sse.test.ts replays the file.
//
//   gcc -O1 -o build/record-sse test/core/sse/record.c && build/record-sse 40 | gzip -9n > test/core/sse/recorded.bin.gz
//
// For each form: u8 length of its name, name, u8 length of its code, code, u32 cases; then the cases as struct record.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct record {
  uint64_t xmm0[2], xmm1[2], rax, rcx, rdx;  // before; MM0 and MM1 are the low halves of XMM0 and XMM1
  uint64_t xmm0_after[2], mm0_after, rax_after, rcx_after;
  uint32_t mxcsr, mxcsr_after;
  uint32_t flags_after;  // CF PF AF ZF SF OF
  uint32_t trapped;      // #XM was raised: nothing but MXCSR changed
};

extern const unsigned char template_start[], template_hole[], template_end[];
__asm__(
    ".text\n"
    "template_start:\n"
    "  push %rbx\n  mov %rdi, %rbx\n"
    "  movups (%rbx), %xmm0\n  movups 16(%rbx), %xmm1\n"
    "  movq (%rbx), %mm0\n  movq 16(%rbx), %mm1\n"
    "  mov 32(%rbx), %rax\n  mov 40(%rbx), %rcx\n  mov 48(%rbx), %rdx\n"
    "  pushq $0x202\n  popfq\n"
    "  ldmxcsr 96(%rbx)\n"
    "template_hole:\n"
    "  .fill 12, 1, 0x90\n"
    "  stmxcsr 100(%rbx)\n"
    "  pushfq\n  popq 104(%rbx)\n"
    "  movups %xmm0, 56(%rbx)\n  movq %mm0, 72(%rbx)\n"
    "  mov %rax, 80(%rbx)\n  mov %rcx, 88(%rbx)\n"
    "  emms\n  pop %rbx\n  ret\n"
    "template_end:\n");

static sigjmp_buf escape;
static struct record *current;

static void on_fpe(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)info;
  current->mxcsr_after = ((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr;
  siglongjmp(escape, 1);
}

static uint32_t seed = 0x2545f491;
static uint32_t random32(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}
static uint64_t random64(void) { return (uint64_t)random32() << 32 | random32(); }

static const uint32_t singles[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x00800001,
    0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000, 0xc0200000,
    0x40400000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f812345, 0xffb00001,
    0x4f000000, 0xcf000000, 0x4effffff, 0xcf000001, 0x5f000000, 0xdf000000, 0x4b7fffff, 0x34000000, 0x33800000,
    0x1f800000, 0x20000000, 0x5f7fffff, 0x00400000, 0x3eaaaaab, 0x41200000};
static const uint64_t doubles[] = {
    0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x8000000000000001, 0x000fffffffffffff,
    0x800fffffffffffff, 0x0010000000000000, 0x8010000000000000, 0x0010000000000001, 0x3ff0000000000000,
    0xbff0000000000000, 0x3ff0000000000001, 0x3fefffffffffffff, 0x3fe0000000000000, 0xbfe0000000000000,
    0x3ff8000000000000, 0x4004000000000000, 0xc004000000000000, 0x4008000000000000, 0x7fefffffffffffff,
    0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8123456789abc,
    0x7ff0123456789abc, 0xfff4000000000001, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
    0xc1e0000000100000, 0x41dfffffffe00000, 0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff,
    0x433fffffffffffff, 0x3cb0000000000000, 0x3ca0000000000000, 0x1ff0000000000000, 0x2000000000000000,
    0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0x380fffffffffffff, 0x3810000000000000,
    0x36a0000000000000, 0x3690000000000001, 0x3fd5555555555555, 0x4024000000000000};

#define COUNT(a) (sizeof(a) / sizeof(a[0]))
static uint32_t single(void) {
  switch (random32() % 4) {
    case 0: return random32();                                                             // any
    case 1: return (random32() & 0x807fffff) | (0x7f - 14 + random32() % 28) << 23;        // magnitudes near each other
    default: return singles[random32() % COUNT(singles)];
  }
}
static uint64_t dbl(void) {
  switch (random32() % 4) {
    case 0: return random64();
    case 1: return (random64() & 0x800fffffffffffff) | (uint64_t)(0x3ff - 30 + random32() % 60) << 52;
    default: return doubles[random32() % COUNT(doubles)];
  }
}
static uint64_t string(void) {
  // A small alphabet with zeros now and then, so that strings match and end.
  uint64_t value = 0;
  for (int n = 0; n < 8; n++) value = value << 8 | (random32() % 12 == 0 ? 0 : random32() % 9 == 0 ? 0x80 | random32() % 4 : 0x61 + random32() % 4);
  return value;
}
static uint64_t element(char kind) {
  switch (kind) {
    case 's': return (uint64_t)single() << 32 | single();
    case 'd': return dbl();
    case 't': return string();
    case 'c': return random32() % 4 == 0 ? random64() : random32() % 70;  // a count of a shift
    case 'w': return random32() % 2 ? random64() : random64() & 0x8000ffff7fff0001 & random64();
    default: return random64();
  }
}

struct form {
  const char *name;
  char first, second;  // kinds of XMM0 and XMM1
  const char *code;
};
static const struct form forms[] = {
#include "forms.h"
};

int main(int argc, char **argv) {
  int cases = argc > 1 ? atoi(argv[1]) : 64;
  size_t size = template_end - template_start;
  unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction action = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGFPE, &action, 0);

  for (size_t f = 0; f < COUNT(forms); f++) {
    const struct form *form = &forms[f];
    unsigned char bytes[12];
    unsigned length = 0;
    for (const char *at = form->code; *at; length++) bytes[length] = strtoul(at, (char **)&at, 16);
    memcpy(code, template_start, size);
    memset(code + (template_hole - template_start), 0x90, 12);
    memcpy(code + (template_hole - template_start), bytes, length);
    putchar(strlen(form->name));
    fputs(form->name, stdout);
    putchar(length);
    fwrite(bytes, 1, length, stdout);
    // The corners are those of floating point; of integer forms a fifth is enough.
    uint32_t count = form->second == 's' || form->second == 'd' ? cases : cases / 5;
    fwrite(&count, 4, 1, stdout);

    for (uint32_t n = 0; n < count; n++) {
      struct record record = {0};
      for (int h = 0; h < 2; h++) {
        record.xmm0[h] = element(form->first);
        record.xmm1[h] = element(form->second);
      }
      // Equal operands and equal magnitudes are worth cases of their own.
      if (random32() % 8 == 0) memcpy(record.xmm1, record.xmm0, 16);
      record.rax = random32() % 4 == 0 ? random64() : (uint64_t)(int64_t)(int32_t)(random32() % 40 - 20);
      record.rcx = 0x0123456789abcdef;
      record.rdx = random32() % 4 == 0 ? random64() : (uint64_t)(int64_t)(int32_t)(random32() % 40 - 20);
      // Masked in three of four; some sticky flags set beforehand; PE set in half so that the quick path is met.
      record.mxcsr = random32() % 4 ? 0x1f80 : (random32() & 0x1f80);
      if (random32() % 2) record.mxcsr |= 0x20;
      if (random32() % 4 == 0) record.mxcsr |= random32() & 0x3f;
      if (random32() % 2) record.mxcsr |= random32() & 0x6000;
      if (random32() % 4 == 0) record.mxcsr |= random32() & 0x8040;
      current = &record;
      if (sigsetjmp(escape, 1) == 0) ((void (*)(struct record *))code)(&record);
      else {
        uint32_t after = record.mxcsr_after;
        __asm__ volatile("emms");
        memcpy(record.xmm0_after, record.xmm0, 16);
        record.mm0_after = record.xmm0[0];
        record.rax_after = record.rax;
        record.rcx_after = record.rcx;
        record.mxcsr_after = after;
        record.flags_after = 0;
        record.trapped = 1;
      }
      // The template stored 64 bits of flags: the upper half is `trapped`, zero.
      record.flags_after &= 0x8d5;
      fwrite(&record, sizeof record, 1, stdout);
    }
  }
  return 0;
}
