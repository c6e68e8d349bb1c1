import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import { factsText } from "./texts";

export type RowAction = "attach" | "detach" | "resize" | "checkpoint" | "go-back" | "merge" | "export" | "remove";

const LABELS: Readonly<Record<RowAction, string>> = {
  attach: "Attach",
  detach: "Detach",
  resize: "Resize",
  checkpoint: "Checkpoint",
  "go-back": "Go back",
  merge: "Merge checkpoints",
  export: "Export",
  remove: "Delete",
};

/** Where a disk is, as this page knows. */
export interface RowState {
  readonly disk: LibraryDisk;
  /** LUN at this page's machine that is on. */
  readonly inMachine: number | undefined;
  readonly machineOn: boolean;
  /** Long work of this page is at it. */
  readonly busy: boolean;
}

function placeText({ disk, inMachine, machineOn, busy }: RowState): string {
  if (busy) return "busy";
  if (inMachine !== undefined) return `attached: SCSI ${inMachine}`;
  if (disk.open) return "in use in another tab";
  if (disk.lun === undefined) return "not attached";
  return machineOn ? "not attached now; at the next start" : `attached: SCSI ${disk.lun}`;
}

/** What can be done with the disk, and why not, where something else must come first. */
function actionsOf({
  disk,
  inMachine,
  machineOn,
  busy,
}: RowState): [action: RowAction, obstacle: string | undefined][] {
  const attached = inMachine !== undefined || (!machineOn && disk.lun !== undefined);
  const taken = busy
    ? "Work on it is under way"
    : disk.open && inMachine === undefined
      ? "Another tab uses the disk; close it there first"
      : undefined;
  const damaged = disk.size === undefined ? "The disk is damaged" : undefined;
  const needsRest = taken ?? (inMachine === undefined ? undefined : "Detach the disk, or turn the machine off, first");
  const actions: [RowAction, string | undefined][] = [
    attached ? ["detach", busy ? taken : undefined] : ["attach", busy ? taken : damaged],
    ["resize", taken ?? damaged],
    ["checkpoint", taken ?? damaged],
  ];
  if (disk.checkpoints > 0) actions.push(["go-back", needsRest], ["merge", needsRest]);
  actions.push(["export", needsRest ?? damaged], ["remove", needsRest]);
  return actions;
}

/** A disk's line in the list. */
export function createRow(state: RowState, onAction: (action: RowAction) => void): HTMLLIElement {
  const { disk } = state;
  const row = document.createElement("li");
  row.dataset["disk"] = disk.name;
  const part = (kind: string, text: string): HTMLSpanElement => {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    return span;
  };
  const buttons = part("buttons", "");
  for (const [action, obstacle] of actionsOf(state)) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset["action"] = action;
    button.textContent = LABELS[action];
    button.setAttribute("aria-label", `${LABELS[action]}: ${disk.name}`);
    button.disabled = obstacle !== undefined;
    if (obstacle !== undefined) button.title = obstacle;
    button.addEventListener("click", () => onAction(action));
    buttons.append(button);
  }
  const place = part("place", placeText(state));
  place.dataset["attached"] = String(state.inMachine !== undefined);
  row.append(part("name", disk.name), part("facts", factsText(disk)), place, buttons);
  return row;
}

/** Puts rows in place of others; the keyboard's focus stays on the same button, or near it. */
export function replaceRows(list: HTMLElement, rows: readonly HTMLLIElement[], fallback: HTMLElement): void {
  const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement) : undefined;
  const disk = focused?.closest("li")?.dataset["disk"];
  const action = focused?.dataset["action"];
  list.replaceChildren(...rows);
  if (!focused) return;
  const row = rows.find((candidate) => candidate.dataset["disk"] === disk);
  const buttons = [...(row?.querySelectorAll("button") ?? [])].filter((button) => !button.disabled);
  (buttons.find((button) => button.dataset["action"] === action) ?? buttons[0] ?? fallback).focus();
}
