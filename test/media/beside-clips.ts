/** Files that go into clips beside the picture; recipes name them with an @ before their name. */
export const besideClips: Readonly<Record<string, () => Buffer>> = {
  "a.srt": () => Buffer.from("1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nAgain\n"),
  "a.ass": () => Buffer.from(ass.join("\n")),
  "a.sup": () => Buffer.concat([shownPicture(9000), emptyPicture(72_000)]),
  "a.meta": () => Buffer.from(entries.join("\n")),
};

const ass = [
  ...["[Script Info]", "ScriptType: v4.00+", "", "[V4+ Styles]", "Format: Name, Fontname, Fontsize, PrimaryColour"],
  ...["Style: Default,Arial,20,&H00FFFFFF", "", "[Events]"],
  "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text",
  ...["Dialogue: 0,0:00:00.10,0:00:00.90,Default,,0,0,0,,{\\i1}Hello", ""],
];

const entries = [
  ...[";FFMETADATA1", "title=A day", "artist=Somebody", "com.example.scene=seven"],
  ...["[CHAPTER]", "TIMEBASE=1/1000", "START=0", "END=400", "title=Dawn"],
  ...["[CHAPTER]", "TIMEBASE=1/1000", "START=400", "END=1000", "title=Noon", ""],
];

/** One segment of a PGS file (the subtitles of Blu-ray): time in 90 kHz, kind, content. */
function segment(time: number, kind: number, ...content: readonly number[]): Buffer {
  const head = Buffer.alloc(13);
  head.write("PG");
  head.writeUInt32BE(time, 2);
  head.writeUInt8(kind, 10);
  head.writeUInt16BE(content.length, 11);
  return Buffer.concat([head, Buffer.from(content)]);
}

const window = [1, 0, 0, 8, 0, 8, 0, 16, 0, 8];
const screen = (number: number, state: number, objects: number) => [
  0,
  64,
  0,
  48,
  0x10,
  0,
  number,
  state,
  0,
  0,
  objects,
];

/** A white bar of 16 × 8 pixels. */
function shownPicture(time: number): Buffer {
  const row = [0x00, 0x90, 0x01, 0x00, 0x00];
  const pixels = Array.from({ length: 8 }, () => row).flat();
  return Buffer.concat([
    segment(time, 0x16, ...screen(0, 0x80, 1), 0, 0, 0, 0, 0, 8, 0, 8),
    segment(time, 0x17, ...window),
    segment(time, 0x14, 0, 0, 1, 235, 128, 128, 255),
    segment(time, 0x15, 0, 0, 0, 0xc0, 0, 0, pixels.length + 4, 0, 16, 0, 8, ...pixels),
    segment(time, 0x80),
  ]);
}

function emptyPicture(time: number): Buffer {
  return Buffer.concat([segment(time, 0x16, ...screen(1, 0, 0)), segment(time, 0x17, ...window), segment(time, 0x80)]);
}
