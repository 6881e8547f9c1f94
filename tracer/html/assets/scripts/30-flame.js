// Where is waited, or what held the waiters up: outermost frame on top, the lock innermost.
const flame = { chart: null, root: null, current: null };
const FLAME_ROW = 18;
// Frames narrower than this many pixels are not drawn.
const NARROWEST = 1;
const LIBC = /(^|\/)(libc|libpthread|ld-linux|ld-musl)[.-]/;

const flameShowsBlame = () => document.querySelector('input[name="flame"]:checked').value === "blame";

// Waiting time by stack and lock.
function flameSums(chosen) {
  const sums = new Map();
  const add = (stack, lock, time) => {
    const key = stack * data.locks.name.length + lock;
    sums.set(key, (sums.get(key) ?? 0) + time);
  };
  if (flameShowsBlame()) {
    for (const i of selectedReleases()) add(releases.stack[i], releases.lock[i], releases.blame[i]);
  } else {
    for (const i of chosen) if (waits.outcome[i] !== UNFINISHED) add(waits.stack[i], waits.lock[i], waits.wait[i]);
  }
  return sums;
}

function child(node, key, name, colour) {
  node.byKey ??= new Map();
  let found = node.byKey.get(key);
  if (!found) {
    found = { name, value: 0, colour, children: [] };
    node.byKey.set(key, found);
    node.children.push(found);
  }
  return found;
}

function flameTree(sums) {
  const root = { name: "all", value: 0, colour: "#d7dade", children: [] };
  const grow = (path, time) => {
    let node = root;
    node.value += time;
    for (const [key, name, colour] of path) {
      node = child(node, key, name, colour);
      node.value += time;
    }
  };
  for (const [key, time] of sums) {
    const stack = Math.floor(key / data.locks.name.length);
    grow([...processStep(key % data.locks.name.length), ...stackSteps(stack), lockStep(key % data.locks.name.length)], time);
  }
  if (flameShowsBlame()) {
    for (const i of selectedRest()) {
      const lock = data.rest.lock[i];
      const what = `[${data.release_kinds[data.rest.what[i]]}]`;
      grow([...processStep(lock), [what, what, "#d7dade"], lockStep(lock)], data.rest.blame[i]);
    }
  }
  return root;
}

function processStep(lock) {
  if (data.targets.length < 2) return [];
  const pid = data.locks.pid[lock];
  const comm = data.targets.find((target) => target.pid === pid)?.comm ?? "process";
  return [[`process ${pid}`, `${printable(comm)} (${pid})`, "#d7dade"]];
}

function stackSteps(stack) {
  const frames = data.stacks.frames[stack];
  const steps = [];
  if (data.stacks.end[stack] !== "complete") {
    const why = `[incomplete: ${data.stacks.end[stack]}]`;
    steps.push([why, why, "#d7dade"]);
  }
  for (let i = frames.length - 1; i >= 0; i--) {
    const label = frameLabel(frames[i]);
    steps.push([`frame ${label}`, label, frameColour(frames[i], label)]);
  }
  return steps;
}

const lockStep = (lock) => [`lock ${lock}`, `lock ${lockName(lock)}`, d3.interpolateRgb(lockColour(lock), "#ffffff")(0.35)];

// Shades of one hue, light enough for dark letters; libc's frames are grey.
function frameColour(frame, label) {
  if (LIBC.test(data.frames.module[frame])) return "#c9ced4";
  let hash = 0;
  for (let i = 0; i < label.length; i++) hash = (hash * 31 + label.charCodeAt(i)) >>> 0;
  return `hsl(${198 + (hash % 22)} ${45 + (hash % 23)}% ${70 + (hash % 13)}%)`;
}

function drawFlame(chosen) {
  const box = byId("flame");
  flame.chart?.destroy();
  box.replaceChildren();
  Object.assign(flame, { chart: null, root: null, current: null });
  const tree = flameTree(flameSums(chosen));
  byId("flame-details").textContent = "";
  if (!tree.value) {
    box.append(element("p", "Nothing was recorded that passes the filters.", { className: "nothing" }));
    return;
  }
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  flame.chart = flamegraph.default()
    .width(box.clientWidth)
    .cellHeight(FLAME_ROW)
    .minFrameSize(NARROWEST)
    .transitionDuration(calm ? 0 : 150)
    .inverted(true)
    .sort((a, b) => b.data.value - a.data.value)
    .label(flameLabel)
    .setColorMapper((node) => (node.highlight ? "#f0e442" : node.data.colour))
    .setSearchMatch((node, term) => Boolean(term) && node.data.name.toLowerCase().includes(term))
    .setSearchHandler((found, sum, total) => {
      byId("flame-details").textContent = `${counted(found.length, "frame")} found, ${duration(sum)} (${share(sum, total)})`;
    })
    .setDetailsHandler((text) => {
      if (text) byId("flame-details").textContent = text;
    })
    .onClick((node) => { flame.current = node; });
  d3.select(box).datum(tree).call(flame.chart);
  flame.root = d3.select(box).datum();
  searchFlame(filters.search);
}

const flameLabel = (node) => `${node.data.name}: ${duration(node.data.value)} (${share(node.data.value, flame.root?.data.value ?? node.data.value)})`;

function searchFlame(term) {
  if (!flame.chart) return;
  if (term) flame.chart.search(term);
  else {
    flame.chart.clear();
    byId("flame-details").textContent = "";
  }
}

function zoomOutFlame() {
  flame.chart?.resetZoom();
  flame.current = flame.root;
  markCurrentFrame();
}

function markCurrentFrame() {
  d3.select(byId("flame")).selectAll("g.frame").classed("current", (node) => node === flame.current);
  if (flame.current) byId("flame-details").textContent = flameLabel(flame.current);
}

function flameKey(event) {
  if (!flame.root) return;
  const at = flame.current ?? flame.root;
  const siblings = at.parent?.children ?? [at];
  const step = {
    ArrowDown: () => at.children?.[0],
    ArrowUp: () => at.parent,
    ArrowLeft: () => siblings[siblings.indexOf(at) - 1],
    ArrowRight: () => siblings[siblings.indexOf(at) + 1],
    Home: () => flame.root,
  }[event.key];
  if (step) flame.current = step() ?? at;
  else if (event.key === "Enter") flame.chart.zoomTo(at);
  else if (event.key === "Escape") zoomOutFlame();
  else return;
  event.preventDefault();
  markCurrentFrame();
}

function startFlame() {
  onSelection(drawFlame);
  onSearch(searchFlame);
  for (const choice of document.querySelectorAll('input[name="flame"]')) choice.addEventListener("change", () => drawFlame(selection));
  byId("flame").addEventListener("keydown", flameKey);
  byId("flame-zoom-out").addEventListener("click", zoomOutFlame);
}
