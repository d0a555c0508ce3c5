"use strict";
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const plots = [...document.querySelectorAll(".plot")];
const buttons = ["zoom2d", "pan2d", "resetScale2d", "toImage"];
const plotConfig = {displaylogo: false, modeBarButtons: [buttons]};
// Figures whose points are rows of the data select them, too.
const rowConfig = {displaylogo: false, modeBarButtons: [[...buttons, "select2d", "lasso2d"]]};

async function loadLibrary() {
  const packed = atob(document.getElementById("library").textContent);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(unpacked).text();
  document.head.append(script);
}

// Entities in plotly's labels stand for letters; a textarea reads them and runs nothing.
function asText(label) {
  const reader = document.createElement("textarea");
  reader.innerHTML = label;
  return reader.value;
}

function themed() {
  return {"font.color": css("--ink"), "hoverlabel.bgcolor": css("--band"),
          "hoverlabel.bordercolor": css("--line"), "hoverlabel.font.color": css("--ink")};
}

// What a figure's layout is at the width it has now: beside or below one another, high or low.
function fitted(node) {
  const {meta, height} = node.wanted;
  const narrow = node.clientWidth < 600;
  const fits = meta.aspect ? Math.min(height, Math.round(node.clientWidth * meta.aspect) + 60) : height;
  return {height: fits, ...(narrow ? meta.narrow : meta.wide)};
}

function readFigure(node) {
  return JSON.parse(document.getElementById("data-" + node.dataset.figure).textContent);
}

// What is said of a row stands with one figure, and is shown in all that have the row.
function tellRows(figures) {
  const traces = figures.flatMap(figure => figure.data).filter(trace => rowsOf(trace));
  const told = new Map();
  for (const trace of traces.filter(trace => trace.text))
    trace.text.forEach((text, point) => told.set(rowsOf(trace)[point], text));
  if (!told.size) return;
  for (const trace of traces.filter(trace => !trace.text)) {
    trace.text = rowsOf(trace).map(row => told.get(row) || "");
    trace.hovertemplate = trace.hovertemplate.replace("<extra>", "<br>%{text}<extra>");
  }
}

function rowsOf(trace) {
  return trace.meta && trace.meta.rows;
}

// Select rows in every figure that has them; none: all rows are as they were.
async function selectRows(rows) {
  const bar = document.querySelector(".selected");
  bar.hidden = !rows;
  if (rows) bar.querySelector("span").textContent =
    rows.size + (rows.size === 1 ? " row selected" : " rows selected");
  for (const node of plots.filter(plot => plot.data)) {
    const indices = node.data.map((trace, index) => index).filter(index => rowsOf(node.data[index]));
    if (!indices.length) continue;
    const chosen = indices.map(index => rowsOf(node.data[index])
      .flatMap((row, point) => !rows || rows.has(row) ? [point] : []));
    // An outline that were left would select again.
    if (!rows && (node.layout.selections || []).length) await Plotly.relayout(node, {selections: []});
    await Plotly.restyle(node, {selectedpoints: chosen}, indices);
  }
  document.documentElement.dataset.selected = rows ? rows.size : 0;
}

function linkRows() {
  const bar = document.createElement("div");
  bar.className = "selected";
  bar.hidden = true;
  bar.setAttribute("role", "status");
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Show all rows";
  clear.addEventListener("click", () => selectRows(null));
  bar.append(document.createElement("span"), clear);
  document.body.append(bar);
}

function linkRowsOf(node) {
  node.on("plotly_selected", event => {
    // An outline that is taken away, or that holds no row, leaves all rows as they were.
    const points = event ? event.points.filter(point => rowsOf(point.data)) : [];
    selectRows(points.length
      ? new Set(points.map(point => rowsOf(point.data)[point.pointIndex])) : null);
  });
  node.on("plotly_deselect", () => selectRows(null));
}

// Draw a figure that is not drawn yet.
function draw(node) {
  if (node.data) return;
  drawPlot(node, node.figure);
  if (node.data.some(rowsOf)) linkRowsOf(node);
}

function drawPlot(node, figure) {
  const {data, layout} = figure;
  node.wanted = {height: layout.height, meta: layout.meta || {}};
  Object.assign(layout, {
    showlegend: false, autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    modebar: {orientation: "h", bgcolor: "rgba(0,0,0,0)", color: "#888", activecolor: "#555"},
    hoverlabel: {align: "left", bgcolor: css("--band"), bordercolor: css("--line"),
                 font: {color: css("--ink")}},
  });
  layout.font.color = css("--ink");
  // The page has a legend of its own: the room that a figure keeps for one goes to the figure.
  layout.margin.t = 30;
  for (const [path, value] of Object.entries(fitted(node))) {
    const keys = path.split(/[.[\]]+/);
    const last = keys.pop();
    keys.reduce((part, key) => part[key], layout)[last] = value;
  }
  delete layout.sliders; delete layout.updatemenus; delete layout.width;
  Plotly.newPlot(node, {data, layout, config: data.some(rowsOf) ? rowConfig : plotConfig, frames: figure.frames || []});
  // Tick by tick a figure says nothing: readers of a screen hear its label and the tables.
  node.querySelectorAll("svg.main-svg").forEach(svg => svg.setAttribute("aria-hidden", "true"));
  addLegend(node, data);
  if ("equal" in node.wanted.meta) offerEqualScales(node);
  const controls = node.parentElement.querySelector(".controls");
  if (controls) steer(node, controls, figure.frames);
}

// Plotly's own legend cannot be reached by keyboard, nor does it wrap on a phone.
function addLegend(node, traces) {
  const groups = new Map();
  traces.forEach((trace, index) => {
    const key = trace.legendgroup || trace.name;
    if (!key) return;
    if (!groups.has(key)) groups.set(key, {indices: [], shown: null});
    const group = groups.get(key);
    group.indices.push(index);
    if (trace.showlegend !== false && trace.name && !group.shown) group.shown = trace;
  });
  const entries = [...groups.values()].filter(group => group.shown);
  if (entries.length < 2) return;
  const legend = document.createElement("div");
  legend.className = "legend";
  legend.setAttribute("role", "group");
  legend.setAttribute("aria-label", "What the figure shows");
  for (const {indices, shown} of entries) {
    const button = document.createElement("button");
    const mark = document.createElement("span");
    const visible = shown.visible !== "legendonly";
    button.type = "button";
    button.setAttribute("aria-pressed", visible);
    mark.className = "mark " + markOf(shown);
    mark.setAttribute("aria-hidden", "true");
    // A band that is nearly transparent would not be seen in so small a mark.
    const opaque = colour => colour && colour.replace(/^rgba\((.*),[^,]*\)$/, "rgb($1)");
    mark.style.color = (shown.meta && shown.meta.swatch) || (shown.line && shown.line.color)
      || opaque(shown.fillcolor) || (shown.marker && shown.marker.color) || "";
    button.append(mark, asText(shown.name));
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      Plotly.restyle(node, {visible: on}, indices);
    });
    legend.append(button);
  }
  node.before(legend);
}

// Data in one unit are seen as they are where every axis has as many pixels for a unit.
function offerEqualScales(node) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "scales";
  button.textContent = "Equal scales";
  button.title = "All axes have the same scale: for data in one unit";
  button.setAttribute("aria-pressed", node.wanted.meta.equal);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    node.wanted.meta.equal = on;
    scaled(node);
  });
  node.before(button);
}

// The axes of values: those of densities, on the diagonal of pairs, begin at zero and stay.
function valueAxes(node) {
  const layout = node._fullLayout;
  return Object.keys(layout).filter(
    key => /^[xy]axis\d*$/.test(key) && layout[key].rangemode !== "tozero");
}

async function scaled(node) {
  const axes = valueAxes(node);
  if (!axes.length || !node.clientWidth) return;
  await Plotly.relayout(node, Object.fromEntries(axes.map(axis => [axis + ".autorange", true])));
  if (!node.wanted.meta.equal) return;
  const of = axis => node._fullLayout[axis];
  const unit = axis => Math.abs(of(axis).range[1] - of(axis).range[0]) / of(axis)._length;
  // Other numbers at the ticks take other room, which changes the scales a little: a few rounds.
  for (let round = 0; round < 4; round++) {
    const units = axes.map(unit);
    const most = Math.max(...units);
    if (most < 1.0005 * Math.min(...units)) return;
    const ranges = axes.map(axis => {
      const middle = (of(axis).range[0] + of(axis).range[1]) / 2;
      const half = most * of(axis)._length / 2;
      return [axis + ".range", [middle - half, middle + half]];
    });
    await Plotly.relayout(node, Object.fromEntries(ranges));
  }
}

function markOf(trace) {
  if (trace.fill && trace.fill !== "none") return "band";
  const symbol = (trace.marker && trace.marker.symbol) || "circle";
  if (typeof symbol === "string" && symbol.includes("-open")) return symbol.replace("-open", "") + " ring";
  if (symbol === "square" || symbol === "diamond") return "dot " + symbol;
  if (trace.type === "bar" || trace.type === "histogram" || (trace.mode || "").includes("markers"))
    return "dot";
  return trace.line && trace.line.dash && trace.line.dash !== "solid" ? "dash" : "line";
}

function steer(node, controls, frames) {
  const [button, slider, output] = ["button", "input", "output"].map(x => controls.querySelector(x));
  const labels = controls.dataset.labels.split("|");
  const last = Number(slider.max);
  let timer = null;
  const show = step => {
    slider.value = step;
    output.value = labels[step];
    slider.setAttribute("aria-valuetext", labels[step]);
    // Redrawn in place: an animation would queue behind a slow machine's earlier frames.
    const still = {mode: "immediate", transition: {duration: 0}, frame: {duration: 0, redraw: false}};
    Plotly.animate(node, [frames[step].name], still);
  };
  const stop = () => { clearInterval(timer); timer = null; button.textContent = "Play"; };
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (Number(slider.value) === last) show(0);
    button.textContent = "Pause";
    // Who asked for less motion sees the same steps, one at a time and slowly.
    timer = setInterval(() => {
      if (Number(slider.value) === last) return stop();
      show(Number(slider.value) + 1);
    }, calm.matches ? 1500 : 350);
  });
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  addEventListener("beforeprint", () => show(last));
  // A frame is drawn after the slider has moved: the step in the picture is told when it is there.
  node.on("plotly_animated", () => { controls.dataset.drawn = slider.value; });
  show(0);
}

function plotsIn(part) {
  return [...part.querySelectorAll(".plot")];
}

// Of several slides one is seen; figures of the others are drawn when theirs comes.
function slidable(slides) {
  const slider = slides.querySelector(":scope > .pick :is(input, select)");
  const output = slides.querySelector(":scope > .pick output");
  const parts = [...slides.querySelectorAll(":scope > .slide")];
  const show = async index => {
    slider.value = index;
    if (output) {
      output.value = parts[index].dataset.label;
      slider.setAttribute("aria-valuetext", parts[index].dataset.label);
    }
    parts.forEach((part, place) => { part.hidden = place !== index; });
    // At first all figures in sight are drawn one after another.
    if (slides.dataset.shown !== undefined) {
      await fit(parts[index]);
      plotsIn(parts[index]).forEach(draw);
    }
    slides.dataset.shown = index;
  };
  slides.querySelector(":scope > .pick").hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
  addEventListener("beforeprint", () => {
    parts.forEach(part => { part.hidden = false; });
    plotsIn(slides).forEach(draw);
  });
  addEventListener("afterprint", () => show(Number(slider.value)));
  show(Number(slider.value));
}

// Give the figures in a part of the page, which may have been hidden, the size of their room.
async function fit(part) {
  for (const node of [...part.querySelectorAll(".js-plotly-plot")].filter(plot => plot.clientWidth)) {
    await Plotly.relayout(node, {...themed(), ...fitted(node), autosize: true});
    if (node.wanted.meta.equal) await scaled(node);
  }
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach(other => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[column].dataset.sort;
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x !== undefined && y !== undefined) return (x - y) * (down ? -1 : 1);
      // What has no number stands last in either direction.
      if (x !== undefined || y !== undefined) return x === undefined ? 1 : -1;
      const text = row => row.cells[column].textContent;
      return text(a).localeCompare(text(b), undefined, {numeric: true}) * (down ? -1 : 1);
    };
    body.append(...[...body.rows].sort(order));
  }));
}

// Numbers are written in full, an error after "±" in a column of its own, and names as they are.
function tableAsText(table) {
  const heads = [...table.tHead.rows[0].cells].map(head => head.textContent.trim());
  const rows = [...table.tBodies[0].rows].map(row => [...row.cells]);
  const error = cell => (cell.textContent.split("±")[1] || "").trim();
  const quoted = text => /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  const lines = [[], ...rows.map(() => [])];
  heads.forEach((head, column) => {
    const cells = rows.map(row => row[column]);
    lines[0].push(head);
    cells.forEach((cell, i) => lines[i + 1].push(
      column && cell.dataset.sort !== undefined ? cell.dataset.sort : cell.textContent.trim()));
    if (!column || !cells.some(error)) return;
    lines[0].push(head + ", error");
    cells.forEach((cell, i) => lines[i + 1].push(error(cell)));
  });
  return lines.map(line => line.map(quoted).join(",")).join("\n") + "\n";
}

function savable(table, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "csv";
  button.textContent = "Save as CSV";
  button.setAttribute("aria-label", "Save as CSV: " + table.caption.textContent);
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([tableAsText(table)], {type: "text/csv"}));
    link.download = "table-" + (index + 1) + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  table.closest(".scroll").after(button);
}

const THEMES = {"": "Theme: system", light: "Theme: light", dark: "Theme: dark"};

function setTheme(name) {
  const root = document.documentElement;
  if (name) root.dataset.theme = name; else delete root.dataset.theme;
  const button = document.querySelector("button.theme");
  button.querySelector(".wide").textContent = THEMES[name];
  // Narrow screens have room for a sign only.
  button.setAttribute("aria-label", THEMES[name]);
  button.title = THEMES[name];
}

// A page that is opened as a file may have no place to remember the choice in.
function remembered() {
  try { return localStorage.getItem("theme") || ""; } catch { return ""; }
}

function remember(name) {
  try { localStorage.setItem("theme", name); } catch { return; }
}

function offerThemes() {
  const button = document.querySelector("button.theme");
  const names = Object.keys(THEMES);
  setTheme(names.includes(remembered()) ? remembered() : "");
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || "";
    const next = names[(names.indexOf(now) + 1) % names.length];
    setTheme(next);
    remember(next);
    if (plots.length) refit();
  });
}

// Say of what scrolls sideways beyond which of its ends there is more.
function fading(node) {
  const ends = () => {
    const more = [];
    if (node.scrollLeft > 1) more.push("left");
    if (node.scrollLeft + node.clientWidth < node.scrollWidth - 1) more.push("right");
    node.dataset.more = more.join(" ");
  };
  node.addEventListener("scroll", ends);
  // What is folded away has no width, and has one when it is opened.
  new ResizeObserver(ends).observe(node);
}

// Say which section is in sight, and keep its name in sight.
function leading() {
  const list = document.querySelector("nav ul");
  const links = [...list.querySelectorAll("a")];
  const heads = links.map(link => document.getElementById(link.hash.slice(1)));
  const bring = link => {
    const [box, room] = [link, list].map(node => node.getBoundingClientRect());
    list.scrollBy({left: box.left - room.left - (room.width - box.width) / 2});
  };
  let current = null;
  const follow = () => {
    // The last sections may be too short to come up to the top of the window.
    const atEnd = innerHeight + scrollY > document.documentElement.scrollHeight - 2;
    const below = atEnd ? -1
      : heads.findIndex(head => head.getBoundingClientRect().top > innerHeight / 3);
    const now = links[below < 0 ? links.length - 1 : Math.max(0, below - 1)];
    if (now === current) return;
    if (current) current.removeAttribute("aria-current");
    current = now;
    current.setAttribute("aria-current", "true");
    bring(current);
  };
  links.forEach(link => link.addEventListener("focus", () => bring(link)));
  addEventListener("scroll", follow, {passive: true});
  addEventListener("resize", () => { if (current) bring(current); });
  if (links.length) follow();
}

// A link to a section that is folded opens it; figures that were hidden take their size again.
function foldable() {
  const folds = [...document.querySelectorAll("section > details")];
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target && target.closest("section > details");
    if (fold && !fold.open) { fold.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  document.querySelectorAll("nav a").forEach(link => link.addEventListener("click", () => {
    setTimeout(open);
  }));
  folds.forEach(fold => fold.addEventListener("toggle", () => {
    if (fold.open) fit(fold);
  }));
  addEventListener("beforeprint", () => folds.forEach(fold => { fold.open = true; }));
}

async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  const said = button.nextElementSibling;
  try {
    await navigator.clipboard.writeText(source.textContent);
    said.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    said.textContent = document.execCommand("copy") ? "Copied" : "Selected: press Ctrl+C";
  }
  setTimeout(() => { said.textContent = ""; }, 4000);
}

// The width that the figures were last fitted to tells who waits that they are drawn.
async function refit() {
  const width = innerWidth;
  // What is folded away has no width, and is fitted when it is opened.
  await fit(document);
  document.documentElement.dataset.ready = width;
}

async function start() {
  offerThemes();
  foldable();
  leading();
  document.querySelectorAll("nav ul, .scroll").forEach(fading);
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("table.sortable").forEach(savable);
  document.querySelectorAll("button.copy").forEach(
    button => button.addEventListener("click", () => copyText(button)));
  if (plots.length) await loadLibrary();
  plots.forEach(node => { node.figure = readFigure(node); });
  tellRows(plots.map(node => node.figure));
  linkRows();
  document.querySelectorAll(".slides").forEach(slidable);
  for (const node of plots.filter(plot => !plot.closest("[hidden]"))) {
    draw(node);
    // One figure at a time, so that the page answers while the rest is drawn.
    await new Promise(done => setTimeout(done));
  }
  for (const node of plots.filter(plot => plot.data && plot.wanted.meta.equal)) await scaled(node);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; refit(); }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);
  // Paper is narrower than a screen and always light.
  const sheet = 680;
  addEventListener("beforeprint", () => plots.filter(plot => plot.data).forEach(
    node => Plotly.relayout(node, {width: sheet, "font.color": "#1d2329"})));
  addEventListener("afterprint", () => plots.filter(plot => plot.data).forEach(
    node => Plotly.relayout(node, {width: null, autosize: true, ...themed()})));
  document.documentElement.dataset.ready = width;
}

start().catch(error => {
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = "The figures could not be drawn: " + error.message;
  document.getElementById("content").prepend(note);
  throw error;
});
