import { PAGE_KIND, PAGE_NONE, PAGE_VIDEO, PAGE_VIDEO_CLEAN, VIDEO_ADDEND, VIDEO_WRITTEN } from "../../assembly/state";

const PAGE = 4096;
const GIB_4 = 0x100000000;

/**
 * A display adapter's memory: the core's own like RAM, and as fast, but seen where the guest wants it. The core notes
 * which of its pages the guest writes. Offsets are bytes from the memory's start.
 */
export class VideoMemory {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly kinds: Uint8Array;
  private readonly view: DataView;
  private address: number | undefined;

  /**
   * @param memory the core's linear memory
   * @param base where the video memory starts in it
   * @param size bytes, a multiple of 4096
   * @param forgetMappings tells the core that pages changed their kind
   */
  constructor(
    memory: WebAssembly.Memory,
    private readonly base: number,
    readonly size: number,
    private readonly forgetMappings: () => void,
  ) {
    this.bytes = new Uint8Array(memory.buffer as ArrayBuffer, base, size);
    this.kinds = new Uint8Array(memory.buffer, PAGE_KIND, GIB_4 / PAGE);
    this.view = new DataView(memory.buffer);
  }

  /** Guest physical address of the first byte; undefined while the guest does not see it. */
  get gpa(): number | undefined {
    return this.address;
  }

  /** True if [gpa, gpa + size) is a place for it: whole pages below 4 GiB where nothing else is. */
  fits(gpa: number): boolean {
    if (!Number.isInteger(gpa) || gpa < 0 || gpa % PAGE !== 0 || gpa + this.size > GIB_4) return false;
    const { address } = this;
    return this.pagesAt(gpa).every((kind, index) => {
      if (kind === PAGE_NONE) return true;
      const at = gpa + index * PAGE;
      return address !== undefined && at >= address && at < address + this.size;
    });
  }

  /**
   * Shows the memory at another place, or nowhere. All of it counts as written then.
   * @returns false, with nothing changed, if it does not fit there
   */
  map(gpa: number | undefined): boolean {
    if (gpa === this.address) return true;
    if (gpa !== undefined && !this.fits(gpa)) return false;
    if (this.address !== undefined) this.pagesAt(this.address).fill(PAGE_NONE);
    this.address = gpa;
    if (gpa !== undefined) {
      this.pagesAt(gpa).fill(PAGE_VIDEO);
      this.view.setUint32(VIDEO_ADDEND, this.base - gpa, true);
      this.view.setUint32(VIDEO_WRITTEN, 1, true);
    }
    this.forgetMappings();
    return true;
  }

  /** Copies bytes from `offset` on into `target`; both lie in the memory, the caller sees to it. */
  read(offset: number, target: Uint8Array): void {
    target.set(this.bytes.subarray(offset, offset + target.length));
  }

  clear(): void {
    this.bytes.fill(0);
    if (this.address !== undefined) this.pagesAt(this.address).fill(PAGE_VIDEO);
    this.view.setUint32(VIDEO_WRITTEN, 1, true);
  }

  /** True if the guest wrote to a page that it had not written since takeWritten(). */
  get written(): boolean {
    return this.view.getUint32(VIDEO_WRITTEN, true) !== 0;
  }

  /** Sets `marks[n]` to 1 for each page n that was written since the last call. Not to be called while the core runs. */
  takeWritten(marks: Uint8Array): void {
    if (!this.written) return;
    this.view.setUint32(VIDEO_WRITTEN, 0, true);
    if (this.address === undefined) return;
    const kinds = this.pagesAt(this.address);
    for (let page = kinds.indexOf(PAGE_VIDEO); page >= 0; page = kinds.indexOf(PAGE_VIDEO, page + 1)) {
      marks[page] = 1;
      kinds[page] = PAGE_VIDEO_CLEAN;
    }
    this.forgetMappings();
  }

  private pagesAt(gpa: number): Uint8Array {
    return this.kinds.subarray(gpa / PAGE, (gpa + this.size) / PAGE);
  }
}
