import type { Checkpoint } from "../../emulator/storage/library/checkpoints";
import type { LibraryDisk } from "../../emulator/storage/library/disk-library";
import { readable } from "../../emulator/storage/size-text";
import { dateText, factsText } from "./texts";

export type DiskAction = "attach" | "detach" | "resize" | "checkpoint" | "merge" | "export" | "remove";
export type CheckpointAction = "go-back" | "delete-checkpoint";

const LABELS: Readonly<Record<DiskAction | CheckpointAction, string>> = {
  attach: "Attach",
  detach: "Detach",
  resize: "Resize",
  checkpoint: "Checkpoint",
  merge: "Merge checkpoints",
  export: "Export",
  remove: "Delete",
  "go-back": "Go back",
  "delete-checkpoint": "Delete",
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

/** Who is told what the user wants. */
export interface RowListener {
  onAction(action: DiskAction): void;
  onCheckpointAction(action: CheckpointAction, checkpoint: Checkpoint): void;
}

interface ButtonOptions {
  readonly action: DiskAction | CheckpointAction;
  /** What the action is for, where its label is read alone. */
  readonly target: string;
  /** Why it cannot be done now. */
  readonly obstacle: string | undefined;
  onClick(): void;
}

function placeText({ disk, inMachine, machineOn, busy }: RowState): string {
  if (busy) return "busy";
  if (inMachine !== undefined) return `attached: SCSI ${inMachine}`;
  if (disk.open) return "in use in another tab";
  if (disk.lun === undefined) return "not attached";
  return machineOn ? "not attached now; at the next start" : `attached: SCSI ${disk.lun}`;
}

/** Why nothing can be done that needs the disk in nobody's hands. */
function obstacleOf({ disk, inMachine, busy }: RowState): { taken: string | undefined; needsRest: string | undefined } {
  const taken = busy
    ? "Work on it is under way"
    : disk.open && inMachine === undefined
      ? "Another tab uses the disk; close it there first"
      : undefined;
  const attached = inMachine === undefined ? undefined : "Detach the disk, or turn the machine off, first";
  return { taken, needsRest: taken ?? attached };
}

/** What can be done with the disk, and why not, where something else must come first. */
function actionsOf(state: RowState): [action: DiskAction, obstacle: string | undefined][] {
  const { disk, inMachine, machineOn, busy } = state;
  const attached = inMachine !== undefined || (!machineOn && disk.lun !== undefined);
  const { taken, needsRest } = obstacleOf(state);
  const damaged = disk.size === undefined ? "The disk is damaged" : undefined;
  const actions: [DiskAction, string | undefined][] = [
    attached ? ["detach", busy ? taken : undefined] : ["attach", busy ? taken : damaged],
    ["resize", taken ?? damaged],
    ["checkpoint", taken ?? damaged],
  ];
  if (disk.checkpoints.length > 0) actions.push(["merge", needsRest ?? damaged]);
  actions.push(["export", taken ?? damaged], ["remove", needsRest]);
  return actions;
}

function createPart(kind: string, text: string, type = "span"): HTMLElement {
  const part = document.createElement(type);
  part.className = kind;
  part.textContent = text;
  return part;
}

function createButton({ action, target, obstacle, onClick }: ButtonOptions): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset["action"] = action;
  button.textContent = LABELS[action];
  button.setAttribute("aria-label", `${LABELS[action]}: ${target}`);
  button.disabled = obstacle !== undefined;
  if (obstacle !== undefined) button.title = obstacle;
  button.addEventListener("click", onClick);
  return button;
}

/** A disk's line in the list, and its checkpoints below it, the oldest first. */
export function createRow(state: RowState, listener: RowListener): HTMLLIElement {
  const { disk } = state;
  const row = document.createElement("li");
  row.dataset["disk"] = disk.name;
  const buttons = createPart("buttons", "");
  for (const [action, obstacle] of actionsOf(state)) {
    const onClick = (): void => listener.onAction(action);
    buttons.append(createButton({ action, target: disk.name, obstacle, onClick }));
  }
  const place = createPart("place", placeText(state));
  place.dataset["attached"] = String(state.inMachine !== undefined);
  const line = createPart("line", "", "div");
  line.append(createPart("name", disk.name), createPart("facts", factsText(disk)), place, buttons);
  row.append(line);
  if (disk.checkpoints.length > 0) row.append(createChain(state, listener));
  return row;
}

function createChain(state: RowState, listener: RowListener): HTMLElement {
  const { disk } = state;
  const { taken, needsRest } = obstacleOf(state);
  const damaged = disk.size === undefined ? "The disk is damaged" : undefined;
  const last = disk.checkpoints.at(-1)?.number;
  const chain = createPart("checkpoints", "", "ol");
  chain.setAttribute("aria-label", `Checkpoints of ${disk.name}`);
  for (const checkpoint of disk.checkpoints) {
    const { number, label, created, used } = checkpoint;
    const item = createPart("checkpoint line", "", "li");
    item.dataset["checkpoint"] = String(number);
    const buttons = createPart("buttons", "");
    // What a machine has can lose all checkpoints but the one that it writes upon.
    const obstacles = {
      // That is what helps a damaged disk.
      "go-back": needsRest,
      "delete-checkpoint": (number === last ? needsRest : taken) ?? damaged,
    } as const;
    for (const action of ["go-back", "delete-checkpoint"] as const) {
      buttons.append(
        createButton({
          action,
          target: `${label} of ${disk.name}`,
          obstacle: obstacles[action],
          onClick: () => listener.onCheckpointAction(action, checkpoint),
        }),
      );
    }
    const facts = [created === undefined ? "" : dateText(created), readable(used)].filter(Boolean).join(" · ");
    item.append(createPart("label", label), createPart("facts", facts), buttons);
    chain.append(item);
  }
  return chain;
}

/** Puts rows in place of others; the keyboard's focus stays on the same button, or near it. */
export function replaceRows(list: HTMLElement, rows: readonly HTMLElement[], fallback: HTMLElement): void {
  const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement) : undefined;
  const index = [...list.children].findIndex((row) => row.contains(focused ?? null));
  const path = focused && pathOf(focused);
  const disk = (list.children[index] as HTMLElement | undefined)?.dataset["disk"];
  list.replaceChildren(...rows);
  if (!focused) return;
  const row = rows.find((candidate) => candidate.dataset["disk"] === disk);
  const buttons = [...(row?.querySelectorAll("button") ?? [])].filter((button) => !button.disabled);
  (buttons.find((button) => pathOf(button) === path) ?? buttons[0] ?? fallback).focus();
}

/** What a button does in its row. */
function pathOf(button: HTMLElement): string {
  const checkpoint = button.closest<HTMLElement>("[data-checkpoint]")?.dataset["checkpoint"] ?? "";
  return `${checkpoint}/${button.dataset["action"]}`;
}
