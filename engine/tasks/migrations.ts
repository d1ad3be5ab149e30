import { EngineError } from "../errors.ts";

/** Numbered from 1 and never edited once released; a change of the schema is another entry. */
const migrations: readonly string[] = [
  `CREATE TABLE tasks (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL,
     idempotency_key TEXT UNIQUE,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     ended_at INTEGER,
     deaths INTEGER NOT NULL DEFAULT 0,
     submission TEXT NOT NULL,
     progress TEXT NOT NULL,
     outcome TEXT,
     error TEXT
   );
   CREATE INDEX tasks_by_state ON tasks (state, sequence);
   CREATE INDEX tasks_by_end ON tasks (ended_at);`,
];

interface Database {
  prepare(sql: string): { get(): unknown };
  exec(sql: string): void;
}

/** Brings the schema up to date; refuses one that a newer version wrote. */
export function migrate(database: Database): void {
  const { user_version: found } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (found > migrations.length) {
    throw new EngineError("wrong_state", {
      what: `The task list was written by a newer version (schema ${found}, this one knows ${migrations.length}).`,
      todo: "Start the newer version, or point SEEDVR2_STATE_DIR to another folder.",
    });
  }
  migrations.slice(found).forEach((sql, index) => {
    database.exec(`BEGIN; ${sql} PRAGMA user_version = ${found + index + 1}; COMMIT;`);
  });
}
