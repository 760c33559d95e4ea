"use strict";
// The form of a model that sees a picture, drawn or uploaded: pixels as columns of one row (digits), or a tensor of rank 4.

let pad = null;
let drawing = 0; // timer
let lastPicture = null; // what was uploaded, to be sent anew when a choice changes

// norms are what pixels from 0 to 1 become: by channel, (v − mean)/std.
const norms = {
  "0 … 1": () => [0, 1],
  "0 … 255": () => [0, 1 / 255],
  "−1 … 1": () => [0.5, 0.5],
  "ImageNet": (c) => [[0.485, 0.456, 0.406][c % 3], [0.229, 0.224, 0.225][c % 3]],
};

// pictureOf is how a model sees a picture, null for one that sees none. Unknown sizes are 0.
function pictureOf(m) {
  const i = m.inputs.length === 1 ? m.inputs[0] : null;
  if (i && i.shape.length === 2 && i.image?.length === 2 && i.image[0] * i.image[1] === i.shape[1]) {
    return { rows: i.image[0], cols: i.image[1], max: i.max || 1, channels: 1, flat: true };
  }
  if (!i || i.shape.length !== 4 || i.shape[0] > 1 || !["float32", "float64", "uint8"].includes(i.dtype)) return null;
  const [, a, b, c] = i.shape, few = (n) => n === 1 || n === 3, size = (n) => Math.max(n, 0);
  if (few(a) && !(few(c) && a !== c && !few(b))) return { channels: a, rows: size(b), cols: size(c), first: true, input: i };
  if (few(c)) return { channels: c, rows: size(a), cols: size(b), first: false, input: i };
  return null;
}

const pictureForm = {
  section: "draw",
  fits: (m) => pictureOf(m) !== null,
  show(m) {
    const p = pictureOf(m);
    lastPicture = null;
    $("picture-choices").hidden = Boolean(p.flat);
    $("norm-row").hidden = p.input?.dtype === "uint8";
    $("norm").value = p.channels === 3 ? "ImageNet" : "0 … 1";
    $("size-row").hidden = p.rows > 0 && p.cols > 0;
    $("height").value = p.rows || 224;
    $("width").value = p.cols || 224;
    $("hint").textContent = p.flat ? "Draw a digit here" : "Draw here, or upload a picture";
    pad ??= new Pad($("pad"), drawn);
    pad.clear();
  },
};

// sized is the picture of the chosen model with the sizes that the form has.
function sized() {
  const p = model && pictureOf(model);
  if (!p || p.flat) return p;
  const pick = (id) => Math.min(4096, Math.max(1, Math.round(Number($(id).value)) || 1));
  return { ...p, rows: p.rows || pick("height"), cols: p.cols || pick("width") };
}

function drawn() {
  $("hint").hidden = !pad.empty;
  clearTimeout(drawing);
  drawing = setTimeout(() => {
    const p = sized();
    if (!p) return; // another model was chosen meanwhile
    if (!pad.empty) lastPicture = null;
    if (pad.empty && lastPicture) return;
    const max = p.flat ? p.max : 255;
    const pixels = pad.pixels(p.rows, p.cols, max);
    if (p.flat) showPixels($("preview"), pixels, p.rows, p.cols, max);
    if (pad.empty) {
      sequence++;
      if (!p.flat) clearPreview();
      showAnswer(null);
    } else if (p.flat) {
      predict([pixels]);
    } else {
      const ink = new ImageData(p.cols, p.rows); // white on black, as such data mostly is
      pixels.forEach((v, k) => ink.data.set([v, v, v, 255], 4 * k));
      sendPicture(ink, p);
    }
  }, 40);
}

function clearPreview() {
  const c = $("preview");
  c.getContext("2d").clearRect(0, 0, c.width, c.height);
}

// cover is the middle of an image, in the proportions that the model wants, as pixels.
function cover(image, p) {
  const canvas = document.createElement("canvas");
  canvas.width = p.cols;
  canvas.height = p.rows;
  const g = canvas.getContext("2d", { willReadFrequently: true });
  g.imageSmoothingQuality = "high";
  const scale = Math.max(p.cols / image.width, p.rows / image.height), w = image.width * scale, h = image.height * scale;
  g.fillRect(0, 0, p.cols, p.rows);
  g.drawImage(image, (p.cols - w) / 2, (p.rows - h) / 2, w, h);
  return g.getImageData(0, 0, p.cols, p.rows);
}

// pixelTensor lays pixels out as the input wants them.
function pixelTensor(image, p, norm) {
  const n = p.rows * p.cols, bytes = p.input.dtype === "uint8";
  const data = new (datatypes[p.input.dtype][1])(n * p.channels);
  for (let k = 0; k < n; k++) {
    const rgb = image.data.subarray(4 * k, 4 * k + 3);
    const grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    for (let c = 0; c < p.channels; c++) {
      const v = p.channels === 1 ? grey : rgb[c], [mean, std] = norm(c);
      data[p.first ? c * n + k : k * p.channels + c] = bytes ? Math.round(v) : (v / 255 - mean) / std;
    }
  }
  const shape = p.first ? [1, p.channels, p.rows, p.cols] : [1, p.rows, p.cols, p.channels];
  return { name: p.input.name, dtype: p.input.dtype, shape, data };
}

function sendPicture(image, p) {
  const c = $("preview");
  c.width = p.cols;
  c.height = p.rows;
  c.getContext("2d").putImageData(image, 0, 0);
  $("hint").hidden = true;
  inferTensors([pixelTensor(image, p, norms[$("norm").value])], true);
}

$("norm").append(...Object.keys(norms).map((name) => make("option", "", name)));

$("upload").addEventListener("change", async () => {
  const file = $("upload").files[0], p = sized();
  $("upload").value = ""; // the same file may be chosen again
  if (!file || !p) return;
  pad.clear();
  clearTimeout(drawing);
  try {
    if (p.flat) {
      const pixels = await uploaded(file, p.rows, p.cols, p.max);
      showPixels($("preview"), pixels, p.rows, p.cols, p.max);
      $("hint").hidden = true;
      predict([pixels]);
    } else {
      lastPicture = await createImageBitmap(file);
      sendPicture(cover(lastPicture, p), p);
    }
  } catch {
    showAnswer(null, 0, "this file is no picture that the browser can read");
  }
});

for (const id of ["norm", "height", "width"]) {
  $(id).addEventListener("change", () => {
    const p = sized();
    if (lastPicture && p) sendPicture(cover(lastPicture, p), p);
    else drawn();
  });
}

$("clear").addEventListener("click", () => {
  lastPicture = null;
  pad.clear();
});
