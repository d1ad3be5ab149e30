import * as fc from "fast-check";
import { expect, test } from "vitest";
import { uploadName } from "../../http/upload-name.ts";

test.each([
  [undefined, "upload"],
  ["", "upload"],
  [".", "upload"],
  ["../..", "upload"],
  ["a/b\\c.png", "c.png"],
  ["a\0b\nc.png", "a_b_c.png"],
  ["photo\u202egnp.exe", "photo_gnp.exe"],
  ["what?<is>|this*.mp4", "what__is__this_.mp4"],
  [" .. trailing. ", "trailing"],
  ["no extension", "no extension"],
])("%j becomes %j", (claimed, name) => {
  expect(uploadName(claimed)).toBe(name);
});

test("a long name keeps its extension and whole characters", () => {
  const name = uploadName(`${"写".repeat(200)}.png`);
  expect(name).toBe(`${"写".repeat(58)}.png`);
});

test("whatever is claimed, the name is one safe file name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 100 }), (claimed) => {
      const name = uploadName(claimed);
      return !/[/\\\p{C}]|^\.|^$/u.test(name) && Buffer.byteLength(name) <= 180;
    }),
  );
});
