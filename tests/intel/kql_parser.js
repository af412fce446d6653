// Reads {"query": ...} lines and answers, for each, the errors of Kusto's own language service and the string literals.
// argv[2]: the folder with node_modules; argv[3]: a JSON object of table name -> schema text.
const path = require("path");
const library = path.join(process.argv[2], "node_modules", "@kusto", "language-service-next");
require(path.join(library, "bridge.min.js"));
require(path.join(library, "Kusto.Language.Bridge.min.js"));
const language = Kusto.Language;
const tables = Object.entries(JSON.parse(process.argv[3])).map(([name, schema]) =>
  language.Symbols.TableSymbol.From(schema).WithName(name));
const globals = language.GlobalState.Default.WithDatabase(new language.Symbols.DatabaseSymbol.ctor("tables", tables));

function answer(query) {
  const code = language.KustoCode.ParseAndAnalyze(query, globals);
  const diagnostics = code.GetDiagnostics();
  const errors = [];
  for (let i = 0; i < diagnostics.Count; i++) {
    const found = diagnostics.getItem(i);
    if (found.Severity === "Error") errors.push(`${found.Code} ${found.Message} at ${found.Start}`);
  }
  const literals = [];
  const nodes = code.Syntax.GetDescendants(language.Syntax.LiteralExpression);
  for (let i = 0; i < nodes.Count; i++) {
    const value = nodes.getItem(i).LiteralValue;
    if (typeof value === "string") literals.push(value);
  }
  return { errors, literals };
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  let reply;
  try {
    reply = answer(JSON.parse(line).query);
  } catch (fault) {
    reply = { errors: [String(fault)], literals: [] };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
});
