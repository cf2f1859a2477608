// Keeps the dashboard up to date over a WebSocket. Without this script the page shows the state of its load.

const { declared, compute, show } = Numbers;
// Seconds: between two points that are kept, and of history.
const EVERY = 5, HOUR = 3600;
let points = [];
let latest = null;

const byId = (id) => document.getElementById(id);
const windowOf = (index) => Numbers.windowOf(points, index);

// --- the page: cells are changed in place, so that focus and selection stay ---

function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

function fitChildren(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(make());
}

const cellOf = (tag, isNumber) => {
  const cell = document.createElement(tag);
  if (tag === "th") cell.scope = "col";
  if (isNumber) cell.className = "number";
  return cell;
};

function fillTable(table, columns, rows) {
  const shape = JSON.stringify(columns);
  if (table.dataset.shape !== shape) {
    table.dataset.shape = shape;
    table.tHead.replaceChildren(document.createElement("tr"));
    for (const column of columns) {
      const cell = cellOf("th", column.is_number);
      cell.textContent = column.title;
      table.tHead.rows[0].append(cell);
    }
    if (table.dataset.filled) table.tBodies[0].replaceChildren();
  }
  table.dataset.filled = "yes";
  const body = table.tBodies[0];
  fitChildren(body, rows.length, () => document.createElement("tr"));
  rows.forEach((row, at) => fillRow(body.rows[at], columns, row));
}

function fillRow(line, columns, row) {
  if (line.dataset.state !== (row.state ?? "")) line.dataset.state = row.state ?? "";
  fitChildren(line, row.cells.length, () => document.createElement("td"));
  row.cells.forEach((text, at) => {
    const cell = line.cells[at];
    cell.classList.toggle("number", Boolean(columns[at]?.is_number));
    if (at === 0 && (row.link || row.verbs?.length)) fillFirst(cell, text, row);
    else setText(cell, text);
  });
}

function fillFirst(cell, text, row) {
  const key = JSON.stringify([text, row.link, row.action, row.verbs]);
  if (cell.dataset.key === key) return;
  const known = cell.dataset.key ?? JSON.stringify(keyOf(cell));
  cell.dataset.key = key;
  if (known === key) return;
  const hadFocus = cell.contains(document.activeElement);
  const label = row.link ? Object.assign(document.createElement("a"), { href: row.link }) : document.createElement("span");
  label.textContent = text;
  cell.replaceChildren(label, ...steeringOf(text, row));
  if (hadFocus) (cell.querySelector("button, a") ?? label).focus();
}

// What the server has rendered, in the form of a row's key.
function keyOf(cell) {
  const link = cell.querySelector("a"), form = cell.querySelector("form");
  const verbs = [...cell.querySelectorAll("button")].map((button) => button.value);
  return [(link ?? cell).textContent.trim(), link?.getAttribute("href") ?? "", form?.getAttribute("action") ?? "", verbs];
}

function steeringOf(text, row) {
  const template = byId("steering");
  if (!template || !row.verbs.length) return [];
  const form = template.content.firstElementChild.cloneNode(true);
  form.setAttribute("action", row.action);
  for (const verb of row.verbs) {
    const words = verb[0].toUpperCase() + verb.slice(1);
    const button = Object.assign(document.createElement("button"), { type: "submit", name: "verb", value: verb, textContent: words });
    button.setAttribute("aria-label", `${words} ${text}`);
    form.append(button);
  }
  return [form];
}

function showPanels(panels) {
  for (const [name, panel] of Object.entries(panels)) {
    const section = document.querySelector(`[data-panel="${CSS.escape(name)}"]`);
    if (!section) continue;
    section.dataset.status = panel.status;
    section.querySelector(".age").dataset.at = String(panel.at);
    section.querySelector(".scroll").hidden = !panel.rows.length;
    fillTable(section.querySelector("table"), panel.columns, panel.rows);
    const note = section.querySelector(".note");
    setText(note, panel.note);
    note.hidden = !panel.note;
  }
}

function showVerdict(verdict) {
  const line = byId("verdict");
  line.dataset.level = verdict.level;
  // A polite live region: a screen reader announces a text only when it changes.
  setText(line, verdict.text);
  const columns = ["What is wrong", "What to do"].map((title) => ({ title, is_number: false }));
  const rows = verdict.findings.map((each) => ({ cells: [each.problem, each.action], state: each.level, link: each.link, action: "", verbs: [] }));
  fillTable(byId("attention"), columns, rows);
  byId("attention").parentElement.hidden = !rows.length;
  byId("attention-none").hidden = rows.length > 0;
}

function showTiles() {
  const span = windowOf(points.length - 1);
  document.querySelectorAll(".tile").forEach((tile, at) => {
    for (const number of declared.tiles[at].numbers) {
      setText(tile.querySelector(`[data-number="${CSS.escape(number.name)}"]`), show(compute(number, span), number.unit));
    }
  });
}

function showSparks() {
  const spans = points.map((_, at) => windowOf(at));
  const first = points[0].at, whole = Math.max(1, points.at(-1).at - first);
  const placeOf = (at) => ((at - first) / whole) * 100;
  document.querySelectorAll(".tile").forEach((tile, at) => {
    const values = spans.map((span) => compute(declared.tiles[at].numbers[0], span));
    const known = values.filter((value) => value !== null && Number.isFinite(value));
    const least = Math.min(0, ...known), most = Math.max(...known, least + 1e-9);
    const line = values.flatMap((value, index) =>
      value === null || !Number.isFinite(value)
        ? []
        : [`${placeOf(points[index].at).toFixed(1)},${(23 - ((value - least) / (most - least)) * 22).toFixed(1)}`],
    );
    tile.querySelector("polyline").setAttribute("points", line.length > 1 ? line.join(" ") : "");
  });
}

// The server's clock: the viewer's may be wrong by minutes.
let ahead = 0;
function showAges() {
  for (const age of document.querySelectorAll(".age")) {
    const at = Number(age.dataset.at);
    setText(age, at ? `${Math.max(0, Math.round(Date.now() / 1000 - ahead - at))} s old` : "never read");
  }
}

// --- charts, and the same as a table ---

const plots = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function resolved(name) {
  const probe = document.createElement("i");
  probe.style.color = colour(name);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function plotOf(figure, chart) {
  const box = figure.querySelector(".plot");
  const strokes = ["--first", "--second", "--third"].map(resolved);
  const time = { values: [[1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1]] };
  const axis = { stroke: resolved("--muted"), grid: { stroke: resolved("--line"), width: 1 }, ticks: { stroke: resolved("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    width: box.clientWidth || 300,
    height: 180,
    cursor: { sync: { key: "ops" }, drag: { x: false, y: false } },
    scales: { y: { range: (_, least, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [{ ...axis, ...time }, { ...axis, size: 52 }],
    series: [
      { value: "{HH}:{mm}:{ss}" },
      ...chart.numbers.map((number, at) => ({ label: number.label, stroke: strokes[at], width: 2, points: { show: false }, value: (_, value) => show(value ?? null, number.unit) })),
    ],
  };
  return new uPlot(options, [[], ...chart.numbers.map(() => [])], box);
}

function drawPlots() {
  if (typeof uPlot === "undefined" || points.length < 2) return;
  document.querySelector(".charts").hidden = false;
  const spans = points.map((_, at) => windowOf(at));
  document.querySelectorAll(".chart").forEach((figure, at) => {
    const chart = declared.charts[at];
    plots[at] ??= plotOf(figure, chart);
    plots[at].setData([points.map((point) => point.at), ...chart.numbers.map((number) => spans.map((span) => compute(number, span)))]);
  });
  if (document.querySelector(".values").open) showValues(spans);
}

// One row a minute, the newest first.
function showValues(spans) {
  const numbers = [...new Map(declared.charts.flatMap((chart) => chart.numbers).map((each) => [each.name, each])).values()];
  const columns = [{ title: "Time", is_number: false }, ...numbers.map((each) => ({ title: each.label, is_number: true }))];
  const minutes = new Map(spans.map((span) => [Math.floor(span.now.at / 60), span]));
  const rows = [...minutes.values()].reverse().map((span) => ({
    cells: [new Date(span.now.at * 1000).toLocaleTimeString(), ...numbers.map((each) => show(compute(each, span), each.unit))],
  }));
  fillTable(byId("values"), columns, rows);
}

function redraw() {
  plots.splice(0).forEach((plot) => plot.destroy());
  drawPlots();
}

// --- states ---

const slotOf = (point) => Math.floor(point.at / EVERY);

function keep(point) {
  const last = points.at(-1);
  // The first of each EVERY seconds is kept, as in the history of the server; the newest is shown until the next one.
  if (points.length > 1 && slotOf(last) === slotOf(points.at(-2))) points.pop();
  if (!points.length || point.at > points.at(-1).at) points.push(point);
  while (points.length && points[0].at < point.at - HOUR) points.shift();
}

function apply(state) {
  latest = state;
  ahead = Date.now() / 1000 - state.at;
  keep({ at: state.at, epoch: state.epoch, counters: state.counters, gauges: state.gauges });
  showVerdict(state.verdict);
  showPanels(state.panels);
  showTiles();
  showSparks();
  showAges();
  drawPlots();
  document.documentElement.dataset.shown = String(state.at);
}

// --- the connection ---

// Milliseconds: the first and the longest pause before a new attempt, each drawn from its upper half.
const FIRST = 500, LONGEST = 15_000;
// Milliseconds without a message, and states that may be missed. A server that lost its power closes nothing.
const SILENT = 8000, MISSED = 3;
// The code with which the server closes when this user has logged out, or is no staff any more.
const FORBIDDEN = 4403;
let socket = null;
let attempts = 0;
let timer = 0;
let heardAt = 0;

function announce(state, text) {
  byId("live").dataset.state = state;
  setText(byId("live"), text);
}

function connect() {
  clearTimeout(timer);
  timer = 0;
  heardAt = Date.now();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opened = new WebSocket(`${scheme}://${location.host}/ops/live/?since=${points.at(-1)?.at ?? 0}`);
  socket = opened;
  const listen = (event, act) => opened.addEventListener(event, (heard) => opened === socket && act(heard));
  listen("message", (event) => receive(JSON.parse(event.data)));
  listen("open", () => {
    if (document.hidden) send("pause");
  });
  listen("close", ({ code }) => lose(code));
}

function lose(code) {
  socket = null;
  if (code === FORBIDDEN) {
    announce("lost", "You are logged out, or no member of staff any more. Load this page again to log in.");
    return;
  }
  const pause = Math.min(LONGEST, FIRST * 2 ** attempts) * (0.5 + Math.random() / 2);
  attempts += 1;
  announce("lost", latest ? "The connection is lost; connecting again. What is shown is from before." : "Not live: connecting.");
  timer = setTimeout(connect, pause);
}

// A hidden tab is sent nothing.
function watch() {
  if (!socket || document.hidden || Date.now() - heardAt < SILENT + MISSED * 1000 * (latest?.every ?? 1)) return;
  socket.close();
  lose();
}

function receive({ kind, ...content }) {
  heardAt = Date.now();
  if (kind === "history") {
    const from = points.at(-1)?.at ?? 0;
    points = from ? [...points.filter((point) => point.at < (content.points[0]?.at ?? Infinity)), ...content.points] : content.points;
  } else if (kind === "state") {
    attempts = 0;
    announce("on", "Live.");
    apply(content);
  }
}

function send(kind) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind }));
}

document.addEventListener("visibilitychange", () => {
  heardAt = Date.now();
  send(document.hidden ? "pause" : "resume");
  if (!document.hidden && timer) {
    attempts = 0;
    connect();
  }
});
document.querySelector(".values").addEventListener("toggle", drawPlots);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", () => {
  document.querySelectorAll(".chart .plot").forEach((box, at) => plots[at]?.setSize({ width: box.clientWidth, height: 180 }));
});
setInterval(() => {
  showAges();
  watch();
}, 1000);
connect();
