"use strict";
// The table of models with live figures of each version, and charts of the picked one.

const figures = new Map(); // by "model/version": the last live figures
let picked = ""; // such a key

// keepFigures takes over what /ui/stats says of the versions.
function keepFigures(list) {
  figures.clear();
  for (const f of list) figures.set(`${f.model}/${f.version}`, f);
  for (const tr of $("models").children) showFigures(tr);
  showCharts();
}

const memoryOf = (f) => f.memory.weights + f.memory.arenas + f.memory.buffers;

function showVersions() {
  const rows = $("models");
  rows.replaceChildren();
  for (const m of models) {
    for (const v of m.versions ?? []) rows.append(versionRow(m, v));
  }
  const there = (key) => [...rows.children].some((tr) => tr.dataset.key === key);
  if (!there(picked)) {
    const m = models.find((x) => x.serving && x.name === chosen) ?? models.find((x) => x.serving && x.default) ?? models.find((x) => x.serving);
    picked = m ? `${m.name}/${m.serving}` : "";
  }
  markPicked();
}

function pickVersion(name, version) {
  picked = `${name}/${version}`;
  markPicked();
  showCharts();
  pollValues();
}

function markPicked() {
  for (const tr of $("models").children) {
    tr.classList.toggle("picked", tr.dataset.key === picked);
    tr.querySelector(".pick").setAttribute("aria-pressed", String(tr.dataset.key === picked));
  }
}

function versionRow(m, v) {
  const tr = make("tr");
  tr.dataset.key = `${m.name}/${v.version}`;
  const pick = make("button", "pick", String(v.version));
  pick.type = "button";
  pick.title = "Show charts of this version";
  pick.addEventListener("click", () => pickVersion(m.name, v.version));
  tr.append(make("td", "", m.name));
  tr.appendChild(make("td")).append(pick);
  const state = tr.appendChild(make("td"));
  state.append(make("span", "dot " + v.state, v.version === m.serving ? "serving" : v.state.toLowerCase().replace("end", "broken")));
  if (v.error) state.append(make("span", "why", v.error));
  for (const name of ["rate", "p99", "failed", "cpu", "memory"]) tr.append(make("td", "number " + name));
  const chart = make("canvas", "spark");
  chart.width = 120;
  chart.height = 28;
  tr.appendChild(make("td")).append(chart);
  tr.append(labelCell(m, v), make("td", "mono", v.version === m.serving ? m.sha256.slice(0, 12) : ""));
  showFigures(tr);
  return tr;
}

function showFigures(tr) {
  const f = figures.get(tr.dataset.key);
  const set = (name, text) => { tr.querySelector("." + name).textContent = text; };
  set("rate", f?.rate ? formatRate(f.rate.at(-1) ?? 0) : f ? "0" : "");
  set("p99", f?.minute_p99_us ? formatTime(f.minute_p99_us) : "");
  set("failed", f?.errors ? String(f.errors) : f ? "0" : "");
  set("cpu", f ? formatCores(f.cpu_cores?.at(-1) ?? 0) : "");
  set("memory", f ? formatBytes(memoryOf(f)) : "");
  drawSpark(tr.querySelector("canvas"), f?.rate ?? []);
}

// showCharts draws the last minute of the picked version; one without requests has none of its own.
function showCharts() {
  const f = figures.get(picked);
  $("version").hidden = !f;
  if (!f) return;
  $("version-name").textContent = picked;
  const none = [0, 0], total = memoryOf(f);
  const last = (values, format) => format(values?.at(-1) ?? 0);
  $("v-rate-now").textContent = `${last(f.rate, formatRate)}/s` + (f.errors ? `, ${f.errors} failed` : "");
  $("v-latency-now").textContent = f.minute_p50_us ? `p50 ${formatTime(f.minute_p50_us)}, p99 ${formatTime(f.minute_p99_us)}` : "–";
  $("v-cpu-now").textContent = last(f.cpu_cores, formatCores);
  $("v-memory-now").textContent = `${formatBytes(total)}: weights ${formatBytes(f.memory.weights)}, arenas ${formatBytes(f.memory.arenas)}, buffers ${formatBytes(f.memory.buffers)}`;
  drawChart($("v-rate"), [{ values: f.rate ?? none, color: "--cool", fill: true }, { values: f.failed ?? none, color: "--bad" }], formatRate);
  drawChart($("v-latency"), [{ values: f.p99_us ?? none, color: "--hot" }, { values: f.p50_us ?? none, color: "--cool" }], formatTime);
  drawChart($("v-cpu"), [{ values: f.cpu_cores ?? none, color: "--cool", fill: true }], formatCores);
  drawChart($("v-memory"), [{ values: f.memory_bytes ?? [total, total], color: "--cool", fill: true }], formatBytes);
}
