"use strict";
// The drawing pad. Strokes are kept as points, so that they can be normalised like the training data before they become
// pixels: the digit fills the height of the picture, keeps its proportions, is centred, and has the data's pen width.

class Pad {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    canvas.addEventListener("pointerdown", (e) => {
      e.preventDefault();
      canvas.setPointerCapture(e.pointerId);
      this.strokes.push([]);
      this.add(e);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (canvas.hasPointerCapture(e.pointerId)) for (const p of e.getCoalescedEvents?.() ?? [e]) this.add(p);
    });
    canvas.addEventListener("pointerup", () => this.changed());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  add(e) {
    const box = this.canvas.getBoundingClientRect();
    this.strokes[this.strokes.length - 1].push([(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height]);
    this.paint();
    this.changed();
  }

  clear() {
    this.strokes = [];
    this.paint();
    this.changed();
  }

  get empty() { return this.strokes.length === 0; }

  paint() {
    const { width, height } = this.canvas;
    const g = this.canvas.getContext("2d");
    g.clearRect(0, 0, width, height);
    g.strokeStyle = getComputedStyle(this.canvas).color;
    stroke(g, this.strokes, width * 0.075, ([x, y]) => [x * width, y * height]);
  }

  // pixels is the picture as rows*cols values from 0 to max. Small pictures are filled like the UCI digits, larger ones have the
  // margin and the pen of MNIST.
  pixels(rows, cols, max) {
    if (this.empty) return new Array(rows * cols).fill(0);
    const fine = Math.max(2, Math.min(16, Math.floor(1024 / Math.max(rows, cols)))); // samples per pixel and axis
    const small = rows <= 12;
    const pen = (small ? 0.2 : 0.09) * rows; // in pixels: that of the UCI digits is about 1.6 of 8
    const margin = small ? 0 : 2 / 7 * Math.min(rows, cols);
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [x, y] of this.strokes.flat()) {
      x0 = Math.min(x0, x); x1 = Math.max(x1, x);
      y0 = Math.min(y0, y); y1 = Math.max(y1, y);
    }
    const size = Math.max(y1 - y0, x1 - x0, 0.05);
    const scale = Math.min((rows - margin - pen) / Math.max(y1 - y0, size / 4), (cols - margin - pen) / Math.max(x1 - x0, size / 4));
    const to = ([x, y]) => [((x - (x0 + x1) / 2) * scale + cols / 2) * fine, ((y - (y0 + y1) / 2) * scale + rows / 2) * fine];
    const canvas = document.createElement("canvas");
    canvas.width = cols * fine;
    canvas.height = rows * fine;
    const g = canvas.getContext("2d", { willReadFrequently: true });
    stroke(g, this.strokes, pen * fine, to);
    const alpha = g.getImageData(0, 0, canvas.width, canvas.height).data;
    const out = [];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        let sum = 0;
        for (let y = r * fine; y < (r + 1) * fine; y++) {
          for (let x = c * fine; x < (c + 1) * fine; x++) sum += alpha[(y * canvas.width + x) * 4 + 3];
        }
        out.push(Math.round(sum / (fine * fine * 255) * max));
      }
    }
    return out;
  }
}

function stroke(g, strokes, width, to) {
  g.lineWidth = width;
  g.lineCap = g.lineJoin = "round";
  for (const points of strokes) {
    g.beginPath();
    points.map(to).forEach(([x, y], i) => { if (i) g.lineTo(x, y); else g.moveTo(x, y); });
    if (points.length === 1) g.lineTo(...to(points[0]));
    g.stroke();
  }
}

function showPixels(canvas, pixels, rows, cols, max) {
  canvas.width = cols;
  canvas.height = rows;
  const g = canvas.getContext("2d");
  g.fillStyle = getComputedStyle(canvas).color;
  pixels.forEach((v, i) => {
    g.globalAlpha = v / max;
    g.fillRect(i % cols, Math.floor(i / cols), 1, 1);
  });
}

// uploaded is the picture of a file as rows*cols values from 0 to max, in the proportions of the file, ink on paper: a
// picture that is mostly bright is inverted.
async function uploaded(file, rows, cols, max) {
  const image = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  canvas.width = cols;
  canvas.height = rows;
  const g = canvas.getContext("2d", { willReadFrequently: true });
  g.imageSmoothingQuality = "high";
  const scale = Math.min(cols / image.width, rows / image.height);
  const w = image.width * scale, h = image.height * scale, x = (cols - w) / 2, y = (rows - h) / 2;
  g.drawImage(image, x, y, w, h);
  const data = g.getImageData(0, 0, cols, rows).data;
  const grey = [];
  for (let i = 0; i < rows * cols; i++) grey.push(data[4 * i + 3] ? (0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]) / 255 : -1);
  const there = grey.filter((v) => v >= 0);
  const bright = there.reduce((a, b) => a + b, 0) > there.length / 2;
  return grey.map((v) => v < 0 ? 0 : Math.round((bright ? 1 - v : v) * max));
}
