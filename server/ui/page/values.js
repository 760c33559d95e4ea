"use strict";
// What a sample of the requests to the picked version looked like, and what it said, for who may see it.

let maySee = false;

// askRights finds out once what this caller may see and do.
async function askRights() {
  const may = await getJSON("/ui/manage") ?? {};
  mayMove = Boolean(may.labels);
  maySee = Boolean(may.inputs);
  if (mayMove) showVersions();
}

async function pollValues() {
  const [, name, version] = picked.match(/^(.*)\/(\d+)$/) ?? [];
  if (!name || !maySee) return;
  const body = await getJSON(`/ui/inputs/${encodeURIComponent(name)}?version=${version}`);
  if (picked !== `${name}/${version}`) return; // another was picked meanwhile
  $("seen").hidden = !body;
  if (!body) return;
  $("seen-name").textContent = picked;
  const rows = (list, kind) => (list ?? []).slice(0, 100).map((c) => valueRow(c, kind));
  $("columns").replaceChildren(...rows(body.inputs, "input"), ...rows(body.outputs, "prediction"));
}

function valueRow(c, kind) {
  const digits = (v) => v === undefined ? "–" : String(+v.toPrecision(4));
  const tr = make("tr", kind);
  tr.append(make("td", "", c.name), make("td", "", kind), make("td", "number", digits(c.mean)), make("td", "number", digits(c.std)),
    make("td", "number", c.min === undefined ? "–" : `${digits(c.min)} … ${digits(c.max)}`),
    make("td", "number", c.rows ? `${(100 * c.missing).toFixed(1)} %` : "–"));
  const far = c.drift > 0.25 ? " far" : c.drift > 0.1 ? " some" : "";
  tr.append(make("td", "number drift" + far, c.drift === undefined ? "–" : c.drift.toFixed(3)));
  tr.append(make("td", "", (c.shares ?? []).map((s, i) => [c.categories[i] ?? "other", s]).filter(([, s]) => s > 0)
    .sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name, s]) => `${name} ${(100 * s).toFixed(0)} %`).join(", ")));
  return tr;
}
