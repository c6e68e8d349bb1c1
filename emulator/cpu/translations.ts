import { EMITTER, ENTER_FUNCTION } from "../../assembly/state";

/** What the core exports for translated code, in the order of assembly/translate/module.ts. */
const SUPPORT = [
  "runHandler",
  "settleFlags",
  "testCondition",
  "multiplyHigh",
  "multiplyHighSigned",
  "mayChain",
  "x87Load",
  "x87Store",
  "x87Operate",
  "x87Integer",
  "refillTlb",
] as const;

const FIRST_NAME = "a".charCodeAt(0);
const FIRST_EXPORT = "0".charCodeAt(0);
/** The table grows by this many at once. */
const GROWTH = 256;

interface TranslatorExports {
  emitChain(): number;
  emitQueued(): number;
  emittedFunctions(): number;
  installed(first: number): void;
}

/** Functions of translated code: compiled from bytes that the core wrote, called through the core's own table. */
export class Translations {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private table!: WebAssembly.Table;
  private imports!: WebAssembly.Imports;
  private core!: TranslatorExports;
  private first = 0;
  private next = 0;
  private compiling = false;
  /** True once the host refused a module: nothing more is compiled. */
  compileFailed = false;
  /** Milliseconds that modules were under way, since the start. */
  compileMs = 0;

  constructor(private readonly memory: WebAssembly.Memory) {
    this.bytes = new Uint8Array(memory.buffer as ArrayBuffer);
  }

  /** The core is there: its table and its functions can be used. */
  connect(core: WebAssembly.Exports): void {
    this.core = core as unknown as TranslatorExports;
    this.table = core["table"] as WebAssembly.Table;
    const enter = this.table.grow(1);
    this.first = this.next = enter + 1;
    const support: WebAssembly.ModuleImports = { M: this.memory };
    SUPPORT.forEach((name, index) => {
      support[String.fromCharCode(FIRST_NAME + index)] = core[name] as WebAssembly.ImportValue;
    });
    this.imports = { c: support };
    const chain = new WebAssembly.Module(this.bytes.slice(EMITTER, EMITTER + this.core.emitChain()));
    const { exports } = new WebAssembly.Instance(chain, {
      c: { M: this.memory, T: this.table, a: core["reviveJump"] as WebAssembly.ImportValue },
    });
    support[String.fromCharCode(FIRST_NAME + SUPPORT.length)] = exports["0"] as WebAssembly.ImportValue;
    this.table.set(enter, exports["1"] as () => void);
    new DataView(this.memory.buffer).setUint32(ENTER_FUNCTION, enter, true);
  }

  /** Compiles the module at `address` in the core's memory. @returns the index of its first function in the table */
  installNow(address: number, length: number, count: number): number {
    const start = performance.now();
    const first = this.add(new WebAssembly.Module(this.bytes.slice(address, address + length)), count);
    this.compileMs += performance.now() - start;
    return first;
  }

  /**
   * Has the blocks that got hot compiled, away from this thread, unless a module is under way already. To be called
   * often, between runs of the core.
   */
  compileQueued(): void {
    if (this.compiling) return;
    const length = this.core.emitQueued();
    if (length === 0) return;
    this.compiling = true;
    const start = performance.now();
    WebAssembly.compile(this.bytes.slice(EMITTER, EMITTER + length)).then(
      (module) => {
        this.compiling = false;
        this.core.installed(this.add(module, this.core.emittedFunctions()));
        this.compileMs += performance.now() - start;
      },
      // Out of memory for code: the interpreter goes on without, and the blocks are not tried again.
      () => (this.compileFailed = true),
    );
  }

  private add(module: WebAssembly.Module, count: number): number {
    const { exports } = new WebAssembly.Instance(module, this.imports);
    const first = this.next;
    this.next += count;
    if (this.next > this.table.length) this.table.grow(this.next - this.table.length + GROWTH);
    for (let index = 0; index < count; index++) {
      this.table.set(first + index, exports[String.fromCharCode(FIRST_EXPORT + index)] as () => void);
    }
    return first;
  }

  /** Drops every function, so that its code can be collected. */
  uninstallAll(): void {
    for (let index = this.first; index < this.next; index++) this.table.set(index, null);
    this.next = this.first;
  }
}
