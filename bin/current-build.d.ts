/** Folders a build may lie in, best first: the project's, else the user's cache (one folder a project). */
export function buildHomes(root?: string): string[];
