import { element } from "../dom";

export interface Question {
  readonly text: string;
  /** What the button says that goes ahead. */
  readonly action: string;
  /** Something to type. */
  readonly field?: { readonly label: string; readonly value: string };
}

/** Asks in a dialog that keeps the rest of the page out. @returns what was typed ("" without a field), or undefined */
export function ask({ text, action, field }: Question): Promise<string | undefined> {
  const dialog = element("ask", HTMLDialogElement);
  const [label, input] = [element("ask-label", HTMLLabelElement), element("ask-input", HTMLInputElement)];
  element("ask-text", HTMLElement).textContent = text;
  element("ask-go", HTMLButtonElement).textContent = action;
  label.hidden = input.disabled = field === undefined;
  element("ask-name", HTMLElement).textContent = field?.label ?? "";
  input.value = field?.value ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  if (field) input.select();
  // What cannot be undone is not what Enter does by itself.
  else element("ask-cancel", HTMLButtonElement).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "go" ? input.value.trim() : undefined), {
      once: true,
    });
  });
}
