"use strict";
// The chosen model, and what is asked of the server each second.

let models = [];
let model = null; // the chosen one
let chosen = ""; // its name, kept over polls

// forms are tried in order; the first that fits a model is its.
const forms = [pictureForm, tableForm, tensorForm];

async function pollModels() {
  const answer = await fetch("/ui/models").catch(() => null);
  if (!answer?.ok) return; // the badge shows it
  const text = await answer.text();
  if (text !== pollModels.last) {
    pollModels.last = text;
    models = JSON.parse(text).models;
    showModels();
  }
}

function showModels() {
  showVersions();
  const ready = models.filter((m) => m.serving);
  $("model").replaceChildren(...ready.map((m) => {
    const o = make("option", "", m.name);
    o.value = m.name;
    return o;
  }));
  choose(ready.find((m) => m.name === chosen) ?? ready.find((m) => m.default) ?? ready[0] ?? null);
}

function choose(m) {
  const form = (x) => JSON.stringify([x.name, x.inputs, x.outputs]);
  const same = m && model && form(m) === form(model);
  model = m;
  if (m) $("model").value = m.name;
  if (same) return;
  const fit = m && forms.find((f) => f.fits(m));
  $("none").hidden = Boolean(fit);
  $("none").textContent = m ? "This model takes inputs that have no form here." : "No model is loaded.";
  for (const f of forms) $(f.section).hidden = f !== fit;
  $("seen").hidden = true;
  sequence++;
  showAnswer(null);
  fit?.show(m);
}

$("model").addEventListener("change", () => {
  chosen = $("model").value;
  choose(models.find((m) => m.name === chosen));
  if (model) pickVersion(model.name, model.serving);
});

async function pollStats() {
  const badge = $("state");
  const s = await getJSON("/ui/stats");
  badge.textContent = s ? "live" : "no answer";
  badge.className = s ? "badge ok" : "badge down";
  if (!s) return;
  $("rate").textContent = formatRate(s.rate.at(-1) ?? 0);
  $("rate-note").textContent = `${s.requests} in the last minute` + (s.errors ? `, ${s.errors} failed` : "") + (s.queued ? `, ${s.queued} waiting` : "");
  $("p50").textContent = s.minute_p50_us ? formatTime(s.minute_p50_us) : "–";
  $("p99").textContent = s.minute_p99_us ? formatTime(s.minute_p99_us) : "–";
  keepFigures(s.models);
  drawChart($("rate-chart"), [{ values: s.rate, color: "--cool", fill: true }, { values: s.failed, color: "--bad" }], formatRate);
  drawChart($("latency-chart"), [{ values: s.p99_us, color: "--hot" }, { values: s.p50_us, color: "--cool" }], formatTime);
}

async function poll() {
  if (!document.hidden) await Promise.all([pollStats(), pollModels(), pollValues()]);
  setTimeout(poll, 1000);
}

askRights();
poll();
