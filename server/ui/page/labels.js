"use strict";
// Moves of labels, for who may: each is asked back before it is done.

let mayMove = false;

function labelCell(m, v) {
  const cell = make("td", "labels");
  const names = Object.keys(m.labels).filter((l) => m.labels[l] === v.version);
  for (const name of names) {
    const chip = cell.appendChild(make("span", "chip", name));
    if (mayMove) {
      const back = chip.appendChild(make("button", "back", "↶"));
      back.type = "button";
      back.title = `Roll ${name} back`;
      back.setAttribute("aria-label", back.title);
      back.addEventListener("click", () => ask(`Roll the label ${name} of ${m.name} back from version ${v.version} to where it was before?`, "Roll back", null, () =>
        send("POST", `/admin/models/${encodeURIComponent(m.name)}/labels/${encodeURIComponent(name)}/rollback`)));
    }
  }
  if (!names.length && !mayMove) cell.textContent = "–";
  if (mayMove && v.state !== "END") {
    const b = cell.appendChild(make("button", "move", "move a label here"));
    b.type = "button";
    const start = m.labels.stable === v.version ? "" : "stable";
    b.addEventListener("click", () => ask(`Move a label of ${m.name} to version ${v.version}?`, "Move", { names: Object.keys(m.labels), start }, (label) =>
      send("PUT", `/admin/models/${encodeURIComponent(m.name)}/labels/${encodeURIComponent(label)}`, JSON.stringify({ version: v.version }))));
  }
  return cell;
}

// ask opens the dialog; act is done when it is confirmed, and gets the label that was chosen.
function ask(text, verb, label, act) {
  $("ask-text").textContent = text;
  $("ask-ok").textContent = verb;
  $("ask-label-row").hidden = !label;
  $("ask-label").required = Boolean(label);
  $("ask-label").value = label?.start ?? "";
  $("label-names").replaceChildren(...[...new Set(["stable", "canary", ...(label?.names ?? [])])].map((n) => {
    const o = make("option");
    o.value = n;
    return o;
  }));
  ask.act = act;
  $("ask").showModal();
}

$("ask-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const label = $("ask-label").value.trim(), act = ask.act;
  $("ask").close();
  try {
    const done = await act(label);
    $("moved").textContent = `${done.name}: ${done.label} is version ${done.version}`;
  } catch (err) {
    $("moved").textContent = err.message;
  }
  pollModels();
});

$("ask-cancel").addEventListener("click", () => $("ask").close());
