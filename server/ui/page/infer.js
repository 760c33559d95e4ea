"use strict";
// Runs of the chosen model: rows by /predict, tensors by the Open Inference Protocol with its binary extension.

let sequence = 0; // of runs, so that late answers do not replace newer ones

// datatypes are the protocol's names of element types, and the arrays that hold them.
const datatypes = {
  float32: ["FP32", Float32Array], float64: ["FP64", Float64Array], int64: ["INT64", BigInt64Array], int32: ["INT32", Int32Array],
  int16: ["INT16", Int16Array], int8: ["INT8", Int8Array], uint8: ["UINT8", Uint8Array], uint16: ["UINT16", Uint16Array],
  uint32: ["UINT32", Uint32Array], uint64: ["UINT64", BigUint64Array], bool: ["BOOL", Uint8Array], string: ["BYTES", null],
};

async function predict(rows) {
  const mine = ++sequence, started = performance.now();
  try {
    const body = await send("POST", "/predict?model=" + encodeURIComponent(model.name), JSON.stringify({ input_data: rows }));
    if (mine === sequence) showAnswer(body.prediction[0], performance.now() - started);
  } catch (e) {
    if (mine === sequence) showAnswer(null, 0, e.message);
  }
}

// inferTensors runs the model on tensors {name, dtype, shape, data}, data being a typed array or a list of texts.
async function inferTensors(tensors, picture) {
  const mine = ++sequence, m = model, started = performance.now();
  const binary = [];
  const inputs = tensors.map((t) => {
    const input = { name: t.name, datatype: datatypes[t.dtype][0], shape: t.shape };
    if (t.dtype === "string") return { ...input, data: t.data };
    binary.push(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength));
    return { ...input, parameters: { binary_data_size: t.data.byteLength } };
  });
  const head = new TextEncoder().encode(JSON.stringify({ inputs }));
  try {
    const answer = await send("POST", `/v2/models/${encodeURIComponent(m.name)}/infer`, new Blob([head, ...binary]),
      { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head.length) });
    if (mine === sequence) showOutputs(answer.outputs, m, performance.now() - started, picture);
  } catch (e) {
    if (mine === sequence) showAnswer(null, 0, e.message);
  }
}
