"use strict";
// The form of any other model: a tensor each as nested lists in JSON.

const tensorForm = {
  section: "tensors",
  fits: (m) => m.inputs.every((i) => datatypes[i.dtype]),
  show(m) {
    $("tensor-fields").replaceChildren(...m.inputs.map((i) => {
      const label = make("label"), text = make("textarea");
      text.rows = 3;
      text.spellcheck = false;
      text.placeholder = `nested lists in JSON; empty: zeros of [${smallest(i).join(", ")}]`;
      label.append(make("span", "", `${i.name}  ${i.dtype}  [${i.shape.map((d) => d < 0 ? "?" : d).join(", ")}]`), text);
      return label;
    }));
  },
};

const smallest = (i) => i.shape.map((d) => d < 0 ? 1 : d);
const product = (shape) => shape.reduce((a, b) => a * b, 1);

// readTensor reads nested lists. A flat list takes the shape of the input where that has one unknown axis at most.
function readTensor(i, text) {
  let value = text.trim() === "" ? null : JSON.parse(text), shape = [];
  if (value === null) {
    shape = smallest(i);
    value = new Array(product(shape)).fill(i.dtype === "string" ? "" : 0);
  } else {
    for (let v = value; Array.isArray(v); v = v[0]) shape.push(v.length);
    value = [value].flat(Infinity);
    if (product(shape) !== value.length) throw new Error("the lists are not all of one length");
    if (shape.length === 1 && i.shape.length > 1) {
      const known = product(i.shape.filter((d) => d >= 0)), open = i.shape.filter((d) => d < 0).length;
      if (open > 1) shape = i.shape.map((d, k) => d >= 0 ? d : k === i.shape.lastIndexOf(-1) ? value.length / known : 1);
      else shape = i.shape.map((d) => d >= 0 ? d : value.length / known);
      if (product(shape) !== value.length || !shape.every(Number.isInteger)) throw new Error(`${value.length} values do not fit [${i.shape}]`);
    }
  }
  if (i.dtype === "string") return { name: i.name, dtype: i.dtype, shape, data: value.map(String) };
  const make64 = i.dtype.endsWith("int64");
  for (const v of value) if (typeof v !== "number" && typeof v !== "boolean") throw new Error(`${JSON.stringify(v)} is no number`);
  return { name: i.name, dtype: i.dtype, shape, data: datatypes[i.dtype][1].from(make64 ? value.map((v) => BigInt(Math.trunc(Number(v)))) : value.map(Number)) };
}

$("tensors").addEventListener("submit", (e) => {
  e.preventDefault();
  const texts = $("tensor-fields").querySelectorAll("textarea"), list = [];
  for (const [k, i] of model.inputs.entries()) {
    try {
      list.push(readTensor(i, texts[k].value));
    } catch (err) {
      showAnswer(null, 0, `${i.name}: ${err.message}`);
      texts[k].focus();
      return;
    }
  }
  inferTensors(list, false);
});
