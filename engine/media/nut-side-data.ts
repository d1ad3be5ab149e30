import { NutFields } from "./nut-fields.ts";
import { nutNumber, nutText } from "./nut-writer.ts";

/** NUT's name for what Matroska calls additional data of a block, with its number: 1 is alpha. */
const NAME = "CodecSpecificSide";
/** Marks a value of a type that is named (the number −2). */
const NAMED_TYPE = 4;
const ID_BYTES = 8;

/**
 * A frame with data beside it, as ffmpeg reads what ffmpeg writes: its writer puts the number of the additional data
 * into the name and again in front of the data (seen from release 4.1 to 9.0), its reader takes it from the name and
 * would give the rest, eight bytes too long, to the decoder of alpha. What is not of that kind stays as it is.
 */
export function readableSideData(frame: Uint8Array<ArrayBuffer>): Uint8Array {
  const fields = new NutFields(frame);
  if (fields.number() !== 1) return frame;
  const name = Buffer.from(fields.data()).toString("latin1");
  if (!name.startsWith(NAME) || fields.number() !== NAMED_TYPE) return frame;
  const type = Buffer.from(fields.data()).toString("latin1");
  const data = Buffer.from(fields.data());
  const repeated = data.length >= ID_BYTES && data.readBigUInt64BE() === BigInt(name.slice(NAME.length));
  if (!repeated) return frame;
  const own = data.subarray(ID_BYTES);
  const head = [nutNumber(1), nutText(name), nutNumber(NAMED_TYPE), nutText(type), nutNumber(own.length)];
  return Buffer.concat([...head, own, fields.rest()]);
}
