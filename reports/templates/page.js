"use strict";
// Everything here is comfort: with scripts off the page still shows all tables, the figure and the thumbnails.

const parsed = new WeakMap();
function data(element) {
  if (!parsed.has(element)) parsed.set(element, JSON.parse(element.textContent));
  return parsed.get(element);
}
document.querySelectorAll(".controls, .copy, .sort").forEach((element) => { element.hidden = false; });

// -- the results tables: hide what the reader does not ask for
document.querySelectorAll("[data-toggle]").forEach((box) => {
  const tables = box.closest("section").querySelectorAll(".results");
  box.addEventListener("change", () => tables.forEach((table) => table.classList.toggle(box.dataset.toggle, box.checked)));
});

document.querySelectorAll("button.sort").forEach((button) => {
  const head = button.closest("th"), table = button.closest("table"), first = button.dataset.better === "up" ? "descending" : "ascending"; // the best first
  const place = table.classList.contains("turned") ? sortColumns(table, head) : sortRows(table, head);
  const turns = { none: first, [first]: first === "ascending" ? "descending" : "ascending" };
  button.addEventListener("click", () => {
    const turn = turns[head.ariaSort ?? "none"] ?? "none"; // a third click brings the table's own order back
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    if (turn !== "none") head.ariaSort = turn;
    const sign = turn === "descending" ? -1 : 1; // what has no number comes last
    place((a, b) => (turn === "none" ? 0 : (a === undefined) - (b === undefined) || sign * (a - b)));
  });
});

function sortRows(table, head) {
  const body = table.tBodies[0], rows = [...body.rows], value = (row) => row.cells[head.cellIndex].dataset.value;
  return (order) => body.append(...[...rows].sort((a, b) => order(value(a), value(b))));
}

function sortColumns(table, head) { // generators are columns: the first cell names the metric, what is wider moves nothing
  const rows = [...table.rows].map((row) => [...row.cells]).filter((cells) => cells.every((cell) => cell.colSpan === 1));
  const asked = rows.find((cells) => cells[0] === head), count = table.querySelectorAll("thead th[data-generator]").length;
  const places = [...Array(count).keys()].map((i) => i + 1);
  return (order) => {
    const sorted = [...places].sort((a, b) => order(asked[a].dataset.value, asked[b].dataset.value));
    rows.forEach((cells) => cells[0].after(...sorted.map((i) => cells[i])));
  };
}

// -- the trade-off figure: one picture for each pair of axes
document.querySelectorAll("[data-figure]").forEach((select) => {
  const plots = [...select.closest("section").querySelectorAll(".plot")];
  select.addEventListener("change", () => plots.forEach((plot, i) => { plot.hidden = i !== Number(select.value); }));
});

// -- paired comparisons
document.querySelectorAll("section.comparisons").forEach((section) => {
  const rows = [...section.querySelectorAll("tbody tr[data-metric]")];
  const [metric, generator, significant] = ["metric", "generator", "significant"].map((name) => section.querySelector(`[data-filter=${name}]`));
  const apply = () => {
    let shown = 0;
    rows.forEach((row) => {
      const { a, b } = row.dataset;
      row.hidden = (metric.value !== "" && row.dataset.metric !== metric.value)
        || (generator.value !== "" && a !== generator.value && b !== generator.value)
        || (significant.checked && row.dataset.significant !== "1");
      shown += row.hidden ? 0 : 1;
    });
    section.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
  };
  [metric, generator, significant].forEach((control) => control.addEventListener("change", apply));
});

// -- the gallery and its full-size view
const box = document.getElementById("lightbox");
let current = null; // { home, section, full, s, v, opener }

function show() {
  const { full, s, v } = current;
  const image = box.querySelector("img");
  image.src = full.full[s][v];
  image.alt = `${full.case} by ${full.sources[s]}, ${full.views[v]}`;
  const maps = current.section.querySelector(`figure[data-source="${s}"] .maps`);
  const map = box.querySelector(".map");
  map.hidden = maps === null || current.section.closest(".gallery").classList.contains("no-maps");
  if (!map.hidden) {
    map.style.cssText = maps.style.cssText + maps.children[v].style.cssText;
    map.ariaLabel = maps.children[v].ariaLabel;
  }
  box.querySelector(".who").textContent = full.sources[s];
  box.querySelector(".what").textContent = `${full.case}, ${full.views[v]}. ${full.prompt}`;
}

function step(generators, views) {
  const { full, section } = current;
  if (views) {
    const count = full.full[current.s].length;
    for (let i = 0, v = current.v; i < count; i++) {
      v = (v + views + count) % count;
      if (full.full[current.s][v]) { current.v = v; break; }
    }
  } else {
    const hidden = (s) => section.querySelector(`figure[data-source="${s}"]`).hidden;
    const count = full.sources.length;
    for (let i = 0, s = current.s; i < count; i++) {
      s = (s + generators + count) % count;
      if (!hidden(s) && full.full[s][current.v]) { current.s = s; break; }
    }
  }
  show();
}

document.querySelectorAll("section.object, section.task").forEach((home) => {
  // the page's first pictures are the gallery's, whose objects hold them in full size
  const section = home.dataset.object ? document.getElementById(home.dataset.object).closest("section.object") : home;
  home.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-v]");
    if (!button) return;
    current = { home, section, full: data(section.querySelector(".full")), s: Number(button.dataset.s), v: Number(button.dataset.v), opener: button };
    show();
    box.showModal();
  });
});
box.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!move) return;
  event.preventDefault();
  step(...move);
});
box.addEventListener("click", (event) => {
  if (event.target === box || event.target.tagName === "FIGURE" || event.target.className === "pair") box.close();
  else if (event.target.tagName === "IMG") step(0, 1);
});
box.addEventListener("close", () => {
  (current.home.querySelector(`button[data-s="${current.s}"][data-v="${current.v}"]`) ?? current.opener).focus();
  box.querySelector("img").removeAttribute("src");
  current = null;
});

document.querySelectorAll("section.gallery").forEach((gallery) => {
  gallery.querySelector("[data-maps]")?.addEventListener("change", (event) => gallery.classList.toggle("no-maps", !event.target.checked));
  gallery.querySelector("[data-sort]")?.addEventListener("change", (event) => {
    const by = event.target.value;
    const value = (object) => {
      const text = by === "mean" ? object.dataset.mean : object.querySelector(`figure[data-source="${by}"]`).dataset.rank;
      return text === undefined ? Infinity : Number(text); // what has no value comes last
    };
    const others = gallery.querySelector(".others"), opened = gallery.querySelectorAll(".gallery > .object").length;
    [...gallery.querySelectorAll(".object")].sort((a, b) => value(a) - value(b)).forEach((object, i) => {
      if (others === null || i >= opened) (others ?? gallery).append(object);
      else others.before(object);
    });
  });
  gallery.querySelectorAll(".choose [data-source]").forEach((check) => check.addEventListener("change", () => {
    gallery.querySelectorAll(`figure[data-source="${check.dataset.source}"]`).forEach((figure) => { figure.hidden = !check.checked; });
  }));
});

// -- one picture over another
document.querySelectorAll("section.slider").forEach((section) => {
  const fulls = [...document.getElementById(section.dataset.gallery).querySelectorAll("script.full")];
  const [a, b, object, view] = ["a", "b", "object", "view"].map((name) => section.querySelector(`select[data-${name}]`));
  const stage = section.querySelector(".stage"), range = stage.querySelector("input"), absent = section.querySelector(".absent");
  const place = () => {
    stage.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % ${a.selectedOptions[0].text}, then ${b.selectedOptions[0].text}`);
  };
  const draw = () => {
    const full = data(fulls[object.value]), lacking = [];
    [[a, ".over", ".left"], [b, ".under", ".right"]].forEach(([select, image, caption]) => {
      const source = full.full[select.value][view.value];
      if (source) stage.querySelector(image).src = source;
      else lacking.push(full.sources[select.value]);
      stage.querySelector(image).alt = `${full.case} by ${full.sources[select.value]}, ${full.views[view.value]}`;
      section.querySelector(caption).textContent = full.sources[select.value];
    });
    stage.hidden = lacking.length > 0;
    absent.hidden = lacking.length === 0;
    absent.textContent = `No such picture by ${lacking.join(" or ")}.`;
    place();
  };
  const [left, right] = section.dataset.pair ? section.dataset.pair.split(" ") : ["0", "1"];
  [a.value, b.value] = [left, right];
  [a, b, object, view].forEach((select) => select.addEventListener("change", draw));
  range.addEventListener("input", place);
  new IntersectionObserver((entries, watcher) => { // pictures are read when the reader comes near
    if (entries.some((entry) => entry.isIntersecting)) { draw(); watcher.disconnect(); }
  }, { rootMargin: "600px" }).observe(section);
  section.closest("article").querySelectorAll("[data-slide]").forEach((button) => button.addEventListener("click", () => {
    [a.value, b.value, object.value, view.value] = [button.dataset.a, button.dataset.b, button.dataset.slide, "0"];
    draw();
    section.scrollIntoView({ block: "start" });
    range.focus({ preventScroll: true });
  }));
});

// -- paper shows the evidence of every metric, whatever is folded on the screen
const folded = document.querySelectorAll("details.duel:not([open])");
addEventListener("beforeprint", () => folded.forEach((one) => { one.dataset.was = one.open ? "open" : ""; one.open = true; }));
addEventListener("afterprint", () => folded.forEach((one) => { one.open = one.dataset.was === "open"; }));

// -- provenance
document.querySelectorAll(".copy").forEach((button) => button.addEventListener("click", async () => {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code); // no clipboard without permission: select it for the reader
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}));
