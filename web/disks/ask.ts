import { element } from "../dom";

export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly meaning: string;
}

export interface Question {
  readonly text: string;
  /** What the button says that goes ahead. */
  readonly action: string;
  /** Something to type. */
  readonly field?: { readonly label: string; readonly value: string };
  /** One of them is to be chosen; the first is, unless the user chooses another. */
  readonly choices?: readonly Choice[];
}

/** Asks in a dialog that keeps the rest of the page out. @returns what was typed or chosen ("" without either), or undefined */
export function ask({ text, action, field, choices = [] }: Question): Promise<string | undefined> {
  const dialog = element("ask", HTMLDialogElement);
  const [label, input] = [element("ask-label", HTMLLabelElement), element("ask-input", HTMLInputElement)];
  const list = element("ask-choices", HTMLFieldSetElement);
  element("ask-text", HTMLElement).textContent = text;
  element("ask-go", HTMLButtonElement).textContent = action;
  label.hidden = input.disabled = field === undefined;
  element("ask-name", HTMLElement).textContent = field?.label ?? "";
  input.value = field?.value ?? "";
  list.hidden = choices.length === 0;
  list.replaceChildren(...choices.map(createChoice));
  dialog.returnValue = "";
  dialog.showModal();
  if (field) input.select();
  else if (choices.length > 0) list.querySelector("input")?.focus();
  // What cannot be undone is not what Enter does by itself.
  else element("ask-cancel", HTMLButtonElement).focus();
  return new Promise((resolve) => {
    const answer = (): string => list.querySelector<HTMLInputElement>("input:checked")?.value ?? input.value.trim();
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "go" ? answer() : undefined), { once: true });
  });
}

function createChoice({ value, label, meaning }: Choice, index: number): HTMLLabelElement {
  const choice = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "ask-choice", value });
  input.checked = index === 0;
  const text = document.createElement("span");
  const name = document.createElement("strong");
  name.textContent = label;
  text.append(name, ` ${meaning}`);
  choice.append(input, text);
  return choice;
}
