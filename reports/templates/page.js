"use strict";
// Everything here is comfort: with scripts off the page still shows all tables, the figure and the thumbnails.

const data = (element) => JSON.parse(element.textContent);
document.querySelectorAll(".controls, .copy").forEach((element) => { element.hidden = false; });

// -- the results tables: hide what the reader does not ask for
document.querySelectorAll("[data-toggle]").forEach((box) => {
  const tables = box.closest("section").querySelectorAll(".results");
  box.addEventListener("change", () => tables.forEach((table) => table.classList.toggle(box.dataset.toggle, box.checked)));
});

// -- the trade-off figure
const dark = matchMedia("(prefers-color-scheme: dark)");

function overlap(a, b) {
  return Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
}

// The same greedy search as the static figure: the nearest spot around the point that covers no mark, bar, label or edge.
function placeLabels(points, frame) {
  const taken = points.flatMap(({ x, y, xs, ys }) => [
    [x - 7, y - 7, x + 7, y + 7], [Math.min(...xs), y - 3, Math.max(...xs), y + 3], [x - 3, Math.min(...ys), x + 3, Math.max(...ys)],
  ]);
  return points.map(({ x, y, label }) => {
    const width = 6.9 * label.length + 4, height = 16;
    let best = null;
    for (const distance of [9, 16, 26, 40, 58, 80]) {
      for (let turn = 0; turn < 12; turn++) {
        const dx = Math.cos(turn * Math.PI / 6), dy = -Math.sin(turn * Math.PI / 6);
        const cx = x + dx * (distance + width / 2 * Math.abs(dx)), cy = y + dy * (distance + height / 2 * Math.abs(dy));
        const box = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2];
        const cost = taken.reduce((sum, other) => sum + overlap(box, other), 0) + 4 * (width * height - overlap(box, frame)) + 0.05 * distance;
        if (best === null || cost < best.cost) best = { cost, box, cx, cy };
      }
    }
    taken.push(best.box);
    return best;
  });
}

function bars(values) {
  const up = values.map(([v, , high]) => (high === null ? 0 : high - v));
  const down = values.map(([v, low]) => (low === null ? 0 : v - low));
  return { type: "data", symmetric: false, array: up, arrayminus: down, thickness: 1, width: 0 };
}

function drawTradeoff(section) {
  const spec = data(section.querySelector(".points"));
  const plot = section.querySelector(".plot");
  const selects = [...section.querySelectorAll("[data-axis]")];
  selects.forEach((select, axis) => { select.value = String(spec.axes[axis]); });

  async function draw() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [x, y] = selects.map((select) => select.value);
    const shown = spec.points.filter(({ values }) => values[x] && values[y]);
    const title = (number) => spec.columns.find((column) => String(column.number) === number).title;
    // labels are strangers' text, and the plotting library acts on tags in text
    const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const narrow = plot.clientWidth < 560;
    const axis = (number) => ({
      title: { text: narrow ? plain(title(number)).replace(", ", "<br>") : plain(title(number)), standoff: 10 }, gridcolor: colour("--line"), zeroline: false, linecolor: colour("--line"), automargin: true,
      nticks: narrow ? 5 : 8,
    });
    const trace = {
      type: "scatter", mode: "markers", x: shown.map((p) => p.values[x][0]), y: shown.map((p) => p.values[y][0]),
      text: shown.map((p) => plain(p.label)), hovertemplate: "%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
      error_x: { ...bars(shown.map((p) => p.values[x])), color: colour("--faint") },
      error_y: { ...bars(shown.map((p) => p.values[y])), color: colour("--faint") },
      marker: {
        size: 9, color: shown.map((p) => (p.calibrates ? colour("--paper") : colour("--accent"))),
        line: { width: 1.5, color: colour("--accent") },
      },
    };
    const layout = {
      height: narrow ? 380 : 480, margin: { l: 56, r: 16, t: 12, b: 52 }, showlegend: false, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: style.getPropertyValue("--sans"), size: 12, color: colour("--ink") },
      xaxis: axis(x), yaxis: axis(y), annotations: [], modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--faint"), activecolor: colour("--ink") },
    };
    // the buttons are listed because the default bar has one that sends the figure to a server
    const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]], toImageButtonOptions: { format: "svg", filename: "tradeoff" } };
    await Plotly.react(plot, [trace], layout, config);
    const { xaxis, yaxis } = plot._fullLayout;
    const along = (scale, values) => values.map((end) => scale.l2p(end ?? values[0]));
    const at = shown.map((p) => {
      const xs = along(xaxis, p.values[x]), ys = along(yaxis, p.values[y]);
      return { label: p.label, x: xs[0], y: ys[0], xs, ys };
    });
    const places = placeLabels(at, [0, 0, xaxis._length, yaxis._length]);
    const annotations = shown.map((p, i) => ({
      x: p.values[x][0], y: p.values[y][0], text: plain(p.label), ax: places[i].cx - at[i].x, ay: places[i].cy - at[i].y,
      showarrow: true, arrowhead: 0, arrowwidth: 0.6, arrowcolor: colour("--faint"), standoff: 6, borderpad: 1,
      font: { color: p.calibrates ? colour("--soft") : colour("--ink") },
    }));
    await Plotly.relayout(plot, { annotations });
  }

  plot.replaceChildren();
  selects.forEach((select) => select.addEventListener("change", draw));
  dark.addEventListener("change", draw);
  let width = plot.clientWidth, timer;
  new ResizeObserver(() => {
    if (plot.clientWidth === width) return;
    width = plot.clientWidth;
    clearTimeout(timer);
    timer = setTimeout(draw, 150);
  }).observe(plot);
  draw();
}
document.querySelectorAll("section.tradeoff").forEach(drawTradeoff);

// -- paired comparisons
document.querySelectorAll("section.comparisons").forEach((section) => {
  const rows = [...section.querySelectorAll("tbody tr")];
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
let current = null; // { full, s, v, opener }

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

document.querySelectorAll("section.object").forEach((section) => {
  section.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-v]");
    if (!button) return;
    current = { section, full: data(section.querySelector(".full")), s: Number(button.dataset.s), v: Number(button.dataset.v), opener: button };
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
  const section = current.section;
  (section.querySelector(`button[data-s="${current.s}"][data-v="${current.v}"]`) ?? current.opener).focus();
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
    [...gallery.querySelectorAll(".object")].sort((a, b) => value(a) - value(b)).forEach((object) => gallery.append(object));
  });
  gallery.querySelectorAll(".choose [data-source]").forEach((check) => check.addEventListener("change", () => {
    gallery.querySelectorAll(`figure[data-source="${check.dataset.source}"]`).forEach((figure) => { figure.hidden = !check.checked; });
  }));
});

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
