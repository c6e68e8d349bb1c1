/*
 * Runs instruction forms on this machine's processor and writes what they did, for the tests to replay.
 *
 * The kernel does the switching: inside a signal handler the whole register state of the program lies in the signal
 * frame, so a case is set up by writing its inputs there and returning; the code runs, ends in INT3 or a fault, and
 * the next signal's frame holds the outputs. Code of 32 bits runs the same way, with CS 23h.
 *
 * Inputs come from a generator that ../inputs.ts repeats, so the files hold outputs only. The table of forms comes
 * from forms.mjs by way of the assembler (record.mjs). Usage: recorder GROUP > file. Layout of the file: ../format.ts.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* As record.mjs writes it. */
struct form {
  const char *group;
  const char *name;
  const uint8_t *code;
  uint32_t length;
  uint32_t mode;
  uint32_t flags_mask;
  uint32_t options;
  uint32_t status_mask;
  uint32_t domain;
};
extern const struct form forms[];
extern const uint32_t form_count;

/* Options: forms.mjs names them. */
enum { OPTION_DF = 1, OPTION_COUNT = 2, OPTION_BIT_OFFSET = 4, OPTION_XMM = 8, OPTION_X87 = 16, OPTION_SPARSE = 32,
       OPTION_COUNT16 = 64, OPTION_APPROXIMATE = 128, OPTION_NEAR_QUOTIENT = 256, OPTION_EMPTY = 512,
       OPTION_MODERATE = 1024 };
/* What registers and memory hold. */
enum { DOMAIN_INTEGER, DOMAIN_F32, DOMAIN_F64, DOMAIN_F80 };

#define CASES 100
#define CODE 0x300000ul
#define DATA 0x200000ul
#define WINDOW 512
#define STATUS_FLAGS 0x8d5u

/* Order of x86 encoding. */
static const int greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

struct state {
  uint64_t gpr[16];
  uint32_t flags;
  uint8_t memory[WINDOW];
  uint8_t xmm[16][16];
  uint32_t mxcsr;
  uint8_t st[8][10];
  uint16_t control, status;
  uint8_t tag;
};

/* The generator: keep in step with ../inputs.ts. */
static uint32_t seed;
static uint64_t previous;

static uint32_t next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

static uint64_t value(void) {
  static const uint64_t corners[8] = {0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0x7fffffffffffffff,
                                      0x8000000000000000};
  uint32_t kind = next() & 15, low = next(), high = next();
  uint64_t v;
  switch (kind) {
    case 0: v = 0; break;
    case 1: v = ~0ull; break;
    case 2: v = 1ull << (low & 63); break;
    case 3: v = (1ull << (low & 63)) - 1; break;
    case 4: v = low & 255; break;
    case 5: v = (uint64_t)(int64_t)(int8_t)low; break;
    case 6: v = corners[low & 7]; break;
    case 7: v = low; break;
    case 8: v = previous; break;
    default: v = (uint64_t)high << 32 | low;
  }
  previous = v;
  return v;
}

static uint32_t f32(void) {
  static const uint32_t table[16] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345,
                                     0x7fa00001, 0xff812345, 1,          0x807fffff, 0x00800000, 0x7f7fffff,
                                     0x3f800000, 0xbf800000, 0x3f000000, 0x4f000000};
  uint32_t kind = next() % 12, r = next();
  if (kind == 0) return table[r & 15];
  if (kind == 1) return r;
  if (kind < 5) return (r & 0x80f80000) | (127 - 8 + (r & 15)) << 23;
  if (kind < 9) return (r & 0x807fffff) | (127 - 4 + (r >> 23 & 7)) << 23;
  return (r & 0x807fffff) | (127 - 32 + (r >> 23 & 63)) << 23;
}

static uint64_t f64(void) {
  static const uint64_t table[16] = {0,
                                     0x8000000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0xfff8123456789abc,
                                     0x7ff4000000000001,
                                     0xfff0123456789abc,
                                     1,
                                     0x800fffffffffffff,
                                     0x0010000000000000,
                                     0x7fefffffffffffff,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x3fe0000000000000,
                                     0x41e0000000000000};
  uint32_t kind = next() % 12, high = next(), low = next();
  uint64_t r = (uint64_t)high << 32 | low;
  if (kind == 0) return table[high & 15];
  if (kind == 1) return r;
  if (kind < 5) return (r & 0x800f800000000000) | (uint64_t)(1023 - 8 + (low & 15)) << 52;
  if (kind < 9) return (r & 0x800fffffffffffff) | (uint64_t)(1023 - 4 + (high >> 20 & 7)) << 52;
  return (r & 0x800fffffffffffff) | (uint64_t)(1023 - 64 + (high >> 20 & 127)) << 52;
}

static void f80(uint8_t *out, uint32_t options) {
  static const uint16_t table_high[16] = {0,      0x8000, 0x7fff, 0xffff, 0x7fff, 0xffff, 0x7fff, 0xffff,
                                          0,      0x8000, 1,      0x7ffe, 0x3fff, 0xbfff, 0x3ffe, 0x401e};
  static const uint64_t table_low[16] = {0,
                                         0,
                                         0x8000000000000000,
                                         0x8000000000000000,
                                         0xc000000000000000,
                                         0xc123456789abcdef,
                                         0xa000000000000001,
                                         0x8123456789abcdef,
                                         1,
                                         0x7fffffffffffffff,
                                         0x8000000000000000,
                                         0xffffffffffffffff,
                                         0x8000000000000000,
                                         0x8000000000000000,
                                         0x8000000000000000,
                                         0x8000000000000000};
  uint32_t kind = next() % 12, e = next(), high = next(), low = next();
  uint64_t m = (uint64_t)high << 32 | low;
  uint16_t exponent;
  if ((options & OPTION_MODERATE) && kind < 2) kind = 6;
  if (kind == 0) {
    exponent = table_high[e & 15];
    m = table_low[e & 15];
  } else {
    m |= 0x8000000000000000;
    if (kind == 1) exponent = (uint16_t)((e & 0x8000) | (1 + (e & 0x7fff) % 0x7ffe));
    else if (kind < 5) {
      m &= 0xfff0000000000000;
      exponent = (uint16_t)((e & 0x8000) | (16383 - 8 + (e & 15)));
    } else if (kind < 9) exponent = (uint16_t)((e & 0x8000) | (16383 - 4 + (e & 7)));
    else exponent = (uint16_t)((e & 0x8000) | (16383 - 70 + (e & 127)));
    if (options & OPTION_MODERATE) exponent = (uint16_t)((e & 0x8000) | (16383 - 1 - (e & 7)));
  }
  memcpy(out, &m, 8);
  memcpy(out + 8, &exponent, 2);
}

static void make_inputs(const struct form *form, uint32_t number, struct state *in) {
  memset(in, 0, sizeof *in);
  uint32_t hash = 0x811c9dc5;
  for (const char *c = form->name; *c; c++) hash = (hash ^ (uint8_t)*c) * 0x01000193;
  seed = hash ^ (number * 0x9e3779b1u) ^ form->mode;
  if (seed == 0) seed = 1;
  previous = 0;
  next();
  next();
  for (int i = 0; i < 16; i++) in->gpr[i] = value();
  in->flags = next() & STATUS_FLAGS;
  uint32_t extra = next();
  if (form->options & OPTION_DF) in->flags |= extra & 0x400;
  if (form->options & OPTION_COUNT) in->gpr[1] = extra % 9;
  if (form->options & OPTION_COUNT16) in->gpr[1] = extra % 17;
  if (form->options & OPTION_BIT_OFFSET) in->gpr[1] = (uint64_t)((int64_t)(extra & 1023) - 512);
  if (form->options & OPTION_SPARSE) in->gpr[0] = extra >> 12 & 1;
  /* Divisions that mostly fit: the dividend's upper half is small. */
  if ((form->options & OPTION_NEAR_QUOTIENT) && (extra & 3)) in->gpr[2] = (extra & 4) ? 0 : ~0ull;
  in->gpr[4] = DATA + 0x180;
  in->gpr[6] = DATA + 0x80;
  in->gpr[7] = DATA + 0x100;
  if (form->mode == 32) {
    for (int i = 0; i < 16; i++) in->gpr[i] = i < 8 ? (uint32_t)in->gpr[i] : 0;
  }
  for (int i = 0; i < WINDOW;) {
    uint64_t v;
    uint32_t w;
    if (form->options & OPTION_SPARSE) {
      in->memory[i++] = (next() >> 8 & 7) == 0;
      continue;
    }
    switch (form->domain) {
      case DOMAIN_F32: w = f32(); memcpy(in->memory + i, &w, 4); i += 4; break;
      case DOMAIN_F64: v = f64(); memcpy(in->memory + i, &v, 8); i += 8; break;
      case DOMAIN_F80: f80(in->memory + i, form->options); i += 16; break;
      default: v = value(); memcpy(in->memory + i, &v, 8); i += 8;
    }
  }
  if (form->options & OPTION_XMM) {
    for (int i = 0; i < 16; i++) {
      for (int j = 0; j < 16;) {
        if (form->domain == DOMAIN_F32) {
          uint32_t w = f32();
          memcpy(in->xmm[i] + j, &w, 4);
          j += 4;
        } else {
          uint64_t v = form->domain == DOMAIN_F64 ? f64() : value();
          memcpy(in->xmm[i] + j, &v, 8);
          j += 8;
        }
      }
    }
    uint32_t r = next();
    in->mxcsr = 0x1f80 | (r & 0x6000) | ((r & 0x70000) == 0 ? 0x8000 : 0) | ((r & 0x700000) == 0 ? 0x40 : 0);
  } else in->mxcsr = 0x1f80;
  in->control = 0x37f;
  if (form->options & OPTION_X87) {
    for (int i = 0; i < 8; i++) {
      if (form->domain == DOMAIN_F80 || form->domain == DOMAIN_F64 || form->domain == DOMAIN_F32) f80(in->st[i], form->options);
      else {
        uint64_t v = value();
        uint16_t e = (uint16_t)next();
        memcpy(in->st[i], &v, 8);
        memcpy(in->st[i] + 8, &e, 2);
      }
    }
    static const uint16_t precision[4] = {0x300, 0x300, 0x200, 0};
    uint32_t r = next();
    uint32_t top = r >> 8 & 7;
    in->control = 0x7f | precision[r & 3] | (uint16_t)((r >> 4 & 3) << 10);
    in->status = (uint16_t)(top << 11);
    /* ST(0) to ST(4) hold values; or, for the loads, the top is about to go to an empty register. */
    uint32_t used = (form->options & OPTION_EMPTY) && (r & 0x10000) ? 0 : 5;
    for (uint32_t i = 0; i < used; i++) in->tag |= 1 << ((top + i) & 7);
  }
}

/* The signal frame's extended state: FXSAVE area, then the XSAVE header. */
static void to_frame(const struct form *form, const struct state *in, ucontext_t *context) {
  for (int i = 0; i < 16; i++) context->uc_mcontext.gregs[greg_of[i]] = (greg_t)in->gpr[i];
  context->uc_mcontext.gregs[REG_RIP] = CODE;
  context->uc_mcontext.gregs[REG_EFL] = in->flags | 0x202;
  uint64_t selectors = (uint64_t)context->uc_mcontext.gregs[REG_CSGSFS];
  uint64_t cs = form->mode == 32 ? 0x23 : 0x33;
  context->uc_mcontext.gregs[REG_CSGSFS] = (greg_t)((selectors & 0x0000ffffffff0000) | cs | 0x002b000000000000);
  uint8_t *fx = (uint8_t *)context->uc_mcontext.fpregs;
  memset(fx, 0, 416);
  memcpy(fx, &in->control, 2);
  memcpy(fx + 2, &in->status, 2);
  fx[4] = in->tag;
  memcpy(fx + 24, &in->mxcsr, 4);
  for (int i = 0; i < 8; i++) memcpy(fx + 32 + i * 16, in->st[i], 10);
  memcpy(fx + 160, in->xmm, 256);
  uint64_t present;
  memcpy(&present, fx + 512, 8);
  present |= 3;
  memcpy(fx + 512, &present, 8);
  memcpy((void *)DATA, in->memory, WINDOW);
}

static void from_frame(const ucontext_t *context, struct state *out) {
  for (int i = 0; i < 16; i++) out->gpr[i] = (uint64_t)context->uc_mcontext.gregs[greg_of[i]];
  out->flags = (uint32_t)context->uc_mcontext.gregs[REG_EFL];
  const uint8_t *fx = (const uint8_t *)context->uc_mcontext.fpregs;
  uint64_t present;
  memcpy(&present, fx + 512, 8);
  memcpy(&out->control, fx, 2);
  memcpy(&out->status, fx + 2, 2);
  out->tag = fx[4];
  memcpy(&out->mxcsr, fx + 24, 4);
  for (int i = 0; i < 8; i++) memcpy(out->st[i], fx + 32 + i * 16, 10);
  memcpy(out->xmm, fx + 160, 256);
  /* A component in its initial state may not have been written. */
  if (!(present & 1)) {
    out->control = 0x37f;
    out->status = 0;
    out->tag = 0;
    memset(out->st, 0, sizeof out->st);
  }
  if (!(present & 2)) memset(out->xmm, 0, sizeof out->xmm);
  memcpy(out->memory, (void *)DATA, WINDOW);
}

static void put(const void *bytes, size_t size) {
  if (fwrite(bytes, 1, size, stdout) != size) abort();
}
static void put8(uint32_t v) { uint8_t b = (uint8_t)v; put(&b, 1); }
static void put16(uint32_t v) { uint16_t b = (uint16_t)v; put(&b, 2); }
static void put32(uint32_t v) { put(&v, 4); }

static void put_form(const struct form *form) {
  size_t length = strlen(form->name);
  put8((uint32_t)length);
  put(form->name, length);
  put8(form->length);
  put(form->code, form->length);
  put8(form->mode);
  put16(form->flags_mask);
  put16(form->options);
  put16(form->status_mask);
  put8(form->domain);
}

static const uint8_t *physical(const struct state *state, int number) {
  return state->st[(number - (state->status >> 11)) & 7];
}

/* Only what changed. 255 stands for no exception. */
static void put_result(const struct form *form, const struct state *in, const struct state *out, int vector) {
  put8((uint32_t)vector);
  if (vector != 255) return;
  uint32_t changed = 0;
  for (int i = 0; i < 16; i++) changed |= (uint32_t)(in->gpr[i] != out->gpr[i]) << i;
  put16(changed);
  for (int i = 0; i < 16; i++) if (changed >> i & 1) put(&out->gpr[i], 8);
  put16(out->flags & 0xcd5);
  uint32_t runs = 0;
  for (int pass = 0; pass < 2; pass++) {
    if (pass) put8(runs);
    for (int i = 0; i < WINDOW;) {
      if (in->memory[i] == out->memory[i]) { i++; continue; }
      int end = i + 1;
      for (int j = i; j < WINDOW && j < end + 2; j++) if (in->memory[j] != out->memory[j]) end = j + 1;
      if (pass) {
        put16((uint32_t)i);
        put16((uint32_t)(end - i));
        put(out->memory + i, (size_t)(end - i));
      } else runs++;
      i = end;
    }
  }
  if (form->options & OPTION_XMM) {
    changed = 0;
    for (int i = 0; i < 16; i++) changed |= (uint32_t)(memcmp(in->xmm[i], out->xmm[i], 16) != 0) << i;
    put16(changed);
    for (int i = 0; i < 16; i++) if (changed >> i & 1) put(out->xmm[i], 16);
    put32(out->mxcsr);
  }
  if (form->options & OPTION_X87) {
    put16(out->control);
    put16(out->status);
    put8(out->tag);
    changed = 0;
    /* By physical register: ST(i) is register TOP + i. */
    for (int i = 0; i < 8; i++) changed |= (uint32_t)(memcmp(physical(in, i), physical(out, i), 10) != 0) << i;
    put8(changed);
    for (int i = 0; i < 8; i++) if (changed >> i & 1) put(physical(out, i), 10);
  }
}

static const char *group;
static uint32_t current_form, current_case;
static int started;
static struct state inputs;
/* The program's own state, as it was when it raised the first signal. */
static greg_t own_gregs[NGREG];
static uint8_t own_fpu[512];

static void begin_case(ucontext_t *context) {
  const struct form *form = &forms[current_form];
  if (current_case == 0) {
    put_form(form);
    memcpy((void *)CODE, form->code, form->length);
    memset((void *)(CODE + form->length), 0xcc, 16);
  }
  make_inputs(form, current_case, &inputs);
  to_frame(form, &inputs, context);
}

static int next_form(uint32_t from) {
  for (; from < form_count; from++) {
    if (strcmp(forms[from].group, group) == 0) {
      current_form = from;
      current_case = 0;
      return 1;
    }
  }
  return 0;
}

static void on_signal(int number, siginfo_t *info, void *raw) {
  (void)info;
  ucontext_t *context = raw;
  if (!started) {
    started = 1;
    memcpy(own_gregs, context->uc_mcontext.gregs, sizeof own_gregs);
    memcpy(own_fpu, context->uc_mcontext.fpregs, 512);
    begin_case(context);
    return;
  }
  struct state out;
  from_frame(context, &out);
  int vector = number == SIGTRAP ? 255 : (int)context->uc_mcontext.gregs[REG_TRAPNO];
  uint64_t expected = CODE + forms[current_form].length + 1;
  if (number == SIGTRAP && (uint64_t)context->uc_mcontext.gregs[REG_RIP] != expected) {
    fprintf(stderr, "%s: ended at the wrong place\n", forms[current_form].name);
    abort();
  }
  put_result(&forms[current_form], &inputs, &out, vector);
  if (++current_case == CASES && !next_form(current_form + 1)) {
    memcpy(context->uc_mcontext.gregs, own_gregs, sizeof own_gregs);
    memcpy(context->uc_mcontext.fpregs, own_fpu, 512);
    return;
  }
  begin_case(context);
}

static void map(unsigned long address, size_t size) {
  void *p = mmap((void *)address, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (p != (void *)address) {
    perror("mmap");
    exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: recorder GROUP > FILE\n");
    return 2;
  }
  group = argv[1];
  map(CODE, 4096);
  map(DATA, 4096);
  stack_t alternate = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  static const int signals[] = {SIGUSR1, SIGTRAP, SIGFPE, SIGILL, SIGSEGV, SIGBUS};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  if (!next_form(0)) {
    fprintf(stderr, "no forms in group %s\n", group);
    return 1;
  }
  /* 64-bit programs run with null DS and ES, which 32-bit code could not use. */
  __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" ::"r"(0x2b));
  raise(SIGUSR1);
  return fflush(stdout) == 0 ? 0 : 1;
}
