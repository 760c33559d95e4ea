"use strict";
// What all parts of the page share.

const $ = (id) => document.getElementById(id);

function make(tag, className, text) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (text !== undefined) el.textContent = text;
  return el;
}

const formatRate = (v) => v >= 10000 ? `${+(v / 1000).toPrecision(3)}k` : v >= 10 ? v.toFixed(0) : String(+v.toFixed(1));
const formatBytes = (n) => n >= 2 ** 30 ? `${(n / 2 ** 30).toFixed(1)} GiB` : n >= 2 ** 20 ? `${(n / 2 ** 20).toFixed(1)} MiB` : `${Math.ceil(n / 1024)} KiB`;
const formatCores = (v) => `${(100 * v).toFixed(v < 0.1 ? 1 : 0)} %`;
const formatNumber = (v) => typeof v === "number" ? String(+v.toPrecision(6)) : String(v);

function formatTime(us) {
  if (us >= 1e6) return `${+(us / 1e6).toPrecision(3)} s`;
  if (us >= 1e3) return `${+(us / 1e3).toPrecision(3)} ms`;
  return `${+us.toPrecision(3)} µs`;
}

// getJSON answers null where the server does not.
async function getJSON(path) {
  const answer = await fetch(path).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

// send posts a body and returns the JSON of the answer, or throws what the server says is wrong.
async function send(method, path, body, headers) {
  const answer = await fetch(path, { method, headers: headers ?? { "Content-Type": "application/json" }, body });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error ?? answer.status);
  return value;
}
