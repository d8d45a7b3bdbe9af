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

// -- two entries side by side: numbers from the table above, tests and pictures from the data beside
for (const section of all(".versus")) {
  const { entries, results } = JSON.parse(section.querySelector("script").textContent);
  const [a, b] = ["a", "b"].map((side) => section.querySelector(`[data-side="${side}"]`));
  const [object, view] = ["case", "view"].map((name) => section.querySelector(`select[data-${name}]`));
  const stage = section.querySelector(".stage"), range = stage.querySelector("input"), absent = section.querySelector(".absent");
  const row = (side) => table("board").querySelector(`tr[data-line="${side.value}"]`);
  const sure = ["not told apart (p ≥ .05)", "p < .05", "p < .01", "p < .001"];

  const test = (result, one, other) => {
    const [i, k] = [one, other].map((side) => result.ids.indexOf(Number(side.value))).sort((x, y) => x - y), n = result.ids.length;
    return i < 0 || i === k ? "-" : result.pairs[i * n - (i * (i + 1)) / 2 + (k - i - 1)];
  };
  const numbers = () => {
    const lines = results.map((result, number) => {
      const cells = [a, b].map((side) => row(side).cells[number + 1]), line = document.createElement("tr");
      const values = cells.map((cell) => (cell.dataset.v === undefined ? null : Number(cell.dataset.v)));
      const head = document.createElement("th"), name = document.createElement("code");
      name.append(...result.name.split(/(?<=_)|(?=[[@])/).flatMap((part) => [part, document.createElement("wbr")]));
      head.scope = "row";
      head.append(name);
      line.append(head);
      const letter = test(result, a, b), better = (values[0] > values[1]) === (result.direction === "up") ? 0 : 1;
      cells.forEach((cell, side) => {
        const td = document.createElement("td"), shown = document.createElement(letter > 0 && better === side ? "strong" : "span");
        shown.textContent = values[side] === null ? cell.textContent.trim() : cell.firstElementChild?.tagName === "STRONG" ? cell.firstElementChild.textContent : cell.firstChild.textContent.trim();
        td.className = "number";
        td.append(shown);
        line.append(td);
      });
      const said = document.createElement("td");
      said.textContent = letter === "-" ? "not tested" : letter > 0 ? `${entries[[a, b][better].value].label} is better (${sure[letter]})` : sure[0];
      line.append(said);
      return line;
    });
    section.querySelector("tbody").replaceChildren(...lines);
    for (const [side, select] of [["a", a], ["b", b]]) {
      const { label, note } = entries[select.value], sub = document.createElement("span");
      sub.className = "sub";
      sub.textContent = note;
      section.querySelector(`[data-name="${side}"]`).replaceChildren(label, sub);
    }
  };
  const options = (select, names) => {
    const kept = select.selectedOptions[0]?.textContent;
    select.replaceChildren(...names.map((name) => new Option(name, name, false, name === kept)));
  };
  const draw = () => {
    for (const [side, tile, caption] of [[a, ".over", ".left"], [b, ".under", ".right"]]) {
      const { sheet, cases, views, label } = entries[side.value], element = stage.querySelector(tile);
      const [x, y] = [view.selectedIndex / Math.max(views - 1, 1), cases.indexOf(object.value) / Math.max(cases.length - 1, 1)];
      element.style.background = `#fff url("${sheet}") ${100 * x}% ${100 * y}% / ${100 * views}% ${100 * cases.length}% no-repeat`;
      element.role = "img";
      element.ariaLabel = `${object.value} by ${label}, ${view.value}`;
      section.querySelector(caption).textContent = label;
    }
    stage.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % ${entries[a.value].label}, then ${entries[b.value].label}`);
  };
  const pictures = () => {
    const [one, other] = [a, b].map((side) => entries[side.value]);
    const both = one.sheet && other.sheet ? one.cases.filter((name) => other.cases.includes(name)) : [];
    for (const element of all("[data-pictures]", section)) element.hidden = both.length === 0;
    absent.hidden = both.length > 0;
    const without = [one, other].filter((entry) => !entry.sheet).map((entry) => entry.label);
    absent.textContent = without.length ? `No pictures here of ${without.join(" and ")}.` : "Their pictures show different objects.";
    options(object, both);
    options(view, [...Array(Math.min(one.views, other.views)).keys()].map((number) => `view ${number + 1}`));
    if (both.length) draw();
  };
  const choose = () => { numbers(); pictures(); };
  for (const side of [a, b]) side.addEventListener("change", choose);
  for (const select of [object, view]) select.addEventListener("change", draw);
  range.addEventListener("input", draw);
  new IntersectionObserver((seen, watcher) => { // pictures are read when the reader comes near
    if (seen.some((one) => one.isIntersecting)) { choose(); watcher.disconnect(); }
  }, { rootMargin: "600px" }).observe(section);
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
