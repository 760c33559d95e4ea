"use strict";
// The form of a model whose inputs are columns: a field each for one row, or many rows as CSV.

const chunkRows = 1000; // rows of one request
let tableRows = null; // what was pasted or uploaded, where it is more than one row

function columnsOf(m) {
  const columns = [];
  for (const i of m.inputs) {
    const n = i.shape.length === 2 ? i.shape[1] : 1;
    for (let c = 0; c < n; c++) {
      columns.push({ name: i.columns?.[c] ?? (n === 1 ? i.name : `${i.name}[${c}]`), text: i.dtype === "string", bool: i.dtype === "bool", missing: i.missing });
    }
  }
  return columns;
}

const tableForm = {
  section: "form",
  fits: (m) => m.inputs.length > 0 && m.inputs.every((i) => i.shape.length === 1 || i.shape.length === 2 && i.shape[1] > 0) && columnsOf(m).length <= 1000,
  show(m) {
    $("paste").value = "";
    takeRows("");
    $("fields").replaceChildren(...columnsOf(m).map((c) => {
      const label = make("label");
      label.title = c.name;
      const input = make("input");
      input.autocomplete = "off";
      if (!c.text) input.inputMode = "decimal";
      input.placeholder = c.missing ? "missing" : c.text ? "" : "0";
      label.append(make("span", "", c.name), input);
      return label;
    }));
  },
};

// valueOf is a cell as the model wants it; what is no number is sent as it is, for the server to say so.
function valueOf(cell, column) {
  const v = cell.trim();
  if (column.missing && v === "") return null;
  if (column.text) return cell;
  if (column.bool) return v === "true" || v === "1";
  return v === "" ? 0 : Number.isFinite(Number(v)) ? Number(v) : v;
}

// takeRows shows one row in the fields and keeps more.
function takeRows(text) {
  const columns = columnsOf(model);
  let rows = [];
  tableRows = null;
  try {
    rows = alignRows(parseRows(text), columns.map((c) => c.name));
  } catch (e) {
    showAnswer(null, 0, e.message);
  }
  if (rows.length > 1) tableRows = rows;
  $("fields").hidden = Boolean(tableRows);
  $("rows-note").textContent = tableRows ? `${tableRows.length} rows` : "";
  if (rows.length === 1) {
    const inputs = $("fields").querySelectorAll("input");
    rows[0].slice(0, inputs.length).forEach((v, i) => { inputs[i].value = v; });
  }
}

$("paste").addEventListener("input", () => takeRows($("paste").value));

$("rows-file").addEventListener("change", async () => {
  const file = $("rows-file").files[0];
  $("rows-file").value = "";
  if (file) takeRows(await file.text());
});

$("form").addEventListener("submit", (e) => {
  e.preventDefault();
  const columns = columnsOf(model);
  const scalar = model.inputs.length === 1 && model.inputs[0].shape.length === 1;
  const toRow = (cells) => {
    const row = columns.map((c, i) => valueOf(cells[i] ?? "", c));
    return scalar ? row[0] : row;
  };
  if (tableRows) predictTable(tableRows, tableRows.map(toRow));
  else predict([toRow([...$("fields").querySelectorAll("input")].map((i) => i.value))]);
});

// predictTable sends rows in parts and shows what came of each.
async function predictTable(cells, rows) {
  const mine = ++sequence, m = model, started = performance.now(), answers = [];
  showAnswer(null);
  try {
    for (let i = 0; i < rows.length; i += chunkRows) {
      const body = await send("POST", "/predict?model=" + encodeURIComponent(m.name), JSON.stringify({ input_data: rows.slice(i, i + chunkRows) }));
      if (mine !== sequence) return;
      answers.push(...body.prediction);
      $("rows-note").textContent = `${answers.length} of ${rows.length} rows`;
    }
    showTable(columnsOf(m).map((c) => c.name), cells, answers, answerOf(m), performance.now() - started);
  } catch (e) {
    if (mine === sequence) showAnswer(null, 0, e.message);
  }
}
