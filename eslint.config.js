import tseslint from "typescript-eslint";

const EVERYWHERE = ["src", "engine", "mcp", "http"].map((folder) => `${folder}/**/*.ts`);

/** What `npm run check` enforces; an exception is a comment with a reason in place, never a wider rule here. */
export default tseslint.config(
  { ignores: ["dist", "node_modules", "coverage", "http/page/*.js", ".ci"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { arguments: false } }],
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
  {
    files: EVERYWHERE,
    rules: {
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "max-params": ["error", 4],
      "max-depth": ["error", 4],
      complexity: ["error", 15],
      "no-console": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Use named exports: one concept, one name." },
        {
          selector: "ThrowStatement > NewExpression[callee.name='Error']",
          message: "Throw an EngineError that says what happened and what to do; for our own mistakes use node:assert.",
        },
      ],
    },
  },
  {
    files: EVERYWHERE,
    ignores: ["src/config.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "Only src/config.ts reads the environment." },
      ],
    },
  },
);
