"use strict";
// Rows of text as rows of cells.

// parseRows reads CSV with quotes (comma, semicolon or tab), or JSON: a list of values, or a list of such lists.
function parseRows(text) {
  text = text.trim();
  if (text.startsWith("[")) {
    let value;
    try { value = JSON.parse(text); } catch { return []; }
    const rows = Array.isArray(value[0]) ? value : [value];
    return rows.map((r) => r.flat(Infinity).map((v) => v === null ? "" : String(v)));
  }
  const first = text.split("\n", 1)[0].replace(/"[^"]*"/g, "");
  const comma = ["\t", ";"].find((c) => first.includes(c)) ?? ",";
  const rows = [];
  let row = [], cell = "", quoted = false, wasQuoted = false;
  const endCell = () => { row.push(wasQuoted ? cell : cell.trim()); cell = ""; wasQuoted = false; };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') { cell += '"'; i++; } else quoted = false;
    } else if (c === '"') {
      quoted = wasQuoted = true;
      cell = "";
    } else if (c === comma) {
      endCell();
    } else if (c === "\n") {
      endCell();
      rows.push(row);
      row = [];
    } else if (c !== "\r") {
      cell += c;
    }
  }
  if (text !== "") {
    endCell();
    rows.push(row);
  }
  return rows.filter((r) => r.some((c) => c !== ""));
}

// alignRows puts cells in the order of columns: by name where the first row has names, else by position.
function alignRows(rows, names) {
  const head = rows[0] ?? [];
  const at = names.map((n) => head.indexOf(n));
  if (rows.length < 2 || at.every((i) => i < 0)) return rows;
  const lacks = names.filter((_, i) => at[i] < 0);
  if (lacks.length) throw new Error(`the first row has no column ${lacks.slice(0, 3).join(", ")}`);
  return rows.slice(1).map((r) => at.map((i) => r[i] ?? ""));
}

const quoteCell = (v) => /[",\n\r]/.test(v) ? `"${String(v).replaceAll('"', '""')}"` : String(v);
const toCSV = (rows) => rows.map((r) => r.map(quoteCell).join(",")).join("\n") + "\n";
