"use strict";
// The table of models: live figures of each version, and for who may, moves of its label.

const figures = new Map(); // by "model/version": the last live figures
let admin = false; // labels may be moved from here
let inputsShown = false; // the values that models get may be seen

const formatBytes = (n) => n >= 2 ** 30 ? `${(n / 2 ** 30).toFixed(1)} GiB` : n >= 2 ** 20 ? `${(n / 2 ** 20).toFixed(1)} MiB` : `${Math.ceil(n / 1024)} KiB`;

// keepFigures takes over what /ui/stats says of the versions.
function keepFigures(list) {
  const at = performance.now() / 1000;
  const seen = new Set();
  for (const f of list) {
    const key = `${f.model}/${f.version}`;
    const before = figures.get(key);
    f.at = at;
    f.cores = before && at > before.at ? Math.max(0, f.cpu_s - before.cpu_s) / (at - before.at) : 0;
    figures.set(key, f);
    seen.add(key);
  }
  for (const key of figures.keys()) if (!seen.has(key)) figures.delete(key);
  for (const tr of $("models").children) showFigures(tr);
}

function showFigures(tr) {
  const f = figures.get(tr.dataset.key);
  const set = (name, text) => { tr.querySelector("." + name).textContent = text; };
  set("rate", f?.rate ? formatRate(f.rate.at(-1) ?? 0) : f ? "0" : "");
  set("p99", f?.minute_p99_us ? formatTime(f.minute_p99_us) : "");
  set("failed", f?.errors ? String(f.errors) : f ? "0" : "");
  set("cpu", f ? `${(100 * f.cores).toFixed(0)} %` : "");
  set("memory", f ? formatBytes(f.memory.weights + f.memory.arenas + f.memory.buffers) : "");
  spark(tr.querySelector("canvas"), f?.rate ?? []);
}

// spark draws the rate of the last minute without axes.
function spark(canvas, values) {
  const g = canvas.getContext("2d"), w = canvas.width, h = canvas.height;
  g.clearRect(0, 0, w, h);
  if (values.length < 2) return;
  const max = Math.max(1, ...values);
  g.strokeStyle = getComputedStyle(canvas).getPropertyValue("--cool").trim();
  g.lineWidth = 2;
  g.beginPath();
  values.forEach((v, i) => {
    const x = w - (values.length - 1 - i) * w / 59, y = h - 2 - v / max * (h - 4);
    if (i) g.lineTo(x, y); else g.moveTo(x, y);
  });
  g.stroke();
}

function modelRow(m, v) {
  const tr = make("tr");
  tr.dataset.key = `${m.name}/${v.version}`;
  tr.append(make("td", "", m.name), make("td", "", v.version));
  const state = tr.appendChild(make("td"));
  state.append(make("span", "dot " + v.state, v.version === m.serving ? "serving" : v.state.toLowerCase().replace("end", "broken")));
  if (v.error) state.append(make("span", "why", v.error));
  for (const name of ["rate", "p99", "failed", "cpu", "memory"]) tr.append(make("td", "number " + name));
  const chart = make("canvas", "spark");
  chart.width = 120;
  chart.height = 28;
  tr.appendChild(make("td")).append(chart);
  const labels = Object.keys(m.labels).filter((l) => m.labels[l] === v.version);
  const cell = tr.appendChild(make("td", "labels", labels.join(" ") || "–"));
  if (admin && m.labels.stable !== v.version && v.state !== "END") {
    const b = cell.appendChild(make("button", "move", "make stable"));
    b.type = "button";
    b.addEventListener("click", () => moveLabel(b, m.name, v.version));
  }
  tr.append(make("td", "mono", v.version === m.serving ? m.sha256.slice(0, 12) : ""));
  showFigures(tr);
  return tr;
}

async function moveLabel(button, name, version) {
  button.disabled = true;
  try {
    const answer = await fetch(`/admin/models/${encodeURIComponent(name)}/labels/stable`, {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ version }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error ?? answer.status);
    $("moved").textContent = `${name}: version ${version} is stable`;
  } catch (e) {
    $("moved").textContent = `${name}: ${e.message}`;
    button.disabled = false;
  }
}

// askAdmin finds out once what this caller may see and do.
async function askAdmin() {
  const answer = await fetch("/ui/manage").catch(() => null);
  const may = answer?.ok ? await answer.json() : {};
  admin = Boolean(may.labels);
  inputsShown = Boolean(may.inputs);
  if (admin) showModels();
}

// ---- what the chosen model gets and says ----

async function pollInputs() {
  if (!model || !inputsShown) return;
  const answer = await fetch("/ui/inputs/" + encodeURIComponent(model.name)).catch(() => null);
  $("seen").hidden = !answer?.ok;
  if (!answer?.ok) return;
  const body = await answer.json();
  const digits = (v) => v === undefined ? "–" : String(+v.toPrecision(4));
  $("columns").replaceChildren(...[...(body.inputs ?? []), ...(body.outputs ?? [])].slice(0, 100).map((c) => {
    const tr = make("tr");
    tr.append(make("td", "", c.name), make("td", "number", digits(c.mean)), make("td", "number", digits(c.std)),
      make("td", "number", c.min === undefined ? "–" : `${digits(c.min)} … ${digits(c.max)}`),
      make("td", "number", c.rows ? `${(100 * c.missing).toFixed(1)} %` : "–"));
    const drift = tr.appendChild(make("td", "number", c.drift === undefined ? "–" : c.drift.toFixed(3)));
    if (c.drift > 0.25) drift.className = "number far";
    tr.append(make("td", "", (c.shares ?? []).map((s, i) => [c.categories[i] ?? "other", s]).filter(([, s]) => s > 0)
      .sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name, s]) => `${name} ${(100 * s).toFixed(0)} %`).join(", ")));
    return tr;
  }));
}
