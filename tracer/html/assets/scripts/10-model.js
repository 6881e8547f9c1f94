// The recording, and what all views share. Columns of waits and releases are arrays with one entry each.
const data = JSON.parse(document.getElementById("data").textContent);
const waits = data.waits;
const releases = data.releases;
const NONE = -1;
const UNFINISHED = data.outcomes.indexOf("unfinished");

// Okabe and Ito's colours: told apart by colour-blind people, on light and on dark paper.
const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a400"];
const OTHER_COLOUR = "#8a9099";

const byId = (id) => document.getElementById(id);

function element(tag, text = "", properties = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  return Object.assign(made, properties);
}

// A name with what does not print spelt out.
function printable(name) {
  return String(name).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (letter) => {
    const code = letter.codePointAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

function duration(nanoseconds) {
  if (nanoseconds < 1e3) return `${Math.round(nanoseconds)} ns`;
  if (nanoseconds < 999_950) return `${(nanoseconds / 1e3).toFixed(1)} us`;
  if (nanoseconds < 999_950_000) return `${(nanoseconds / 1e6).toFixed(1)} ms`;
  return `${(nanoseconds / 1e9).toFixed(1)} s`;
}

const share = (part, whole) => `${(whole ? (100 * part) / whole : 0).toFixed(1)} %`;
const count = (number) => number.toLocaleString("en");
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const seconds = (nanoseconds) => `${(nanoseconds / 1e9).toFixed(3)} s`;

const threadLabel = (thread) => `${printable(data.threads.name[thread])}/${data.threads.tid[thread]}`;
const lockName = (lock) => printable(data.locks.name[lock]);
const frameLabel = (frame) => printable(data.frames.label[frame]);
const kindName = (kind) => data.kinds[kind].name;
const requestName = (request) => printable(data.requests[request]);

// The waits of each lock and thread, to list the ones that matter first.
function sumBy(keys, weights, size) {
  const sums = new Float64Array(size);
  for (let i = 0; i < keys.length; i++) if (keys[i] >= 0) sums[keys[i]] += weights[i];
  return sums;
}

const heaviestFirst = (sums) => [...sums.keys()].sort((a, b) => sums[b] - sums[a]);

const contendedTime = waits.wait.map((time, i) => (data.kinds[waits.kind[i]].contention ? time : 0));
const lockTime = sumBy(waits.lock, contendedTime, data.locks.name.length);
const lockColours = new Map();
heaviestFirst(lockTime).slice(0, PALETTE.length).forEach((lock, rank) => {
  if (lockTime[lock] > 0) lockColours.set(lock, PALETTE[rank]);
});
const lockColour = (lock) => lockColours.get(lock) ?? OTHER_COLOUR;

// The data's own beginning and end: a wait may lie a little outside of the trace's clock. One that has not ended
// may have begun long before the trace, which is no reason to show all that time.
const startOfTrace = waits.start.reduce((first, start, i) => (waits.outcome[i] === UNFINISHED ? first : Math.min(first, start)), 0);
const endOfTrace = waits.start.reduce((end, start, i) => Math.max(end, start + waits.wait[i]), data.duration_ns);

function fillTable(table, columns, rows) {
  const head = element("tr");
  for (const column of columns) {
    const cell = element("th", "", { scope: "col", className: column.number ? "number" : "" });
    cell.append(column.header ?? column.title);
    head.append(cell);
  }
  const body = element("tbody");
  body.append(...rows);
  const top = element("thead");
  top.append(head);
  table.replaceChildren(top, body);
}

function cell(content, number = false) {
  const made = element("td", "", { className: number ? "number" : "" });
  made.append(content);
  return made;
}
