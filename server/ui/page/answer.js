"use strict";
// Answers: classes with bars, numbers, vectors, pictures, tables of many rows, and all outputs of a model.

const maxBars = 30;
const shownRows = 200; // of an answer to many
const shownValues = 16; // of a tensor

// answerOf is the output that a caller means who asks for none.
const answerOf = (m) => m?.outputs.find((o) => o.name === "output") ?? m?.outputs.find((o) => o.dtype.startsWith("float")) ?? m?.outputs[0];

// kindOf tells what the values of one row are: "number", "probabilities", "scores" of classes, or a "vector".
function kindOf(values, labels, picture) {
  if (values.length === 1 && labels.length !== 2) return "number";
  if (values.length === 1) return "probabilities";
  const sum = values.reduce((a, b) => a + b, 0);
  if (values.every((v) => v >= -1e-6 && v <= 1 + 1e-6) && Math.abs(sum - 1) < 1e-2) return "probabilities";
  return labels.length === values.length || picture ? "scores" : "vector";
}

function softmax(values) {
  const high = Math.max(...values), e = values.map((v) => Math.exp(v - high));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

// showAnswer shows the answer to one row, from /predict; null empties it.
function showAnswer(value, ms, error) {
  $("error").hidden = !error;
  $("error").textContent = error ?? "";
  $("outputs").replaceChildren();
  showBest("–", "");
  const labels = answerOf(model)?.labels ?? [];
  if (value === null || value === undefined) {
    showBars(labels.length > 2 && labels.length <= maxBars ? labels.map((name) => ({ name, score: 0, text: "" })) : [], -1);
    return;
  }
  const values = Array.isArray(value) ? value.flat(Infinity) : [value];
  showValues(values, labels, `answered in ${ms.toFixed(1)} ms`, false);
}

// showValues shows one row of the output that matters.
function showValues(values, labels, took, picture) {
  const numbers = values.every((v) => typeof v === "number");
  const kind = numbers ? kindOf(values, labels, picture) : "text";
  if (kind === "number" || kind === "text") {
    showBest(values.slice(0, 5).map(formatNumber).join(", "), took);
    showBars([], -1);
    return;
  }
  if (kind === "vector") {
    const norm = Math.sqrt(values.reduce((a, v) => a + v * v, 0));
    showBest(`${values.length} values`, `norm ${formatNumber(norm)}, ${took}`);
    showBars([], -1);
    $("outputs").append(drawVector(values));
    return;
  }
  let scores = values.length === 1 ? [1 - values[0], values[0]] : values;
  const given = scores;
  if (kind === "scores") {
    scores = softmax(scores);
    took += "; percent by softmax of the scores";
  }
  const best = scores.indexOf(Math.max(...scores));
  showBest(labels[best] ?? String(best), took);
  let bars = scores.map((score, i) => ({ name: labels[i] ?? String(i), score, text: `${(100 * score).toFixed(1)} %`, title: formatNumber(given[i]) }));
  let top = best;
  if (bars.length > maxBars) {
    bars = bars.sort((a, b) => b.score - a.score).slice(0, 10);
    top = 0;
  }
  showBars(bars, top);
}

function showBest(text, note) {
  $("best").textContent = text;
  $("best").className = text.length > 6 ? "word" : "";
  $("best-note").textContent = note;
}

function showBars(bars, top) {
  const list = $("bars");
  while (list.children.length > bars.length) list.lastChild.remove();
  while (list.children.length < bars.length) {
    const li = make("li"), track = make("div", "track");
    track.append(make("div", "fill"));
    li.append(make("span", "name"), track, make("span", "value"));
    list.append(li);
  }
  bars.forEach((b, i) => {
    const li = list.children[i];
    li.className = i === top ? "top" : "";
    li.querySelector(".name").textContent = li.querySelector(".name").title = b.name;
    li.querySelector(".fill").style.width = `${100 * b.score}%`;
    li.querySelector(".value").textContent = b.text;
    li.querySelector(".value").title = b.title ?? "";
  });
}

// showOutputs shows all outputs of a run, from the inference protocol: the one that matters, then each.
function showOutputs(outputs, m, ms, picture) {
  $("error").hidden = true;
  $("outputs").replaceChildren();
  const main = outputs.find((o) => o.name === answerOf(m)?.name) ?? outputs[0];
  const took = `answered in ${ms.toFixed(1)} ms`;
  if (main.shape.length <= 2 && (main.shape.length < 2 || main.shape[0] === 1) && main.data.length) {
    const labels = m.outputs.find((o) => o.name === main.name)?.labels ?? [];
    showValues(main.data, labels, took, picture);
  } else {
    showBest(main.shape.join(" × "), took);
    showBars([], -1);
  }
  for (const o of outputs) {
    const box = make("details", "output");
    box.open = outputs.length > 1 || o.shape.length > 2;
    box.append(make("summary", "", `${o.name}  ${o.datatype}  [${o.shape.join(", ")}]`), describeTensor(o));
    const map = drawMap(o);
    if (map) box.append(map);
    else if (o !== main && o.shape.length === 2 && o.shape[0] === 1 && o.data.length >= shownValues) box.append(drawVector(o.data));
    $("outputs").append(box);
  }
}

function describeTensor(o) {
  const text = o.data.slice(0, shownValues).map(formatNumber).join(", ") + (o.data.length > shownValues ? ", …" : "");
  const box = make("p", "values");
  if (o.data.length > 1 && o.data.every((v) => typeof v === "number")) {
    let low = Infinity, high = -Infinity, sum = 0;
    for (const v of o.data) { low = Math.min(low, v); high = Math.max(high, v); sum += v; }
    box.append(make("span", "range", `${formatNumber(low)} … ${formatNumber(high)}, mean ${formatNumber(sum / o.data.length)}`));
  }
  box.append(make("code", "", text));
  return box;
}

// drawVector draws values as a line of bars around zero.
function drawVector(values) {
  const canvas = make("canvas", "vector"), g = canvas.getContext("2d");
  canvas.width = 600;
  canvas.height = 80;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${values.length} values`);
  const most = Math.max(1e-30, ...values.map(Math.abs)), step = canvas.width / values.length;
  g.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--cool").trim();
  values.forEach((v, i) => g.fillRect(i * step, 40, Math.max(1, step - 1), -v / most * 38));
  return canvas;
}

// drawMap draws one picture of one channel, as detectors and segmenters answer; null for what is none.
function drawMap(o) {
  const [h, w] = o.shape.slice(-2);
  if (o.shape.length < 3 || h < 8 || w < 8 || o.data.length !== h * w) return null;
  const canvas = make("canvas", "map");
  canvas.width = w;
  canvas.height = h;
  const g = canvas.getContext("2d"), image = g.createImageData(w, h);
  let low = Infinity, high = -Infinity;
  for (const v of o.data) { low = Math.min(low, v); high = Math.max(high, v); }
  o.data.forEach((v, i) => image.data.set([255, 255, 255, 255].map((c, k) => k < 3 ? c * (v - low) / (high - low || 1) : c), 4 * i));
  g.putImageData(image, 0, 0);
  return canvas;
}

// showTable shows the answers to many rows, and offers all as CSV.
function showTable(names, cells, answers, out, ms) {
  const labels = out?.labels ?? [];
  const told = answers.map((a) => {
    const values = Array.isArray(a) ? a.flat(Infinity) : [a];
    const kind = values.every((v) => typeof v === "number") ? kindOf(values, labels, false) : "text";
    if (kind !== "probabilities" && kind !== "scores") return [values.slice(0, shownValues).map(formatNumber).join(" "), ""];
    const scores = values.length === 1 ? [1 - values[0], values[0]] : values, best = scores.indexOf(Math.max(...scores));
    return [labels[best] ?? String(best), formatNumber(scores[best])];
  });
  const counts = new Map();
  for (const [name, score] of told) if (score !== "") counts.set(name, (counts.get(name) ?? 0) + 1);
  showBest(`${answers.length} rows`, `answered in ${ms.toFixed(0)} ms`);
  showBars([...counts].sort((a, b) => b[1] - a[1]).slice(0, 10).map(([name, n]) => ({ name, score: n / answers.length, text: String(n) })), 0);
  const heads = ["prediction", "score", ...names];
  const head = make("tr"), body = make("tbody"), table = make("table", "answers"), thead = make("thead"), scroll = make("div", "scroll");
  head.append(...heads.slice(0, 10).map((n) => make("th", "", n)));
  for (let i = 0; i < Math.min(told.length, shownRows); i++) {
    const tr = make("tr");
    tr.append(...[...told[i], ...cells[i]].slice(0, 10).map((v) => make("td", "", v)));
    body.append(tr);
  }
  thead.append(head);
  table.append(thead, body);
  scroll.append(table);
  scroll.tabIndex = 0;
  const save = make("a", "save", `Save all ${answers.length} rows as CSV`);
  URL.revokeObjectURL(showTable.saved);
  save.href = showTable.saved = URL.createObjectURL(new Blob([toCSV([heads, ...told.map((t, i) => [...t, ...cells[i]])])], { type: "text/csv" }));
  save.download = "predictions.csv";
  $("outputs").replaceChildren(save, scroll);
}
showTable.saved = ""; // the address of the last CSV
