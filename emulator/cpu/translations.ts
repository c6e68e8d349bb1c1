/** What the core exports for translated code, in the order of assembly/translate/module.ts. */
const SUPPORT = [
  "enterInstruction",
  "slowRead8",
  "slowRead16",
  "slowRead32",
  "slowRead64",
  "slowWrite8",
  "slowWrite16",
  "slowWrite32",
  "slowWrite64",
  "slowModify8",
  "slowModify16",
  "slowModify32",
  "slowModify64",
  "slowModified8",
  "slowModified16",
  "slowModified32",
  "slowModified64",
  "storeFlags",
  "testCondition",
] as const;

const FIRST_NAME = "a".charCodeAt(0);
/** The table grows by this many at once. */
const GROWTH = 256;

/** Functions of translated code: compiled from bytes that the core wrote, called through the core's own table. */
export class Translations {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private table!: WebAssembly.Table;
  private imports!: WebAssembly.Imports;
  private first = 0;
  private next = 0;
  /** Milliseconds spent compiling, since the start. */
  compileMs = 0;

  constructor(private readonly memory: WebAssembly.Memory) {
    this.bytes = new Uint8Array(memory.buffer as ArrayBuffer);
  }

  /** The core is there: its table and its functions can be used. */
  connect(core: WebAssembly.Exports): void {
    this.table = core["table"] as WebAssembly.Table;
    this.first = this.next = this.table.length;
    const support: WebAssembly.ModuleImports = { M: this.memory, T: this.table };
    SUPPORT.forEach((name, index) => {
      support[String.fromCharCode(FIRST_NAME + index)] = core[name] as WebAssembly.ImportValue;
    });
    this.imports = { c: support };
  }

  /** Compiles the module at `address` in the core's memory. @returns the index of its function in the table */
  install(address: number, length: number): number {
    const start = performance.now();
    const module = new WebAssembly.Module(this.bytes.slice(address, address + length));
    const { exports } = new WebAssembly.Instance(module, this.imports);
    if (this.next >= this.table.length) this.table.grow(GROWTH);
    this.table.set(this.next, exports["0"] as () => void);
    this.compileMs += performance.now() - start;
    return this.next++;
  }

  /** Drops every function, so that its code can be collected. */
  uninstallAll(): void {
    for (let index = this.first; index < this.next; index++) this.table.set(index, null);
    this.next = this.first;
  }
}
