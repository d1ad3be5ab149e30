import { join, relative } from "node:path";
import ts from "typescript";

/** The exports of the files (relative to root) without a doc comment where they are declared, a line each. */
export function undocumentedExports(root, files) {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const program = ts.createProgram(
    files.map((file) => join(root, file)),
    options,
  );
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, file)));
    const exported = module ? checker.getExportsOfModule(module) : [];
    return exported.filter((symbol) => !isDocumented(checker, symbol)).map((symbol) => `${file}: ${symbol.name}`);
  });

  function isDocumented(typeChecker, symbol) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? typeChecker.getAliasedSymbol(symbol) : symbol;
    // `export * as name` leads to a file, which speaks for itself by its first lines.
    if (target.flags & ts.SymbolFlags.ValueModule) return true;
    const [declaration] = target.declarations ?? [];
    // A type alias names what a documented value or interface is; packages answer for themselves.
    if (!declaration || ts.isTypeAliasDeclaration(declaration)) return true;
    const isOurs = !relative(root, declaration.getSourceFile().fileName).startsWith("node_modules");
    return !isOurs || target.getDocumentationComment(typeChecker).length > 0;
  }
}
