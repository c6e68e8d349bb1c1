import { type Locator, type Page } from "playwright-core";

/** The panel of disks as its user sees it. */
export class DiskPanelPage {
  readonly panel: Locator;
  readonly list: Locator;

  constructor(readonly page: Page) {
    this.panel = page.getByTestId("disks");
    this.list = page.getByTestId("disk-list");
  }

  async open(): Promise<void> {
    if ((await this.panel.getAttribute("open")) === null) await this.panel.locator("> summary").click();
  }

  row(name: string): Locator {
    return this.list.locator("li[data-disk]").filter({ has: this.page.getByText(name, { exact: true }) });
  }

  button(name: string, action: string): Locator {
    return this.page.getByRole("button", { name: `${action}: ${name}`, exact: true });
  }

  async press(name: string, action: string): Promise<void> {
    await this.button(name, action).click();
  }

  /** Answers the dialog, by the keyboard. */
  async answer(action: string, text?: string): Promise<void> {
    const dialog = this.page.getByTestId("ask");
    if (text !== undefined) {
      await dialog.getByRole("textbox").fill(text);
      await this.page.keyboard.press("Enter");
    } else {
      await dialog.getByRole("button", { name: action, exact: true }).focus();
      await this.page.keyboard.press("Enter");
    }
    await dialog.waitFor({ state: "hidden" });
  }

  async create(name: string, size: string, kind: "Dynamic" | "Fixed" = "Dynamic"): Promise<void> {
    await this.panel.getByRole("textbox", { name: "Name" }).fill(name);
    await this.panel.getByRole("combobox", { name: "Kind" }).selectOption(kind);
    await this.panel.getByRole("textbox", { name: "Size" }).fill(size);
    await this.page.keyboard.press("Enter");
  }

  /** Keeps what the disk holds now, under the name that the page proposes or another one. */
  async checkpoint(name: string, label?: string): Promise<void> {
    await this.press(name, "Checkpoint");
    if (label === undefined) await this.answer("Keep");
    else await this.answer("Keep", label);
  }

  async import(path: string, name: string): Promise<void> {
    await this.page.getByTestId("import-file").setInputFiles(path);
    await this.answer("Import", name);
  }

  /** Exports by a download, as where no file can be chosen. */
  async export(name: string, path: string, format: "VHDX file" | "Raw image" = "VHDX file"): Promise<void> {
    await this.page.evaluate(() => Reflect.set(globalThis, "showSaveFilePicker", undefined));
    const downloading = this.page.waitForEvent("download", { timeout: 60_000 });
    await this.press(name, "Export");
    await this.choose(format);
    await this.answer("Export");
    const download = await downloading;
    await download.saveAs(path);
  }

  /** Chooses one of what the dialog offers. */
  async choose(label: string): Promise<void> {
    await this.page.getByTestId("ask").getByRole("radio", { name: label }).check();
  }

  /** The lines of a disk's checkpoints, the oldest first: their names, and what else is said of them. */
  async checkpoints(name: string): Promise<{ label: string; facts: string }[]> {
    return this.row(name)
      .locator("[data-checkpoint]")
      .evaluateAll((items) =>
        items.map((item) => ({
          label: item.querySelector(".label")?.textContent ?? "",
          facts: item.querySelector(".facts")?.textContent ?? "",
        })),
      );
  }

  async message(): Promise<string> {
    return (await this.page.getByTestId("disk-message").textContent()) ?? "";
  }

  async facts(name: string): Promise<string> {
    return (await this.row(name).locator("> .line > .facts").textContent()) ?? "";
  }

  async place(name: string): Promise<string> {
    return (await this.row(name).locator("> .line > .place").textContent()) ?? "";
  }

  /** The names of all files in the browser's database, temporary ones too. */
  async files(): Promise<string[]> {
    return this.page.evaluate(
      () =>
        new Promise<string[]>((resolve, reject) => {
          const opening = indexedDB.open("hypertab-disks");
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const database = opening.result;
            const keys = database
              .transaction("chunks")
              .objectStore("chunks")
              .getAllKeys(IDBKeyRange.bound(["disk"], ["disk", []]));
            keys.onsuccess = () => {
              database.close();
              resolve(keys.result.map((key) => String((key as string[])[1])));
            };
          };
        }),
    );
  }
}
