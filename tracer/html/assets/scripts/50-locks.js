// The table of locks: every ended wait of the whole trace, and beside it what the filters leave.
const locksTable = { by: "wait", down: true, rows: 100 };
const totals = data.totals;
const totalKind = (row) => data.locks.kind[totals.lock[row]];

const lockColumns = [
  { key: "name", title: "Lock", value: (row) => lockName(totals.lock[row]) },
  { key: "class", title: "Class", value: (row) => printable(data.locks.class[totals.lock[row]] ?? "") },
  { key: "kind", title: "Kind", value: (row) => kindName(totalKind(row)) },
  { key: "waits", title: "Waits", number: true, value: (row) => totals.waits[row], text: count },
  { key: "wait", title: "Total", number: true, value: (row) => totals.wait[row], text: duration },
  { key: "mean", title: "Mean", number: true, value: (row) => totals.wait[row] / (totals.waits[row] || 1), text: duration },
  { key: "p99", title: "p99", number: true, value: (row) => percentile(totals.histogram[row], 0.99, totals.max[row]), text: duration },
  { key: "max", title: "Max", number: true, value: (row) => totals.max[row], text: duration },
  { key: "selected", title: "In selection", number: true, value: (row) => selectedTime[totals.lock[row]] ?? 0, text: duration },
  { key: "taken", title: "Taken", number: true, value: (row) => totals.acquisitions[row] ?? -1, text: (value, row) => taken(row) },
];

let selectedTime = [];

// As in the summary: evenly spread within a slot, which holds 2**slot to 2**(slot + 1) ns.
function percentile(histogram, part, largest) {
  const wanted = part * histogram.reduce((sum, waits) => sum + waits, 0);
  let passed = 0;
  for (let slot = 0; slot < histogram.length && wanted; slot++) {
    if (histogram[slot] && passed + histogram[slot] >= wanted) {
      return Math.min(largest, 2 ** slot * (1 + (wanted - passed) / histogram[slot]));
    }
    passed += histogram[slot];
  }
  return wanted ? largest : 0;
}

function taken(row) {
  if (totals.acquisitions[row] === null) return "-";
  return (totals.saturated[row] ? ">= " : totals.estimated[row] ? "~ " : "") + count(totals.acquisitions[row]);
}

// All histograms have the same axis, so that they can be compared.
const slots = totals.histogram.flatMap((histogram) => [...histogram.keys()].filter((slot) => histogram[slot]));
const [firstSlot, lastSlot] = d3.extent(slots.length ? slots : [0]);

function histogramOf(row) {
  const svg = d3.create("svg").attr("class", "histogram").attr("role", "img");
  const histogram = totals.histogram[row].slice(firstSlot, lastSlot + 1);
  const highest = d3.max(histogram) || 1;
  svg.attr("width", histogram.length * 6 + 1).attr("height", 20).attr("aria-label", "waits by length");
  histogram.forEach((waits, slot) => {
    if (!waits) return;
    // The square root keeps a single long wait visible beside thousands of short ones.
    const height = Math.max(20 * Math.sqrt(waits / highest), 1);
    const from = 2 ** (slot + firstSlot);
    svg.append("rect").attr("x", slot * 6).attr("y", 20 - height).attr("width", 5).attr("height", height)
      .append("title").text(`${counted(waits, "wait")} of ${duration(from)} to ${duration(2 * from)}`);
  });
  return svg.node();
}

function lockRow(row) {
  const lock = totals.lock[row];
  const made = element("tr", "", { className: lock === filters.lock ? "chosen" : "" });
  for (const column of lockColumns) {
    const value = column.value(row);
    made.append(cell(column.key === "name" ? lockButton(lock) : column.text ? column.text(value, row) : value, column.number));
  }
  made.firstChild.classList.add("name");
  made.append(cell(histogramOf(row)));
  return made;
}

function lockButton(lock) {
  const button = element("button", lockName(lock), { type: "button", title: `${lockName(lock)} at ${data.locks.address[lock]}: click to filter` });
  button.addEventListener("click", () => setFilter({ lock: filters.lock === lock ? NONE : lock }));
  return button;
}

function sortButton(column) {
  const mark = column.key === locksTable.by ? (locksTable.down ? " ▼" : " ▲") : "";
  const button = element("button", column.title + mark, { type: "button" });
  button.addEventListener("click", () => {
    locksTable.down = column.key === locksTable.by ? !locksTable.down : Boolean(column.number);
    locksTable.by = column.key;
    drawLocks();
  });
  return button;
}

function shownTotals() {
  const searched = (lock) => `${data.locks.name[lock]} ${data.locks.class[lock] ?? ""}`.toLowerCase();
  const found = [...totals.lock.keys()].filter((row) => releasePasses(totals.lock[row]) && (totals.waits[row] || totals.unfinished[row]));
  const named = found.filter((row) => searched(totals.lock[row]).includes(filters.search));
  // A search for a function leaves the locks alone.
  return named.length ? named : found;
}

function drawLocks() {
  const column = lockColumns.find(({ key }) => key === locksTable.by);
  const rows = shownTotals();
  const order = (a, b) => d3.ascending(column.value(a), column.value(b));
  rows.sort((a, b) => (locksTable.down ? order(b, a) : order(a, b)));
  const heads = lockColumns.map((each) => ({ ...each, header: sortButton(each) }));
  fillTable(byId("locks"), [...heads, { title: "Histogram" }], rows.slice(0, locksTable.rows).map(lockRow));
  const sorted = byId("locks").querySelectorAll("th")[lockColumns.indexOf(column)];
  sorted.setAttribute("aria-sort", locksTable.down ? "descending" : "ascending");
  showMoreLocks(rows.length - locksTable.rows);
}

function showMoreLocks(more) {
  const box = byId("locks-more");
  box.replaceChildren();
  if (more <= 0) return;
  const button = element("button", `Show ${count(more)} more`, { type: "button" });
  button.addEventListener("click", () => {
    locksTable.rows = Infinity;
    drawLocks();
  });
  box.append(button);
}

function startLocks() {
  onSelection((chosen) => {
    const ended = chosen.filter((i) => waits.outcome[i] !== UNFINISHED);
    selectedTime = sumBy(ended.map((i) => waits.lock[i]), ended.map((i) => waits.wait[i]), data.locks.name.length);
    drawLocks();
  });
  onSearch(drawLocks);
}

function fillRequests() {
  const requests = data.request_totals;
  if (!requests) return;
  byId("requests-section").hidden = false;
  const time = (title, value) => ({ title, number: true, value: (total) => duration(value(total)) });
  const columns = [
    { title: "API call", value: (total) => printable(total.api) },
    { title: "Calls", number: true, value: (total) => count(total.calls) },
    { title: "Errors", number: true, value: (total) => count(total.errors) },
    ...["p50", "p90", "max", "total"].map((name) => time(name, (total) => total.latency_ns[name])),
    ...["throttled", "queued", "lock_wait", "cond_wait", "other"].map((name) => time(name.replace("_", " "), (total) => total[`${name}_ns`])),
  ];
  const ordered = [...requests].sort((a, b) => b.latency_ns.total - a.latency_ns.total);
  fillTable(byId("requests"), columns, ordered.map((total) => {
    const row = element("tr");
    row.append(...columns.map((column) => cell(column.value(total), column.number)));
    return row;
  }));
}
