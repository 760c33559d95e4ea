"use strict";

const $ = (id) => document.getElementById(id);
const maxBars = 30;
let models = [];
let model = null; // the chosen one
let chosen = ""; // its name, kept over polls
let pad = null;
let sequence = 0; // of predictions, so that late answers do not replace newer ones

function make(tag, className, text) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (text !== undefined) el.textContent = text;
  return el;
}

// ---- models ----

async function pollModels() {
  try {
    const answer = await fetch("/ui/models");
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (text !== pollModels.last) {
      pollModels.last = text;
      models = JSON.parse(text).models;
      showModels();
    }
  } catch { /* the badge shows it */ }
}

function showModels() {
  const rows = $("models");
  rows.replaceChildren();
  for (const m of models) {
    for (const v of m.versions ?? []) rows.append(modelRow(m, v));
  }
  const ready = models.filter((m) => m.serving);
  $("model").replaceChildren(...ready.map((m) => {
    const o = make("option", "", m.name);
    o.value = m.name;
    return o;
  }));
  choose(ready.find((m) => m.name === chosen) ?? ready.find((m) => m.default) ?? ready[0] ?? null);
}

function choose(m) {
  const same = m && model && m.name === model.name && JSON.stringify([m.inputs, m.outputs]) === JSON.stringify([model.inputs, model.outputs]);
  model = m;
  if (m) $("model").value = m.name;
  if (same) return;
  $("none").hidden = m !== null;
  const image = m && imageOf(m);
  $("draw").hidden = !image;
  $("form").hidden = !m || Boolean(image);
  $("seen").hidden = true;
  showAnswer(null);
  if (image) {
    pad ??= new Pad($("pad"), drawn);
    pad.clear();
  } else if (m) {
    buildForm();
  }
}

function imageOf(m) {
  const i = m.inputs.length === 1 ? m.inputs[0] : null;
  return i && i.image && i.image.length === 2 && i.image[0] * i.image[1] === i.shape[1] ? { rows: i.image[0], cols: i.image[1], max: i.max || 1 } : null;
}

// ---- drawing ----

let timer = 0;

function drawn() {
  $("hint").hidden = !pad.empty;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const im = model && imageOf(model);
    if (!im) return; // another model was chosen meanwhile
    const pixels = pad.pixels(im.rows, im.cols, im.max);
    showPixels($("preview"), pixels, im.rows, im.cols, im.max);
    if (pad.empty) { sequence++; showAnswer(null); } else predict([pixels]);
  }, 40);
}

$("upload").addEventListener("change", async () => {
  const file = $("upload").files[0], im = model && imageOf(model);
  $("upload").value = ""; // the same file may be chosen again
  if (!file || !im) return;
  pad.clear();
  clearTimeout(timer);
  try {
    const pixels = await uploaded(file, im.rows, im.cols, im.max);
    showPixels($("preview"), pixels, im.rows, im.cols, im.max);
    $("hint").hidden = true;
    predict([pixels]);
  } catch {
    showAnswer(null, 0, "this file is no picture that the browser can read");
  }
});

// ---- form ----

function columnsOf(m) {
  const columns = [];
  for (const i of m.inputs) {
    const n = i.shape.length === 2 ? Math.max(i.shape[1], 1) : 1;
    for (let c = 0; c < n; c++) {
      columns.push({ name: i.columns?.[c] ?? (n === 1 ? i.name : `${i.name}[${c}]`), text: i.dtype === "string", bool: i.dtype === "bool", missing: i.missing });
    }
  }
  return columns;
}

function buildForm() {
  $("paste").value = "";
  $("fields").replaceChildren(...columnsOf(model).map((c) => {
    const label = make("label");
    label.title = c.name;
    const input = make("input");
    input.autocomplete = "off";
    if (!c.text) input.inputMode = "decimal";
    input.placeholder = c.missing ? "missing" : c.text ? "" : "0";
    label.append(make("span", "", c.name), input);
    return label;
  }));
}

// splitRow reads CSV with quotes, or a JSON list.
function splitRow(text) {
  text = text.trim();
  if (text.startsWith("[")) {
    try { return JSON.parse(text).flat(Infinity).map((v) => v === null ? "" : String(v)); } catch { return []; }
  }
  const cells = [];
  for (const m of text.matchAll(/(?:^|[,;\t])(?:"((?:[^"]|"")*)"|([^,;\t"]*))/g)) cells.push((m[1]?.replaceAll('""', '"') ?? m[2]).trim());
  return cells;
}

$("paste").addEventListener("input", () => {
  const inputs = $("fields").querySelectorAll("input");
  splitRow($("paste").value).slice(0, inputs.length).forEach((v, i) => { inputs[i].value = v; });
});

$("form").addEventListener("submit", (e) => {
  e.preventDefault();
  const columns = columnsOf(model);
  const row = [...$("fields").querySelectorAll("input")].map((input, i) => {
    const v = input.value.trim(), c = columns[i];
    if (c.missing && v === "") return null;
    if (c.text) return input.value;
    if (c.bool) return v === "true" || v === "1";
    return v === "" ? 0 : Number.isFinite(Number(v)) ? Number(v) : v;
  });
  const scalar = model.inputs.length === 1 && model.inputs[0].shape.length === 1;
  predict(scalar ? row : [row]);
});

$("clear").addEventListener("click", () => pad.clear());
$("model").addEventListener("change", () => {
  chosen = $("model").value;
  choose(models.find((m) => m.name === chosen));
});

// ---- answers ----

async function predict(rows) {
  const mine = ++sequence;
  const started = performance.now();
  try {
    const answer = await fetch("/predict?model=" + encodeURIComponent(model.name), {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ input_data: rows }),
    });
    const body = await answer.json();
    if (mine !== sequence) return;
    if (body.error) throw new Error(body.error);
    showAnswer(body.prediction[0], performance.now() - started);
  } catch (e) {
    if (mine === sequence) showAnswer(null, 0, e.message);
  }
}

function showAnswer(value, ms, error) {
  $("error").hidden = !error;
  $("error").textContent = error ?? "";
  showBest("–", "");
  const out = model?.outputs.find((o) => o.name === "output") ?? model?.outputs.find((o) => o.dtype.startsWith("float")) ?? model?.outputs[0];
  let scores = Array.isArray(value) ? value.flat(Infinity) : [];
  const labels = out?.labels ?? [];
  if (typeof value === "number" && labels.length === 2) scores = [1 - value, value];
  if (value === null && $("bars").children.length && !error) {
    for (const v of $("bars").querySelectorAll(".fill")) v.style.width = "0";
    for (const v of $("bars").querySelectorAll(".value")) v.textContent = "";
    for (const li of $("bars").children) li.className = "";
  }
  if (value === null && labels.length > 2 && labels.length <= maxBars && $("bars").children.length !== labels.length) {
    showBars(labels.map((name) => ({ name, score: 0 })), -1);
    for (const v of $("bars").querySelectorAll(".value")) v.textContent = "";
  } else if (value === null && labels.length <= 2) {
    $("bars").replaceChildren();
  }
  if (value === null) return;
  const took = `answered in ${ms.toFixed(1)} ms`;
  if (!scores.length) {
    showBest(typeof value === "number" ? String(+value.toPrecision(6)) : String(value), took);
    $("bars").replaceChildren();
    return;
  }
  const best = scores.indexOf(Math.max(...scores));
  showBest(labels[best] ?? String(best), took);
  let bars = scores.map((score, i) => ({ name: labels[i] ?? String(i), score }));
  let top = best;
  if (bars.length > maxBars) {
    bars = bars.sort((a, b) => b.score - a.score).slice(0, maxBars);
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
    const li = make("li");
    const track = make("div", "track");
    track.append(make("div", "fill"));
    li.append(make("span", "name"), track, make("span", "value"));
    list.append(li);
  }
  const low = Math.min(0, ...bars.map((b) => b.score)), high = Math.max(1, ...bars.map((b) => b.score));
  bars.forEach((b, i) => {
    const li = list.children[i];
    li.className = i === top ? "top" : "";
    li.querySelector(".name").textContent = b.name;
    li.querySelector(".fill").style.width = `${100 * (b.score - low) / (high - low)}%`;
    li.querySelector(".value").textContent = low < 0 || high > 1 ? String(+b.score.toPrecision(3)) : `${(100 * b.score).toFixed(1)} %`;
  });
}

// ---- live figures ----

const formatRate = (v) => v >= 10000 ? `${+(v / 1000).toPrecision(3)}k` : v >= 10 ? v.toFixed(0) : String(+v.toFixed(1));
function formatTime(us) {
  if (us >= 1e6) return `${+(us / 1e6).toPrecision(3)} s`;
  if (us >= 1e3) return `${+(us / 1e3).toPrecision(3)} ms`;
  return `${+us.toPrecision(3)} µs`;
}

async function pollStats() {
  const badge = $("state");
  try {
    const answer = await fetch("/ui/stats");
    if (!answer.ok) throw new Error(answer.status);
    const s = await answer.json();
    badge.textContent = "live";
    badge.className = "badge ok";
    $("rate").textContent = formatRate(s.rate.at(-1) ?? 0);
    $("rate-note").textContent = `${s.requests} in the last minute` + (s.errors ? `, ${s.errors} failed` : "") + (s.queued ? `, ${s.queued} waiting` : "");
    $("p50").textContent = s.minute_p50_us ? formatTime(s.minute_p50_us) : "–";
    $("p99").textContent = s.minute_p99_us ? formatTime(s.minute_p99_us) : "–";
    keepFigures(s.models);
    drawChart($("rate-chart"), [{ values: s.rate, color: "--cool", fill: true }], formatRate);
    drawChart($("latency-chart"), [{ values: s.p99_us, color: "--hot" }, { values: s.p50_us, color: "--cool" }], formatTime);
  } catch {
    badge.textContent = "no answer";
    badge.className = "badge down";
  }
}

async function poll() {
  if (!document.hidden) await Promise.all([pollStats(), pollModels(), pollInputs()]);
  setTimeout(poll, 1000);
}

askAdmin();
poll();
