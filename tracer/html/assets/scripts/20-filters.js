// Which waits are shown. Views register with onSelection and are called whenever that changes.
const filters = { lock: NONE, class: "", kind: "contention", thread: NONE, request: NONE, from: startOfTrace, to: endOfTrace, search: "" };
const defaults = { ...filters };
const selectionListeners = [];
const searchListeners = [];
// More entries than this in a drop-down help nobody: the heaviest stay.
const MOST_CHOICES = 500;

const onSelection = (listener) => selectionListeners.push(listener);
const onSearch = (listener) => searchListeners.push(listener);

function kindPasses(kind) {
  if (filters.kind === "all") return true;
  if (filters.kind === "contention") return data.kinds[kind].contention;
  return data.kinds[kind].name === filters.kind;
}

function lockPasses(lock) {
  return (filters.lock === NONE || lock === filters.lock) && (!filters.class || data.locks.class[lock] === filters.class);
}

const inWindow = (start, end) => end >= filters.from && start <= filters.to;

// Numbers of the waits that pass every filter, in the order of their start.
function selectedWaits() {
  const passes = data.kinds.map((_, kind) => kindPasses(kind));
  const chosen = [];
  for (let i = 0; i < waits.start.length; i++) {
    if (
      passes[waits.kind[i]] &&
      lockPasses(waits.lock[i]) &&
      (filters.thread === NONE || waits.thread[i] === filters.thread) &&
      (filters.request === NONE || waits.request[i] === filters.request) &&
      inWindow(waits.start[i], waits.start[i] + waits.wait[i])
    ) {
      chosen.push(i);
    }
  }
  return chosen;
}

// A release belongs to its lock's kind, to the releaser's thread and to the releaser's API call.
function selectedReleases() {
  const chosen = [];
  for (let i = 0; i < releases.time.length; i++) {
    if (
      releasePasses(releases.lock[i]) &&
      (filters.thread === NONE || releases.thread[i] === filters.thread) &&
      (filters.request === NONE || releases.request[i] === filters.request) &&
      inWindow(releases.time[i], releases.time[i])
    ) {
      chosen.push(i);
    }
  }
  return chosen;
}

function releasePasses(lock) {
  const ofLock = data.locks.kind[lock];
  const wanted = data.kinds.find((kind) => kind.name === filters.kind)?.of_lock;
  return lockPasses(lock) && (wanted ? data.kinds[ofLock].name === wanted : kindPasses(ofLock));
}

// Blame without a moment or a thread is shown while nothing asks for one.
function selectedRest() {
  if (filters.thread !== NONE || filters.request !== NONE || filters.from > startOfTrace || filters.to < endOfTrace) return [];
  return [...data.rest.lock.keys()].filter((i) => releasePasses(data.rest.lock[i]));
}

let selection = [];

function select() {
  selection = selectedWaits();
  const ended = selection.filter((i) => waits.outcome[i] !== UNFINISHED);
  const time = ended.reduce((sum, i) => sum + waits.wait[i], 0);
  const unfinished = selection.length - ended.length;
  const more = unfinished ? `, and ${count(unfinished)} not ended` : "";
  byId("selection").textContent = `${counted(ended.length, "wait")}, ${duration(time)}${more}`;
  for (const listener of selectionListeners) listener(selection);
}

let pending = 0;

function setFilter(changes) {
  Object.assign(filters, changes);
  showFilters();
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(select);
}

function showFilters() {
  for (const name of ["lock", "class", "kind", "thread", "request"]) {
    const box = byId(`filter-${name}`);
    const value = String(filters[name]);
    if (![...box.options].some((option) => option.value === value)) box.add(choice(name, filters[name]));
    box.value = value;
  }
  byId("filter-from").value = Number((filters.from / 1e9).toFixed(6));
  byId("filter-to").value = Number((filters.to / 1e9).toFixed(6));
}

const labels = {
  lock: (lock) => `${lockName(lock)} (${kindName(data.locks.kind[lock])})`,
  class: printable,
  kind: String,
  thread: threadLabel,
  request: requestName,
};

const choice = (name, value) => new Option(labels[name](value), String(value));

function fillChoices(name, everything, values) {
  const box = byId(`filter-${name}`);
  box.add(new Option(everything, String(defaults[name])));
  for (const value of values.slice(0, MOST_CHOICES)) box.add(choice(name, value));
  box.addEventListener("change", () => {
    setFilter({ [name]: typeof defaults[name] === "number" ? Number(box.value) : box.value });
  });
}

function fillFilters() {
  const locks = sumBy(waits.lock, waits.wait, data.locks.name.length);
  const threads = sumBy(waits.thread, waits.wait, data.threads.name.length);
  const requests = sumBy(waits.request, waits.wait, data.requests.length);
  const waitedFor = (sums) => heaviestFirst(sums).filter((key) => sums[key] > 0);
  const kinds = new Set(waits.kind);
  fillChoices("lock", "all", waitedFor(locks));
  fillChoices("class", "all", [...new Set(data.locks.class.filter(Boolean))].sort());
  fillChoices("kind", "contention", ["all", ...data.kinds.filter((_, kind) => kinds.has(kind)).map((kind) => kind.name)]);
  fillChoices("thread", "all", waitedFor(threads));
  fillChoices("request", "all", waitedFor(requests));
  byId("filter-request").parentElement.hidden = data.requests.length === 0;
  for (const [id, name, empty] of [["filter-from", "from", startOfTrace], ["filter-to", "to", endOfTrace]]) {
    byId(id).addEventListener("change", (event) => {
      const value = event.target.value === "" ? empty : event.target.valueAsNumber * 1e9;
      setFilter({ [name]: Math.min(Math.max(value, startOfTrace), endOfTrace) });
    });
  }
  byId("search").addEventListener("input", (event) => {
    filters.search = event.target.value.toLowerCase();
    for (const listener of searchListeners) listener(filters.search);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    byId("search").value = "";
    setFilter({ ...defaults });
    for (const listener of searchListeners) listener("");
  });
}
