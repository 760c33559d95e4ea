"use strict";
// A line chart of the last minute on a canvas: series of equal length, one value per second, newest last.

function niceCeil(v) {
  if (!(v > 0)) return 1;
  const p = 10 ** Math.floor(Math.log10(v));
  for (const m of [1, 2, 5, 10]) if (v <= m * p) return m * p;
  return 10 * p;
}

function drawChart(canvas, series, format) {
  const ratio = window.devicePixelRatio || 1;
  const w = canvas.clientWidth, h = canvas.clientHeight;
  if (!w || !h) return;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const css = getComputedStyle(canvas);
  const color = (name) => css.getPropertyValue(name).trim();
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  const left = 46, right = 4, top = 6, bottom = 18, seconds = 60;
  const max = niceCeil(Math.max(0, ...series.flatMap((s) => s.values)));
  const x = (i, n) => w - right - (n - 1 - i) * (w - left - right) / (seconds - 1);
  const y = (v) => h - bottom - v / max * (h - top - bottom);
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = color("--soft");
  g.strokeStyle = color("--line");
  g.lineWidth = 1;
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const part of [0, 0.5, 1]) {
    const at = Math.round(y(max * part)) + 0.5;
    g.beginPath();
    g.moveTo(left, at);
    g.lineTo(w - right, at);
    g.stroke();
    g.fillText(format(max * part), left - 7, at);
  }
  g.textBaseline = "bottom";
  g.fillText("now", w - right, h);
  g.textAlign = "left";
  g.fillText("60 s ago", left, h);
  for (const s of series) {
    const n = s.values.length;
    if (n < 1) continue;
    g.beginPath();
    s.values.forEach((v, i) => { if (i) g.lineTo(x(i, n), y(v)); else g.moveTo(x(i, n), y(v)); });
    g.strokeStyle = color(s.color);
    g.lineWidth = 1.8;
    g.lineJoin = "round";
    g.stroke();
    if (s.fill) {
      g.lineTo(x(n - 1, n), y(0));
      g.lineTo(x(0, n), y(0));
      g.globalAlpha = 0.12;
      g.fillStyle = color(s.color);
      g.fill();
      g.globalAlpha = 1;
    }
  }
}

// drawSpark draws values of the last minute without axes.
function drawSpark(canvas, values) {
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
