"use strict";
// Pages are whole without this: here tables sort and filter, figures change their axes, commands copy.

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
for (const controls of all(".controls, .copy")) controls.hidden = false;

function table(name) {
  return document.querySelector(`[data-table="${name}"]`);
}

function refresh(name) {
  const words = (document.querySelector(`[data-filter="${name}"]`)?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const tier = document.querySelector(`select[data-tier="${name}"]`)?.value ?? "";
  const gone = document.body.classList.contains("with-gone") || name === "all";
  let shown = 0, hidden = 0;
  for (const row of table(name).tBodies[0].rows) {
    const fits = words.every((word) => row.dataset.text.includes(word)) && (!tier || row.dataset.tier === tier);
    row.hidden = !fits;
    if (fits && (gone || !/withdrawn|superseded/.test(row.className))) shown += 1; else hidden += 1;
  }
  const count = document.querySelector(`[data-count="${name}"]`);
  if (count) count.textContent = hidden ? `${shown} of ${shown + hidden} entries` : `${shown} entries`;
}

for (const field of all("[data-filter]")) {
  field.addEventListener("input", () => refresh(field.dataset.filter));
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) field.value = asked;
}
for (const select of all("select[data-tier]")) select.addEventListener("change", () => refresh(select.dataset.tier));
for (const box of all("[data-toggle]")) {
  const apply = () => {
    document.body.classList.toggle(box.dataset.toggle, box.checked);
    for (const field of all("[data-filter]")) refresh(field.dataset.filter);
  };
  box.addEventListener("change", apply);
  if (box.checked) apply(); // the browser remembers boxes
}
for (const field of all("[data-filter]")) refresh(field.dataset.filter);

// a first click brings the best to the top, a second turns the order; what has no number stays below
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
for (const button of all("[data-sort]")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0], column = head.cellIndex;
    const first = button.dataset.sort === "up" ? "descending" : "ascending";
    const order = head.ariaSort === first ? (first === "ascending" ? "descending" : "ascending") : first;
    for (const other of head.parentElement.cells) other.ariaSort = "none";
    head.ariaSort = order;
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => (button.dataset.sort === "text" ? row.dataset.text : row.cells[column].dataset.v);
    const compare = (a, b) => (button.dataset.sort === "text" ? collator.compare(a, b) : Number(a) - Number(b));
    const rows = [...body.rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => (a === undefined) - (b === undefined) || (a === undefined ? 0 : sign * compare(a, b)));
    body.append(...rows.map(([, row]) => row));
  });
}

for (const select of all("[data-figure]")) {
  const plots = all(".plot", select.closest("section"));
  const apply = () => plots.forEach((plot, number) => { plot.hidden = number !== Number(select.value); });
  select.addEventListener("change", apply);
  apply();
}

for (const button of all(".copy")) {
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// "/" finds the search field, as on many sites
addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-filter]");
  if (event.key !== "/" || !field || event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  field.focus();
});
