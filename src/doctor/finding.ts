/** What doctor found out about one thing. */
export interface Finding {
  readonly about: string;
  /** ok: as it should be. note: works, worth knowing. problem: something will fail. */
  readonly state: "ok" | "note" | "problem";
  readonly text: string;
  /** What to do about it. */
  readonly todo?: string;
}
