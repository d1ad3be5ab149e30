/**
 * Draws the demo's picture and clip into scripts/demo: `node scripts/make-demo-media.mjs`. Everything in them is drawn
 * here, so that nobody else has rights in them: a harbour at dusk with what is hard to enlarge well (thin lines, small
 * text, bricks, slanted edges), and in the clip a turning light, a boat on moving water and a tune.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import ffmpeg from "@ffmpeg-installer/ffmpeg";
import sharp from "sharp";

const folder = fileURLToPath(new URL("demo/", import.meta.url));
/** Pixels of both; the scene's own units are the same. */
const width = 160;
const height = 120;
const frameRate = 25;
const seconds = 2;
/** Drawn so much larger and shrunk, as a camera's lens does, so that edges are soft by less than a pixel. */
const oversize = 4;
/** Notes of the tune in hertz, one a quarter of a second: C major up and home again. */
const notes = [523, 587, 659, 784, 659, 880, 784, 523];

/** The scene at a time in seconds, as SVG of `width` × `height` units. */
function scene(time) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width * oversize}" height="${height * oversize}"
    viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, Verdana, sans-serif">
    <defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
      <stop offset="0" stop-color="#16224d"/><stop offset="0.6" stop-color="#b4587a"/><stop offset="1" stop-color="#f9b267"/>
    </linearGradient>
    <radialGradient id="light" gradientUnits="userSpaceOnUse" cx="125" cy="33" r="120">
      <stop offset="0" stop-color="#fff6c8" stop-opacity="0.8"/><stop offset="1" stop-color="#fff6c8" stop-opacity="0"/>
    </radialGradient></defs>
    <rect width="${width}" height="${height}" fill="url(#sky)"/>
    ${stars()}
    <circle cx="52" cy="74" r="9" fill="#ffe9b0"/>
    <path d="M0 76 L14 66 L24 71 L41 58 L60 73 L74 67 L92 76 Z" fill="#5b3a66"/>
    ${beam(time)}
    ${water(time)}
    ${lighthouse()}
    ${boat(time)}
    ${sign()}
  </svg>`;
}

/** Scattered by the golden ratio: even, without a pattern, the same each time. */
function stars() {
  return Array.from({ length: 40 }, (_, n) => {
    const x = (n * 0.618034 * width) % width;
    const y = (n * 37) % 46;
    return `<circle cx="${x.toFixed(1)}" cy="${y}" r="${0.3 + (n % 3) * 0.15}" fill="#fff" opacity="0.8"/>`;
  }).join("");
}

/** The lighthouse's light: one turn in the clip's length, seen as a sheaf that widens and narrows. */
function beam(time) {
  const turn = (2 * Math.PI * time) / seconds;
  const reach = 120 * Math.cos(turn);
  const spread = 6 + 8 * Math.abs(Math.sin(turn));
  return `<path d="M125 33 L${125 + reach} ${28 - spread} L${125 + reach} ${36 + spread} Z" fill="url(#light)"/>`;
}

function water(time) {
  const rows = Array.from({ length: 9 }, (_, row) => {
    const y = 78 + row * 5;
    const drift = 5 * Math.sin(2 * Math.PI * (time / seconds + row / 5));
    const waves = Array.from({ length: 24 }, (_, n) => `q 2.5 ${-1 - row * 0.2} 5 0 t 5 0`).join(" ");
    return `<path d="M${-30 + drift} ${y} ${waves}" fill="none" stroke="#ffc98a" stroke-width="${0.3 + row * 0.07}" opacity="0.6"/>`;
  });
  return `<rect y="76" width="${width}" height="44" fill="#27406b"/>${rows.join("")}`;
}

function lighthouse() {
  const bricks = Array.from({ length: 11 }, (_, row) => {
    const y = 44 + row * 4;
    const joints = Array.from({ length: 6 }, (_, n) => `M${114 + n * 4 + (row % 2) * 2} ${y} v4`).join(" ");
    return `<path d="M112 ${y} h26 ${joints}" stroke="#7a2b23" stroke-width="0.5"/>`;
  });
  return `<clipPath id="tower"><path d="M118 42 H132 L136 86 H114 Z"/></clipPath>
    <path d="M94 92 Q104 80 116 82 H140 Q152 84 160 80 V98 H92 Z" fill="#2d2a36"/>
    <g clip-path="url(#tower)">
      <rect x="110" y="40" width="30" height="48" fill="#c8503c"/>
      <rect x="110" y="52" width="30" height="9" fill="#f3ead8"/><rect x="110" y="70" width="30" height="9" fill="#f3ead8"/>
      ${bricks.join("")}
      <rect x="110" y="40" width="8" height="48" fill="#000" opacity="0.18"/>
    </g>
    <rect x="123" y="62" width="4" height="6" rx="2" fill="#2b1c1c"/><rect x="124" y="80" width="5" height="7" fill="#2b1c1c"/>
    <path d="M115 42 H135 M115 38 H135 ${[115, 119, 123, 127, 131, 135].map((x) => `M${x} 38 v4`).join(" ")}" stroke="#222" stroke-width="0.6"/>
    <rect x="120" y="29" width="10" height="9" fill="#fff3b0"/>
    <path d="M120 29 V38 M123.3 29 V38 M126.6 29 V38 M130 29 V38" stroke="#222" stroke-width="0.6"/>
    <path d="M118 29 L125 22 L132 29 Z M125 22 V18" fill="#8c2f26" stroke="#222" stroke-width="0.6"/>`;
}

/** Sails across and rolls with the waves. */
function boat(time) {
  const x = 16 + 14 * time;
  const y = 92 + Math.sin(2 * Math.PI * time);
  const roll = 4 * Math.sin(2 * Math.PI * time + 1);
  return `<g transform="translate(${x} ${y}) rotate(${roll})">
    <path d="M-16 0 H18 L12 8 H-11 Z" fill="#f3ead8" stroke="#3a2a20" stroke-width="0.7"/>
    <path d="M-14 2.4 H16" stroke="#c8503c" stroke-width="1"/>
    <path d="M0 0 V-34" stroke="#3a2a20" stroke-width="1"/>
    <path d="M1.5 -32 Q16 -16 15 -3 H1.5 Z" fill="#fdf8ee"/><path d="M-1.5 -28 L-13 -3 H-1.5 Z" fill="#e8b04a"/>
    <path d="M0 -34 L18 0 M0 -34 L-16 0 M3 -24 L9 -22 M3 -16 L13 -13 M3 -9 L14 -7" stroke="#3a2a20" stroke-width="0.3"/>
    <path d="M0 -34 l7 1.5 l-7 1.5" fill="#c8503c"/>
    <text x="-6" y="6.4" font-size="4" fill="#27406b">NODE 20</text>
  </g>`;
}

function sign() {
  return `<rect x="92" y="100" width="64" height="17" fill="#fbf6e6" stroke="#3a2a20" stroke-width="0.8"/>
    <text x="95" y="107.5" font-size="7" font-weight="bold" fill="#1d2b4a">HARBOUR</text>
    <text x="95" y="114.5" font-size="5" fill="#1d2b4a">tide 06:42 · 5 knots</text>`;
}

/** One frame as a sharp pipeline without alpha. */
function drawn(time) {
  return sharp(Buffer.from(scene(time)))
    .resize(width, height, { kernel: "lanczos3" })
    .removeAlpha();
}

async function makeClip(path) {
  const tune = notes.flatMap((hertz) => [
    "-f",
    "lavfi",
    "-i",
    `sine=frequency=${hertz}:duration=${seconds / notes.length}`,
  ]);
  const inputs = notes.map((_, n) => `[${n + 1}:a]`).join("");
  const encoder = spawn(ffmpeg.path, [
    ...["-v", "error", "-y", "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", `${width}x${height}`],
    ...["-framerate", String(frameRate), "-i", "pipe:0", ...tune],
    ...["-filter_complex", `${inputs}concat=n=${notes.length}:v=0:a=1,volume=3[tune]`, "-map", "0:v", "-map", "[tune]"],
    ...["-vf", "scale=out_color_matrix=bt709:out_range=limited", "-pix_fmt", "yuv420p", "-colorspace", "bt709"],
    ...["-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"],
    ...[
      "-c:v",
      "libx264",
      "-crf",
      "16",
      "-preset",
      "veryslow",
      "-c:a",
      "aac",
      "-b:a",
      "64k",
      "-movflags",
      "+faststart",
    ],
    ...["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", path],
  ]);
  encoder.stderr.pipe(process.stderr);
  const closed = once(encoder, "close");
  for (let frame = 0; frame < seconds * frameRate; frame++) {
    const pixels = await drawn(frame / frameRate)
      .raw()
      .toBuffer();
    if (!encoder.stdin.write(pixels)) await once(encoder.stdin, "drain");
  }
  encoder.stdin.end();
  const [code] = await closed;
  if (code !== 0) throw new Error(`ffmpeg ended with ${code} while making ${path}.`);
}

await drawn(0.9).png({ compressionLevel: 9 }).toFile(`${folder}harbour.png`);
await makeClip(`${folder}harbour.mp4`);
