#!/usr/bin/env node
/**
 * Starts the program: checks Node, builds from the sources where there is no current build (in a checkout; see
 * build.js), and runs it. Plain JavaScript, so that it works without any install script having run.
 */
import process from "node:process";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 20)) {
  process.stderr.write(
    `seedvr2 needs Node 20.20 or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      "Install a newer one from https://nodejs.org, and where a host starts this program give that node's full path.\n",
  );
  process.exit(1);
}

const { currentBuild } = await import("./current-build.js");
try {
  const build = currentBuild() ?? (await (await import("./build.js")).ensureBuilt());
  await import(build.mainUrl);
} catch (error) {
  // A stack is of use only to who works on the program; the others need the sentence.
  process.stderr.write(`seedvr2 cannot start: ${error instanceof Error ? error.message : error}\n`);
  process.stderr.write('Run "npm ci" in the project folder and try again.\n');
  process.exit(1);
}
