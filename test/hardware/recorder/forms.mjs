// The instruction forms that are recorded, in GNU assembler's Intel syntax.
//
// Registers hold random and corner-case values, but RSI, RDI and RSP point into the memory window at its offsets 0x80,
// 0x100 and 0x180. {a} {b} {c} {d} stand for the accumulator, base, count and data register of each width, {m} for
// memory at RSI, {i} for an immediate. Flags that an instruction leaves undefined are not compared.

/** What recorder.c and ../inputs.ts call the options. */
const DF = 1; // direction flag random
const COUNT = 2; // RCX is 0..8
const BIT_OFFSET = 4; // RCX is -512..511
const XMM = 8; // XMM registers and MXCSR are set and recorded
const X87 = 16; // the x87 (or MMX) registers are
const SPARSE = 32; // memory is mostly zero bytes, some one; RAX is 0 or 1
const COUNT16 = 64; // RCX is 0..16
const APPROXIMATE = 128; // x87 results may differ in their last bits
const NEAR_QUOTIENT = 256; // RDX is mostly 0 or -1
const EMPTY = 512; // the x87 stack may be empty
const MODERATE = 1024; // x87 values lie in (-1, 1)

/** Domains of registers and memory. */
const INTEGER = 0;
const F32 = 1;
const F64 = 2;
const F80 = 3;

const FLAG = { c: 1, p: 4, a: 0x10, z: 0x40, s: 0x80, d: 0x400, o: 0x800 };
const flagMask = (letters) => [...letters].reduce((mask, letter) => mask | FLAG[letter], 0);

const REGISTERS = {
  8: { a: "al", b: "bl", c: "cl", d: "dl", m: "byte ptr [rsi]", i: "0x5a" },
  16: { a: "ax", b: "bx", c: "cx", d: "dx", m: "word ptr [rsi]", i: "0x1234" },
  32: { a: "eax", b: "ebx", c: "ecx", d: "edx", m: "dword ptr [rsi]", i: "0x87654321" },
  64: { a: "rax", b: "rbx", c: "rcx", d: "rdx", m: "qword ptr [rsi]", i: "-0x12345678" },
};

/** @type {{group: string, text: string, mode: number, flags: number, options: number, status: number, domain: number}[]} */
export const FORMS = [];

let group = "";
function form(text, { flags = "oszapcd", options = 0, mode = 64, domain = INTEGER, status = 0xffff } = {}) {
  if (mode === 32) text = text.replaceAll("rsi", "esi").replaceAll("rdi", "edi").replaceAll("rsp", "esp");
  FORMS.push({ group, text, mode, flags: flagMask(flags), options, status, domain });
}
/** One form for each instruction, width and pattern. */
function each(names, patterns, widths, settings) {
  for (const name of names.split(" ")) {
    for (const pattern of patterns) {
      for (const width of widths) {
        const text = pattern.replace("{op}", name).replace(/\{([abcdmi])\}/g, (_, k) => REGISTERS[width][k]);
        form(text, settings);
      }
    }
  }
}

const ALL = [8, 16, 32, 64];
const WIDE = [16, 32, 64];
/** In the order of their encoding. */
const CONDITIONS = ["o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle"];

group = "integer";
each("add adc sub sbb cmp", ["{op} {a}, {b}", "{op} {m}, {d}", "{op} {b}, {m}", "{op} {a}, {i}", "{op} {m}, {i}"], ALL);
each("and or xor", ["{op} {a}, {b}", "{op} {m}, {d}", "{op} {b}, {m}", "{op} {a}, {i}", "{op} {m}, {i}"], ALL, {
  flags: "oszpcd",
});
each("test", ["{op} {a}, {b}", "{op} {m}, {d}", "{op} {a}, {i}", "{op} {c}, {i}", "{op} {m}, {i}"], ALL, {
  flags: "oszpcd",
});
each("add adc sub sbb cmp", ["{op} {d}, -3", "{op} {m}, 0x7f", "{load} {op} {b}, {d}"], WIDE);
each("and or xor", ["{op} {d}, -3", "{load} {op} {b}, {d}"], WIDE, { flags: "oszpcd" });
each("inc dec neg not", ["{op} {b}", "{op} {m}"], ALL);
each("inc dec", ["{op} {a}", "{op} {d}"], [16, 32], { mode: 32 });
form("add ah, dh");
form("sub bh, al");
form("cmp ch, [rsi]");
form("adc [rsi], bh");
form("xor ah, ah", { flags: "oszpcd" });
form("add r8d, r15d");
form("sbb r9, [rsi + 8]");
form("add sil, r10b", {});
form("lock add [rsi], eax");
form("lock dec word ptr [rsi]");
form("lock xor [rsi + 1], rbx", { flags: "oszpcd" });
each("add adc sub sbb cmp", ["{op} {a}, {b}", "{op} {m}, {d}", "{op} {b}, {m}"], [8, 16, 32], { mode: 32 });

group = "multiply";
each("mul imul", ["{op} {b}", "{op} {m}"], ALL, { flags: "ocd" });
each("imul", ["{op} {a}, {b}", "{op} {d}, {m}", "{op} {a}, {b}, 0x35", "{op} {a}, {m}, {i}"], WIDE, { flags: "ocd" });
each("div idiv", ["{op} {b}", "{op} {m}"], ALL, { flags: "d", options: NEAR_QUOTIENT });
each("div idiv", ["movzx eax, al; {op} {b}"], [8], { flags: "d" });
each("idiv", ["movsx ax, al; {op} {b}"], [8], { flags: "d" });
each("idiv", ["cwd; {op} {b}"], [16], { flags: "d" });
each("idiv", ["cdq; {op} {b}"], [32], { flags: "d" });
each("idiv", ["cqo; {op} {b}"], [64], { flags: "d" });
// A dividend just below divisor << 64, so that 128-bit division works hard.
form("mov rdx, rbx; shr rdx, 1; div rbx", { flags: "d" });
form("lea rdx, [rbx - 1]; div rbx", { flags: "d" });
form("mov rdx, rbx; sar rdx, 2; idiv rbx", { flags: "d" });
form("mov rdx, rbx; neg rdx; sar rdx, 1; idiv rbx", { flags: "d" });
form("lea edx, [ebx - 1]; div ebx", { flags: "d" });

group = "shift";
// OF is defined for a count of 1, and kept for 0; AF is undefined.
each("shl shr sar", ["{op} {a}, 1", "{op} {m}, 1"], ALL, { flags: "oszpcd" });
each("shl sar", ["{op} {b}, cl", "{op} {m}, cl"], [32, 64], { flags: "szpcd" });
each("shr", ["{op} {b}, cl", "{op} {m}, cl"], [32, 64], { flags: "szpcd" });
// CF is undefined where the count passes the width.
each("shl shr", ["{op} {b}, cl", "{op} {m}, cl"], [8, 16], { flags: "szpd" });
each("sar", ["{op} {b}, cl", "{op} {m}, cl"], [8, 16], { flags: "szpcd" });
each("shl shr sar", ["{op} {d}, 3", "{op} {m}, 7"], ALL, { flags: "szpcd" });
each("shl shr sar rol ror rcl rcr", ["{op} {a}, 32", "{op} {m}, 0"], ALL, { flags: "d" });
each("rol ror rcl rcr", ["{op} {a}, 1", "{op} {m}, 1"], ALL);
each("rol ror rcl rcr", ["{op} {b}, cl", "{op} {m}, cl", "{op} {d}, 5", "{op} {m}, 9"], ALL, { flags: "szapcd" });
form(".byte 0xd1, 0xf0", { flags: "oszpcd" }); // shl eax, 1 by its alias /6
form(".byte 0xc0, 0x36, 0x03", { flags: "szpcd" });
each("shld shrd", ["{op} {a}, {b}, 1", "{op} {m}, {d}, 1"], WIDE, { flags: "oszpcd" });
each("shld shrd", ["{op} {a}, {b}, cl", "{op} {m}, {d}, cl", "{op} {a}, {b}, 21"], [32, 64], { flags: "szpcd" });
each("shld shrd", ["{op} {a}, {b}, cl", "{op} {m}, {d}, cl"], [16], { flags: "szpcd", options: COUNT16 });
each("rcl rcr", ["{op} {b}, cl", "{op} {m}, cl"], [8, 16, 32], { flags: "szapcd", mode: 32 });

group = "bits";
each("bt bts btr btc", ["{op} {a}, {b}", "{op} {a}, 21", "{op} {m}, 45"], WIDE, { flags: "zcd" });
each("bt bts btr btc", ["{op} {m}, {c}"], WIDE, { flags: "zcd", options: BIT_OFFSET });
each("bt bts btr btc", ["{op} {m}, {c}"], [16, 32], { flags: "zcd", options: BIT_OFFSET, mode: 32 });
form("lock bts [rsi], rcx", { flags: "zcd", options: BIT_OFFSET });
each("bsf bsr", ["{op} {a}, {b}", "{op} {d}, {m}"], WIDE, { flags: "zd" });
each("popcnt", ["{op} {a}, {b}", "{op} {d}, {m}"], WIDE);
each("crc32", ["{op} eax, {b}", "{op} edx, {m}"], [8, 16, 32]);
each("crc32", ["{op} rax, {b}", "{op} rdx, {m}"], [8, 64]);
form("crc32 eax, bh");

group = "data";
each(
  "mov",
  ["{op} {a}, {b}", "{op} {m}, {d}", "{op} {b}, {m}", "{load} {op} {c}, {d}", "{op} {m}, {i}", "{op} {c}, {i}"],
  ALL,
);
form("mov r11, 0x123456789abcdef0");
form("mov eax, 0xfedcba98");
form("mov ah, bh");
form("mov r9b, sil");
form("movabs al, [0x200010]");
form("movabs rax, [0x200011]");
form("movabs [0x200033], ax");
form("movabs [0x200033], eax");
each("movzx movsx", ["{op} {a}, bl", "{op} {d}, byte ptr [rsi]"], WIDE);
each("movzx movsx", ["{op} {a}, bx", "{op} {d}, word ptr [rsi]"], [32, 64]);
form("movzx eax, bh");
form("movsx cx, dh");
form("movsxd rax, ebx");
form("movsxd rdx, dword ptr [rsi + 3]");
form("lea eax, [rbx + rcx * 4 + 5]");
form("lea rax, [rbx + rcx * 8 - 0x12345678]");
form("lea ax, [rdx + rbp]");
form("lea rax, [ebx + ecx * 2 + 7]");
form("lea eax, [ebx + ecx * 2 + 7]", { mode: 32 });
form("lea eax, [bx + di - 9]", { mode: 32 });
form("lea dx, [bp + si]", { mode: 32 });
for (const cc of CONDITIONS) {
  each(`cmov${cc}`, ["{op} {a}, {b}", "{op} {d}, {m}"], WIDE);
  form(`set${cc} bl`);
  form(`set${cc} byte ptr [rsi]`);
}
for (const text of ["cbw", "cwde", "cdqe", "cwd", "cdq", "cqo", "lahf", "sahf", "cmc", "clc", "stc", "cld", "std"]) {
  form(text, { options: DF });
}
form("lea rbx, [rsi - 64]; and eax, 0x7f; xlat", { flags: "d" });
form("lea ebx, [esi - 64]; and eax, 0x7f; xlat", { flags: "d", mode: 32 });
form(".byte 0xd6", { mode: 32 }); // salc
form("nop; pause; .byte 0x66, 0x90; nop dword ptr [rax + rax]; endbr64; prefetcht0 [rsi]");
form("movnti [rsi], ebx");
form("movnti [rsi], rbx");
each("cmp", ["{op} {a}, {b}; seta al; setg bl; sbb rcx, rcx"], ALL);

group = "exchange";
each("xchg", ["{op} {b}, {d}", "{op} {m}, {d}", "{op} {a}, {c}"], ALL);
form("xchg r8, rax");
form("xchg eax, r8d");
form(".byte 0x87, 0xc0"); // xchg eax, eax clears the upper half; nop does not
form("nop");
each("xadd", ["{op} {a}, {b}", "{op} {m}, {d}", "{op} {b}, {b}", "lock {op} {m}, {a}"], ALL);
each("cmpxchg", ["{op} {b}, {d}", "{op} {m}, {d}", "mov {a}, {m}; {op} {m}, {d}", "mov {a}, {b}; {op} {b}, {d}"], ALL);
form("cmpxchg8b [rsi]");
form("mov eax, [rsi]; mov edx, [rsi + 4]; lock cmpxchg8b [rsi]");
form("cmpxchg8b [rsi + 3]");
form("cmpxchg16b [rsi]");
form("mov rax, [rsi]; mov rdx, [rsi + 8]; lock cmpxchg16b [rsi]");
form("cmpxchg16b [rsi + 8]"); // not aligned: #GP
form("bswap ebx");
form("bswap r12");
each("movbe", ["{op} {a}, {m}", "{op} {m}, {d}"], WIDE);

group = "stack";
form("push rbx");
form("push rsp");
form("push r14");
form("push bx");
form("push -5");
form("push 0x12345678");
form("pushw 0x1234");
form("push qword ptr [rsp + 8]");
form("push word ptr [rsi]");
form("pop rbx");
form("pop rsp");
form("pop cx");
form("pop r13");
form("pop qword ptr [rsi + 1]");
form("pop qword ptr [rsp]");
form("pop qword ptr [rsp + 8]");
form("pop word ptr [rsp + 2]");
form("pushfq; pop rax; and eax, 0xcd5", { options: DF, flags: "oszpcd" });
form("mov ax, 0x8d5; pushfw; pop bx; and ebx, 0xcd5", { options: DF });
form("and eax, 0xcd5; or eax, 0x202; push rax; popfq");
form("and eax, 0xcd5; or eax, 0x202; push ax; popfw");
form("enter 16, 0");
form("lea rbp, [rsp - 8]; enter 8, 1");
form("lea rbp, [rsp + 32]; enter 24, 4");
form(".byte 0x66; enter 16, 0");
form("lea rbp, [rsp + 32]; .byte 0x66; enter 24, 3");
form("lea rbp, [rsi + 64]; leave");
form("lea rbp, [rsi + 64]; .byte 0x66; leave");
form("push ebx", { mode: 32 });
form("push esp", { mode: 32 });
form("pop dword ptr [esp + 4]", { mode: 32 });
form("pop esp", { mode: 32 });
form("pushad", { mode: 32 });
form("popad", { mode: 32 });
form("pushaw", { mode: 32 });
form("popaw", { mode: 32 });
form("lea ebp, [esp + 32]; enter 24, 3", { mode: 32 });
form("lea ebp, [esi + 64]; leave", { mode: 32 });
form("and eax, 0xcd5; or eax, 0x202; push eax; popfd", { mode: 32 });

group = "string";
for (const mode of [64, 32]) {
  for (const width of mode === 64 ? ["b", "w", "d", "q"] : ["b", "w", "d"]) {
    const plain = { mode, options: DF };
    const count = { mode, options: DF | COUNT };
    const sparse = { mode, options: DF | COUNT | SPARSE };
    form(`movs${width}`, plain);
    form(`stos${width}`, plain);
    form(`lods${width}`, plain);
    form(`cmps${width}`, { mode, options: DF | SPARSE });
    form(`scas${width}`, { mode, options: DF | SPARSE });
    form(`rep movs${width}`, count);
    form(`rep stos${width}`, count);
    form(`rep lods${width}`, count);
    for (const rep of ["repe", "repne"]) {
      form(`${rep} cmps${width}`, sparse);
      form(`${rep} scas${width}`, sparse);
    }
    // Overlapping: earlier elements are copied again.
    form(`lea rdi, [rsi + 1]; rep movs${width}`, count);
    form(`lea rdi, [rsi - 3]; rep movs${width}`, count);
    form(`lea rdi, [rsi + 9]; rep movs${width}`, count);
  }
}
form("rep movsb [edi], [esi]", { options: DF | COUNT });
form("add rsi, 0x30; xor ecx, ecx; mov cl, 3; rep movsd [edi], [esi]", { flags: "d" });

group = "bcd";
for (const text of ["daa", "das"]) form(text, { mode: 32, flags: "szapcd" });
// Around the limits that the adjustments compare with.
for (const value of [0x05, 0x06, 0x09, 0x0a, 0x60, 0x99, 0x9a, 0x9f, 0xf9, 0xfa, 0xff]) {
  for (const text of ["daa", "das"]) form(`mov al, ${value}; ${text}`, { mode: 32, flags: "szapcd" });
  for (const text of ["aaa", "aas"]) form(`mov al, ${value}; ${text}`, { mode: 32, flags: "acd" });
}
for (const text of ["aaa", "aas"]) form(text, { mode: 32, flags: "acd" });
for (const text of ["aam", "aad", "aam 16", "aad 7", "aam 0"]) form(text, { mode: 32, flags: "szpd" });
form("and eax, 0x0f; or eax, 0x30; and ebx, 7; or ebx, 0x33; add al, bl; aaa", { mode: 32, flags: "acd" });
form("and eax, 0x77; and ebx, 0x77; add al, bl; daa", { mode: 32, flags: "szapcd" });
form("and eax, 0x77; and ebx, 0x77; sub al, bl; das", { mode: 32, flags: "szapcd" });

group = "control";
for (const [code, cc] of CONDITIONS.entries()) {
  // Over a MOV of five bytes, by a short and by a near jump.
  form(`j${cc} .+7; mov ecx, 1`);
  form(`.byte 0x0f, 0x${(0x80 + code).toString(16)}, 5, 0, 0, 0; mov ecx, 1`);
  form(`j${cc} .+7; mov ecx, 1`, { mode: 32 });
}
for (const op of ["loop", "loope", "loopne"]) {
  // One way round, and over a MOV; in the second the count is small and the loop real.
  form(`${op} .+7; mov eax, 1`);
  form(`inc rcx; add rax, rcx; dec rdx; ${op} .-6`, { options: COUNT });
  form(`addr32 ${op} .+8; mov eax, 1`);
  form(`${op} .+7; mov eax, 1`, { mode: 32 });
}
form("jrcxz .+7; mov eax, 1", { options: COUNT });
form("jecxz .+8; mov eax, 1", { options: COUNT });
form("jecxz .+7; mov eax, 1", { mode: 32, options: COUNT });
form("call .+10; mov eax, 1; lea rsp, [rsp + 8]; and qword ptr [rsp - 8], 0xfff");
form("lea rax, [rip + 5]; call .+7; jmp .+3; ret; sub qword ptr [rsp - 8], rax; mov rax, rsp");

group = "sse-integer";
const packed = { options: XMM };
function vector(names, settings = packed, patterns = ["{op} xmm1, xmm2", "{op} xmm3, xmmword ptr [rsi]"]) {
  for (const name of names.split(/\s+/)) for (const pattern of patterns) form(pattern.replace("{op}", name), settings);
}
vector(`paddb paddw paddd paddq paddsb paddsw paddusb paddusw psubb psubw psubd psubq psubsb psubsw psubusb psubusw
  pmullw pmulhw pmulhuw pmuludq pmaddwd pavgb pavgw pmaxub pmaxsw pminub pminsw psadbw pand pandn por pxor
  pcmpeqb pcmpeqw pcmpeqd pcmpgtb pcmpgtw pcmpgtd packsswb packssdw packuswb
  punpcklbw punpcklwd punpckldq punpcklqdq punpckhbw punpckhwd punpckhdq punpckhqdq`);
vector("psllw pslld psllq psrlw psrld psrlq psraw psrad", packed, [
  "pxor xmm2, xmm2; mov eax, 13; movd xmm2, eax; {op} xmm1, xmm2",
  "{op} xmm1, xmm2",
  "{op} xmm1, 5",
  "{op} xmm9, 33",
]);
vector("pslldq psrldq", packed, ["{op} xmm1, 3", "{op} xmm1, 17"]);
vector("pshufd pshuflw pshufhw", packed, ["{op} xmm1, xmm2, 0x1b", "{op} xmm3, xmmword ptr [rsi], 0xc6"]);
vector("movdqa movdqu movaps movups movapd movupd", packed, [
  "{op} xmm1, xmm2",
  "{op} xmm3, xmmword ptr [rsi]",
  "{op} xmmword ptr [rsi + 16], xmm12",
]);
for (const text of [
  "movdqu xmm1, [rsi + 3]",
  "movdqu [rsi + 5], xmm1",
  "movdqa xmm1, [rsi + 3]", // not aligned: #GP
  "paddb xmm1, [rsi + 8]",
  "movntdq [rsi], xmm4",
  "lddqu xmm1, [rsi + 7]",
  "movd xmm1, eax",
  "movq xmm1, rax",
  "movd ebx, xmm1",
  "movq rbx, xmm1",
  "movd xmm1, dword ptr [rsi]",
  "movq xmm1, xmm2",
  "movq xmm1, qword ptr [rsi]",
  "movq qword ptr [rsi], xmm1",
  "movd dword ptr [rsi], xmm1",
  "movss xmm1, xmm2",
  "movss xmm1, [rsi]",
  "movss [rsi], xmm1",
  "movsd xmm1, xmm2",
  "movsd xmm1, [rsi]",
  "movsd [rsi], xmm1",
  "movlps xmm1, [rsi]",
  "movhps xmm1, [rsi]",
  "movlps [rsi], xmm1",
  "movhps [rsi], xmm1",
  "movlpd xmm1, [rsi]",
  "movhpd [rsi], xmm1",
  "movhlps xmm1, xmm2",
  "movlhps xmm1, xmm2",
  "pmovmskb eax, xmm1",
  "movmskps eax, xmm1",
  "movmskpd eax, xmm1",
  "pinsrw xmm1, ebx, 5",
  "pinsrw xmm1, word ptr [rsi], 2",
  "pextrw eax, xmm1, 6",
  "maskmovdqu xmm1, xmm2",
  "unpcklps xmm1, xmm2",
  "unpckhps xmm1, [rsi]",
  "unpcklpd xmm1, xmm2",
  "unpckhpd xmm1, [rsi]",
  "shufps xmm1, xmm2, 0x9c",
  "shufpd xmm1, [rsi], 2",
  "andps xmm1, xmm2",
  "andnpd xmm1, [rsi]",
  "orps xmm1, xmm2",
  "xorpd xmm1, [rsi]",
  "ldmxcsr [rsi + 0x17c]; stmxcsr [rsi]", // zero bits past the window: MXCSR = 0
  "stmxcsr [rsi]",
]) {
  form(text.replace("ldmxcsr [rsi + 0x17c]", "and dword ptr [rsi], 0xffbf; ldmxcsr [rsi]"), packed);
}

group = "ssse3-sse4";
vector("pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw psignb psignw psignd pabsb pabsw pabsd");
vector(
  `packusdw pcmpeqq pcmpgtq pmaxsb pmaxsd pmaxuw pmaxud pminsb pminsd pminuw pminud pmuldq pmulld phminposuw
  pmovsxbw pmovsxwd pmovsxdq pmovzxbw pmovzxwd pmovzxdq`,
  packed,
  ["{op} xmm1, xmm2"],
);
vector("pmovsxbw pmovsxwd pmovsxdq pmovzxbw pmovzxwd pmovzxdq", packed, ["{op} xmm1, qword ptr [rsi]"]);
vector("pmovsxbd pmovsxwq pmovzxbd pmovzxwq", packed, ["{op} xmm1, xmm2", "{op} xmm1, dword ptr [rsi]"]);
vector("pmovsxbq pmovzxbq", packed, ["{op} xmm1, xmm2", "{op} xmm1, word ptr [rsi]"]);
vector("palignr", packed, ["{op} xmm1, xmm2, 5", "{op} xmm3, [rsi], 19"]);
vector("pblendw", packed, ["{op} xmm1, xmm2, 0x6a", "{op} xmm3, [rsi], 0x95"]);
vector("mpsadbw", packed, ["{op} xmm1, xmm2, 0", "{op} xmm1, xmm2, 5", "{op} xmm3, [rsi], 7"]);
vector("pblendvb blendvps blendvpd", packed, ["{op} xmm1, xmm2, xmm0", "{op} xmm3, [rsi], xmm0"]);
vector("blendps blendpd", packed, ["{op} xmm1, xmm2, 2", "{op} xmm3, [rsi], 1"]);
vector("ptest", packed);
for (const text of [
  "movntdqa xmm1, [rsi]",
  "pinsrb xmm1, ebx, 11",
  "pinsrb xmm1, byte ptr [rsi], 3",
  "pinsrd xmm1, ebx, 2",
  "pinsrq xmm1, rbx, 1",
  "pextrb eax, xmm1, 9",
  "pextrb byte ptr [rsi], xmm1, 2",
  "pextrd eax, xmm1, 3",
  "pextrq rax, xmm1, 1",
  "pextrw word ptr [rsi], xmm1, 5",
  "extractps eax, xmm1, 2",
  "extractps dword ptr [rsi], xmm1, 1",
  "insertps xmm1, xmm2, 0x9a",
  "insertps xmm1, [rsi], 0x14",
]) {
  form(text, packed);
}
// String comparison: every aggregation and format, with text in which matches happen.
for (const control of [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x0c, 0x0d, 0x0e, 0x18, 0x1a, 0x38, 0x3a, 0x44, 0x46, 0x4c, 0x7e,
]) {
  const settings = { options: XMM | SPARSE };
  const load = "movdqu xmm1, [rsi]; movdqu xmm2, [rdi]; and eax, 15; and edx, 15; ";
  form(`${load}pcmpistri xmm1, xmm2, ${control}`, settings);
  form(`${load}pcmpistrm xmm1, xmm2, ${control}`, settings);
  form(`${load}pcmpestri xmm1, xmm2, ${control}`, settings);
  form(`${load}pcmpestrm xmm1, [rdi], ${control}`, settings);
}

group = "sse-float";
const single = { options: XMM, domain: F32 };
const double = { options: XMM, domain: F64 };
vector("addps subps mulps divps minps maxps sqrtps addsubps haddps hsubps", single);
vector("addpd subpd mulpd divpd minpd maxpd sqrtpd addsubpd haddpd hsubpd", double);
vector("addss subss mulss divss minss maxss sqrtss", single, ["{op} xmm1, xmm2", "{op} xmm3, dword ptr [rsi]"]);
vector("addsd subsd mulsd divsd minsd maxsd sqrtsd", double, ["{op} xmm1, xmm2", "{op} xmm3, qword ptr [rsi]"]);
for (let predicate = 0; predicate < 8; predicate++) {
  form(`cmpps xmm1, xmm2, ${predicate}`, single);
  form(`cmpss xmm1, xmm2, ${predicate}`, single);
  form(`cmppd xmm1, [rsi], ${predicate}`, double);
  form(`cmpsd xmm1, xmm2, ${predicate}`, double);
}
vector("comiss ucomiss", single, ["{op} xmm1, xmm2", "{op} xmm3, dword ptr [rsi]"]);
vector("comisd ucomisd", double, ["{op} xmm1, xmm2", "{op} xmm3, qword ptr [rsi]"]);
vector("cvtps2dq cvttps2dq cvtps2pd", single, ["{op} xmm1, xmm2"]);
vector("cvtpd2dq cvttpd2dq cvtpd2ps", double);
vector("cvtdq2ps cvtdq2pd", packed, ["{op} xmm1, xmm2"]);
vector("cvtss2si cvttss2si", single, ["{op} eax, xmm2", "{op} rax, dword ptr [rsi]"]);
vector("cvtsd2si cvttsd2si", double, ["{op} eax, xmm2", "{op} rax, qword ptr [rsi]"]);
vector("cvtsi2ss cvtsi2sd", packed, ["{op} xmm1, ebx", "{op} xmm1, rbx", "{op} xmm1, dword ptr [rsi]"]);
form("cvtss2sd xmm1, xmm2", single);
form("cvtsd2ss xmm1, xmm2", double);
form("movsldup xmm1, xmm2", single);
form("movshdup xmm1, xmm2", single);
form("movddup xmm1, xmm2", double);
for (let mode = 0; mode < 5; mode++) {
  form(`roundps xmm1, xmm2, ${mode}`, single);
  form(`roundpd xmm1, [rsi], ${mode}`, double);
  form(`roundss xmm1, xmm2, ${mode + 8}`, single);
  form(`roundsd xmm1, xmm2, ${mode}`, double);
}
form("dpps xmm1, xmm2, 0xff", single);
form("dpps xmm1, xmm2, 0x35", single);
form("dppd xmm1, xmm2, 0x31", double);

group = "mmx";
const mmx = { options: X87 };
vector(
  `paddb paddw paddd paddq paddsb paddsw paddusb paddusw psubb psubw psubd psubq psubsb psubsw psubusb psubusw
  pmullw pmulhw pmulhuw pmuludq pmaddwd pavgb pavgw pmaxub pmaxsw pminub pminsw psadbw pand pandn por pxor
  pcmpeqb pcmpeqw pcmpeqd pcmpgtb pcmpgtw pcmpgtd packsswb packssdw packuswb punpckhbw punpckhwd punpckhdq
  pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw psignb psignw psignd pabsb pabsw pabsd`,
  mmx,
  ["{op} mm1, mm2", "{op} mm3, qword ptr [rsi]"],
);
vector("punpcklbw punpcklwd punpckldq", mmx, ["{op} mm1, mm2", "{op} mm3, dword ptr [rsi]"]);
vector("psllw pslld psllq psrlw psrld psrlq psraw psrad", mmx, ["{op} mm1, mm2", "{op} mm1, 5", "{op} mm1, 40"]);
for (const text of [
  "movd mm1, eax",
  "movq mm1, rax",
  "movd ebx, mm1",
  "movq rbx, mm1",
  "movq mm1, mm2",
  "movq mm1, [rsi]",
  "movq [rsi], mm1",
  "movntq [rsi], mm1",
  "maskmovq mm1, mm2",
  "pshufw mm1, mm2, 0x1b",
  "pinsrw mm1, ebx, 2",
  "pextrw eax, mm1, 3",
  "pmovmskb eax, mm1",
  "palignr mm1, mm2, 3",
  "palignr mm1, mm2, 11",
  "emms",
]) {
  form(text, mmx);
}
form("movq2dq xmm1, mm2", { options: X87 | XMM });
form("movdq2q mm1, xmm2", { options: X87 | XMM });
form("cvtpi2ps xmm1, mm2", { options: X87 | XMM });
form("cvtpi2pd xmm1, mm2", { options: X87 | XMM });
form("cvtps2pi mm1, xmm2", { options: X87 | XMM, domain: F32 });
form("cvttpd2pi mm1, xmm2", { options: X87 | XMM, domain: F64 });

group = "x87";
// C0, C2 and C3 are undefined after arithmetic.
const ARITHMETIC = 0xffff & ~0x4500;
const extended = { options: X87, domain: F80, status: ARITHMETIC };
const f32 = { options: X87, domain: F32, status: ARITHMETIC };
const f64 = { options: X87, domain: F64, status: ARITHMETIC };
const integer = { options: X87, domain: INTEGER, status: ARITHMETIC };
for (const op of ["fadd", "fsub", "fsubr", "fmul", "fdiv", "fdivr"]) {
  form(`${op} st, st(2)`, extended);
  form(`${op} st(3), st`, extended);
  form(`${op}p st(1), st`, extended);
  form(`${op} dword ptr [rsi]`, f32);
  form(`${op} qword ptr [rsi]`, f64);
  form(`${op.replace("f", "fi")} word ptr [rsi]`, integer);
  form(`${op.replace("f", "fi")} dword ptr [rsi]`, integer);
}
form("fadd st, st(6)", extended); // an empty register
const empty = X87 | EMPTY;
form("fld dword ptr [rsi]", { options: empty, domain: F32, status: ARITHMETIC });
form("fld qword ptr [rsi]", { options: empty, domain: F64, status: ARITHMETIC });
form("fld tbyte ptr [rsi]", { options: empty, domain: F80, status: ARITHMETIC });
form("fld st(2)", { options: empty, domain: F80, status: ARITHMETIC });
form("fild word ptr [rsi]", { options: empty, status: ARITHMETIC });
form("fild dword ptr [rsi]", { options: empty, status: ARITHMETIC });
form("fild qword ptr [rsi]", { options: empty, status: ARITHMETIC });
for (const text of ["fld1", "fldz", "fldpi", "fldl2e", "fldl2t", "fldlg2", "fldln2"]) {
  form(text, { options: empty, domain: F80, status: ARITHMETIC });
}
for (const text of [
  "fst dword ptr [rsi]",
  "fst qword ptr [rsi]",
  "fstp dword ptr [rsi]",
  "fstp qword ptr [rsi]",
  "fstp tbyte ptr [rsi]",
  "fst st(3)",
  "fstp st(2)",
  "fist word ptr [rsi]",
  "fist dword ptr [rsi]",
  "fistp word ptr [rsi]",
  "fistp dword ptr [rsi]",
  "fistp qword ptr [rsi]",
  "fisttp word ptr [rsi]",
  "fisttp dword ptr [rsi]",
  "fisttp qword ptr [rsi]",
  "fbstp tbyte ptr [rsi]",
  "fxch st(3)",
  "fchs",
  "fabs",
  "fsqrt",
  "frndint",
  "fscale",
  "fxtract",
  "fincstp",
  "fdecstp",
  "ffree st(2)",
  "fclex",
  "fninit",
  "fnstsw ax",
  "fnstsw word ptr [rsi]",
  "fnstcw word ptr [rsi]",
  "fnop",
  "fcmovb st, st(2)",
  "fcmove st, st(2)",
  "fcmovbe st, st(2)",
  "fcmovu st, st(2)",
  "fcmovnb st, st(2)",
  "fcmovne st, st(2)",
  "fcmovnbe st, st(2)",
  "fcmovnu st, st(2)",
]) {
  form(text, { ...extended, options: X87 | EMPTY });
}
for (const text of [
  "fcom st(1)",
  "fcomp st(2)",
  "fcompp",
  "fucom st(1)",
  "fucomp st(2)",
  "fucompp",
  "fcomi st, st(1)",
  "fcomip st, st(2)",
  "fucomi st, st(1)",
  "fucomip st, st(2)",
  "ftst",
  "fxam",
  "fprem",
  "fprem1",
]) {
  form(text, { options: X87 | EMPTY, domain: F80 });
}
form("fcom dword ptr [rsi]", { options: X87, domain: F32 });
form("fcomp qword ptr [rsi]", { options: X87, domain: F64 });
form("ficom word ptr [rsi]", { options: X87 });
form("ficomp dword ptr [rsi]", { options: X87 });
form("fbstp [rsi]; fbld [rsi]", { options: X87, domain: F80, status: ARITHMETIC });
form("fistp qword ptr [rsi]; fild qword ptr [rsi]", { options: X87, domain: F80, status: ARITHMETIC });
form("and word ptr [rsi], 0xf3f; or word ptr [rsi], 0x7f; fldcw [rsi]; fadd st, st(1)", extended);

group = "x87-transcendental";
const near = { options: X87 | APPROXIMATE | MODERATE, domain: F80, status: ARITHMETIC };
for (const text of ["f2xm1", "fsin", "fcos", "fsincos", "fptan", "fpatan", "fabs; fyl2x", "fyl2xp1"]) form(text, near);
