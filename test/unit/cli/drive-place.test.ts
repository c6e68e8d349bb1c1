import { describe, expect, it } from "vitest";
import { parseDrive, placeDrives } from "../../../cli/drive-place";
import { UsageError } from "../../../cli/errors";

const places = (...drives: string[]): string[] =>
  placeDrives(
    drives.map((text) => {
      const kind = text.endsWith(".iso") || text.includes(".iso,") ? ("dvd" as const) : ("disk" as const);
      return { kind, option: parseDrive(kind === "dvd" ? "iso" : "disk", text) };
    }),
  ).map((location) =>
    location.controller === "ide" ? `ide${location.channel}:${location.drive}` : `scsi${location.lun}`,
  );

describe("the places of drives", () => {
  it.each([
    [["a"], ["ide0:0"]],
    [
      ["a", "b", "c.iso"],
      ["ide0:0", "scsi0", "scsi1"],
    ],
    [["c.iso"], ["scsi0"]],
    [
      ["a,scsi", "b"],
      ["scsi0", "ide0:0"],
    ],
    [
      ["a,ide", "b,ide", "c.iso,ide"],
      ["ide0:0", "ide0:1", "ide1:0"],
    ],
    [
      ["a", "b,ide0:0", "c,scsi0", "d"],
      ["scsi1", "ide0:0", "scsi0", "scsi2"],
    ],
    [
      ["a,ide1:1", "c.iso,ide1:0"],
      ["ide1:1", "ide1:0"],
    ],
    [
      ["a,scsi63", "b"],
      ["scsi63", "ide0:0"],
    ],
  ])("of %j are %j", (drives, expected) => {
    expect(places(...drives)).toEqual(expected);
  });

  it("leave commas in file names alone", () => {
    expect(parseDrive("disk", "a,b.img")).toEqual({ path: "a,b.img", place: undefined });
    expect(parseDrive("disk", ",ide")).toEqual({ path: ",ide", place: undefined });
    expect(parseDrive("disk", "a,ide.img,ide")).toEqual({ path: "a,ide.img", place: "ide" });
  });

  it("are one for each", () => {
    expect(() => places("a,ide0:0", "b,ide0:0")).toThrow(UsageError);
    expect(() => places("a,ide0:0", "b,ide0:0")).toThrow("'b': another drive is at its place already");
    expect(() => places("a,ide", "b,ide", "c,ide", "d,ide", "e,ide")).toThrow("'e': no place is left");
  });

  it.each(["ide2:0", "ide0:2", "ide0", "ide:", "scsi64", "scsi01"])("cannot be %s", (place) => {
    expect(() => parseDrive("disk", `a,${place}`)).toThrow(`--disk has the place '${place}'`);
  });
});
