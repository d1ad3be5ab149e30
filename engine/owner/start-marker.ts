import { readFileSync, rmSync, writeFileSync } from "node:fs";

/**
 * Says that somebody is starting the engine, so that twenty clients do not start twenty. Only an economy: who owns
 * the engine is decided by the lock. A marker whose process is dead is taken over.
 */
export class StartMarker {
  private readonly path: string;
  private held = false;

  constructor(path: string) {
    this.path = path;
  }

  /** True if this object holds the marker now. */
  take(): boolean {
    if (this.held) return true;
    if (this.write()) return true;
    if (isAlive(this.holder())) return false;
    rmSync(this.path, { force: true });
    return this.write();
  }

  release(): void {
    if (this.held) rmSync(this.path, { force: true });
    this.held = false;
  }

  private write(): boolean {
    try {
      writeFileSync(this.path, String(process.pid), { flag: "wx", mode: 0o600 });
      this.held = true;
    } catch {
      return false;
    }
    return true;
  }

  private holder(): number {
    try {
      return Number(readFileSync(this.path, "utf8"));
    } catch {
      return 0;
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
