// Who waits for whom: an arrow from the waiter to the lock's holder, as wide as the time waited.
const MOST_NODES = 12;
const MOST_EDGES = 30;
const UNKNOWN = "(unknown)";
const GRAPH_SIZE = 560;

const groupings = {
  "thread names": (thread) => printable(data.threads.name[thread]),
  threads: (thread) => threadLabel(thread),
  "API calls": (thread, request) => (request === NONE ? "(no API call)" : requestName(request)),
};

function waitEdges(chosen) {
  const name = groupings[byId("graph-by").value];
  const edges = new Map();
  for (const i of chosen) {
    const from = name(waits.thread[i], waits.request[i]);
    const to = waits.owner[i] === NONE ? UNKNOWN : name(waits.owner[i], waits.owner_request[i]);
    const key = `${from}\n${to}`;
    if (!edges.has(key)) edges.set(key, { from, to, time: 0, waits: 0, locks: new Map() });
    const edge = edges.get(key);
    edge.time += waits.wait[i];
    edge.waits += 1;
    edge.locks.set(waits.lock[i], (edge.locks.get(waits.lock[i]) ?? 0) + waits.wait[i]);
  }
  return [...edges.values()].sort((a, b) => b.time - a.time);
}

// The nodes with the most time at either end.
function graphNodes(edges) {
  const sums = new Map();
  for (const { from, to, time } of edges) {
    sums.set(from, (sums.get(from) ?? 0) + time);
    sums.set(to, (sums.get(to) ?? 0) + time);
  }
  const names = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a)).slice(0, MOST_NODES);
  return new Map(names.map((name, at) => {
    const angle = (2 * Math.PI * at) / names.length - Math.PI / 2;
    const radius = names.length > 1 ? GRAPH_SIZE / 2 - 110 : 0;
    return [name, { x: GRAPH_SIZE / 2 + radius * Math.cos(angle), y: GRAPH_SIZE / 2 + radius * Math.sin(angle), angle }];
  }));
}

const NODE = 9;

// A bow to one side, so that two opposite arrows lie apart; a loop for one that waits for its own kind.
function edgePath(a, b) {
  if (a === b) {
    const [out, side] = [[Math.cos(a.angle), Math.sin(a.angle)], [-Math.sin(a.angle), Math.cos(a.angle)]];
    const near = (s) => `${a.x + NODE * s * side[0]} ${a.y + NODE * s * side[1]}`;
    const far = (s) => `${a.x + 60 * out[0] + 45 * s * side[0]} ${a.y + 60 * out[1] + 45 * s * side[1]}`;
    return `M${near(-1)} C${far(-1)} ${far(1)} ${near(1)}`;
  }
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  const [ux, uy] = [dx / length, dy / length];
  const middle = `${(a.x + b.x) / 2 - 0.15 * dy} ${(a.y + b.y) / 2 + 0.15 * dx}`;
  return `M${a.x + NODE * ux} ${a.y + NODE * uy} Q${middle} ${b.x - (NODE + 8) * ux} ${b.y - (NODE + 8) * uy}`;
}

function drawGraph(edges) {
  const nodes = graphNodes(edges);
  const svg = d3.select(byId("graph")).attr("viewBox", `-60 0 ${GRAPH_SIZE + 120} ${GRAPH_SIZE}`);
  svg.selectAll("*").remove();
  svg.append("defs").append("marker").attr("id", "arrow").attr("viewBox", "0 0 10 10").attr("refX", 2).attr("refY", 5)
    .attr("markerWidth", 10).attr("markerHeight", 10).attr("markerUnits", "userSpaceOnUse").attr("orient", "auto")
    .append("path").attr("d", "M0 0 L10 5 L0 10 z");
  const drawn = edges.filter(({ from, to }) => nodes.has(from) && nodes.has(to));
  const widest = drawn[0]?.time ?? 1;
  svg.append("g").selectAll("path").data(drawn).join("path")
    .attr("d", (edge) => edgePath(nodes.get(edge.from), nodes.get(edge.to)))
    .attr("stroke-width", (edge) => 1 + (9 * edge.time) / widest)
    .attr("marker-end", "url(#arrow)")
    .append("title").text(edgeWords);
  const node = svg.append("g").selectAll("g").data([...nodes]).join("g");
  node.append("circle").attr("r", NODE).attr("cx", ([, at]) => at.x).attr("cy", ([, at]) => at.y);
  // A label lies outside of its node's loop.
  const loops = new Set(drawn.filter(({ from, to }) => from === to).map(({ from }) => from));
  const away = (name) => (loops.has(name) ? 58 : 16);
  node.append("text").text(([name]) => (name.length > 24 ? `${name.slice(0, 23)}…` : name))
    .attr("x", ([name, at]) => at.x + away(name) * Math.cos(at.angle))
    .attr("y", ([name, at]) => at.y + away(name) * Math.sin(at.angle) + 4)
    .attr("text-anchor", ([, at]) => (Math.abs(Math.cos(at.angle)) < 0.2 ? "middle" : Math.cos(at.angle) > 0 ? "start" : "end"))
    .append("title").text(([name]) => name);
}

const edgeWords = ({ from, to, time, waits: number }) => `${from} waited ${duration(time)} for ${to} (${counted(number, "wait")})`;

function edgeRow(edge) {
  const row = element("tr");
  const [lock] = [...edge.locks].sort((a, b) => b[1] - a[1])[0];
  const most = edge.locks.size > 1 ? `${lockName(lock)} and ${counted(edge.locks.size - 1, "other")}` : lockName(lock);
  row.append(cell(edge.from), cell(edge.to), cell(most), cell(count(edge.waits), true), cell(duration(edge.time), true));
  for (const each of [0, 1, 2]) row.children[each].classList.add("name");
  return row;
}

function drawWaitGraph(chosen) {
  const all = waitEdges(chosen);
  const edges = all.slice(0, MOST_EDGES);
  const rest = all.slice(MOST_EDGES).reduce((sum, { time }) => sum + time, 0);
  byId("edges-more").textContent = rest ? `${counted(all.length - MOST_EDGES, "lighter pair")} with ${duration(rest)} left out.` : "";
  drawGraph(edges);
  const columns = [{ title: "Waiter" }, { title: "Holder" }, { title: "Lock" }, { title: "Waits", number: true }, { title: "Time", number: true }];
  fillTable(byId("edges"), columns, edges.map(edgeRow));
}

function startGraph() {
  const box = byId("graph-by");
  for (const name of Object.keys(groupings)) if (name !== "API calls" || data.requests.length) box.add(new Option(name));
  if (data.requests.length) box.value = "API calls";
  box.addEventListener("change", () => drawWaitGraph(selection));
  onSelection(drawWaitGraph);
}
