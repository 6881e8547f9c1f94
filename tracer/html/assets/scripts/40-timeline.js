// Waits of each thread over time, on a canvas: one row a thread. The chosen wait's lock owner is marked.
const timeline = { rows: [], version: 0, waitsOf: new Map(), from: startOfTrace, to: endOfTrace, chosen: NONE, drag: null, width: 0 };
const ROW = 16;
const WIDEST_GUTTER = 190;
const AXIS = 22;
// An axis has a label every so many pixels at most.
const TICK = 80;
// Threads that have a row: more make a canvas that browsers refuse.
const MOST_ROWS = 400;
const SHORTEST_VIEW = 1000;

function setRows(chosen) {
  const sums = sumBy(chosen.map((i) => waits.thread[i]), chosen.map((i) => waits.wait[i]), data.threads.name.length);
  timeline.version += 1;
  timeline.waitsOf = new Map();
  for (const i of chosen) {
    const thread = waits.thread[i];
    if (!timeline.waitsOf.has(thread)) timeline.waitsOf.set(thread, []);
    timeline.waitsOf.get(thread).push(i);
  }
  for (const list of timeline.waitsOf.values()) list.sort((a, b) => waits.start[a] - waits.start[b]);
  timeline.rows = heaviestFirst(sums).filter((thread) => sums[thread] > 0).slice(0, MOST_ROWS);
  if (!chosen.includes(timeline.chosen)) timeline.chosen = NONE;
  timeline.from = filters.from;
  timeline.to = Math.max(filters.to, filters.from + SHORTEST_VIEW);
}

// The owner has a row even if it never waited itself.
function shownRows() {
  const owner = timeline.chosen === NONE ? NONE : waits.owner[timeline.chosen];
  return owner === NONE || timeline.rows.includes(owner) ? timeline.rows : [owner, ...timeline.rows];
}

// The waits are drawn once for a view, on a canvas of their own; the marks go on top of a copy.
const timelineBase = document.createElement("canvas");
let drawnBase = "";

function sizeCanvas(canvas, rows) {
  const width = byId("timeline").parentElement.clientWidth;
  timeline.width = width;
  const height = AXIS + Math.max(rows, 1) * ROW + 4;
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width, height };
}

// The threads' names; on a phone the time has most of the width.
const gutter = () => Math.min(WIDEST_GUTTER, Math.round(0.32 * timeline.width));
const timelineWidth = () => timeline.width - gutter() - 8;
const xOf = (time) => gutter() + ((time - timeline.from) / (timeline.to - timeline.from)) * timelineWidth();
const timeAt = (x) => timeline.from + ((x - gutter()) / timelineWidth()) * (timeline.to - timeline.from);

function drawTimeline() {
  const rows = shownRows();
  const { context, width, height } = sizeCanvas(byId("timeline"), rows.length);
  const style = getComputedStyle(document.documentElement);
  const ink = Object.fromEntries(["ink", "line", "mark", "quiet"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
  drawBase(rows, ink);
  context.drawImage(timelineBase, 0, 0, width, height);
  if (timeline.chosen !== NONE) drawChosen(context, rows, width, ink);
  if (timeline.drag) drawDrag(context, height, ink);
}

function drawBase(rows, ink) {
  const view = [timeline.from, timeline.to, timeline.version, ink.ink, window.devicePixelRatio, byId("timeline").width, ...rows].join();
  if (view === drawnBase) return;
  drawnBase = view;
  const { context, width, height } = sizeCanvas(timelineBase, rows.length);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  drawAxis(context, width, height, ink);
  rows.forEach((thread, row) => drawThread(context, thread, AXIS + row * ROW, ink));
}

function drawAxis(context, width, height, ink) {
  const scale = d3.scaleLinear([timeline.from / 1e9, timeline.to / 1e9], [gutter(), width - 8]);
  const ticks = Math.max(2, Math.min(8, Math.floor(timelineWidth() / TICK)));
  const format = scale.tickFormat(ticks);
  for (const tick of scale.ticks(ticks)) {
    const x = scale(tick);
    context.fillStyle = ink.line;
    context.fillRect(x, AXIS - 4, 1, height - AXIS + 4);
    context.fillStyle = ink.quiet;
    const label = `${format(tick)} s`;
    const room = width - context.measureText(label).width;
    context.fillText(label, Math.min(x + 3, room), AXIS / 2);
  }
}

function drawThread(context, thread, y, ink) {
  context.fillStyle = ink.ink;
  context.fillText(fitted(context, threadLabel(thread), gutter() - 12), 4, y + ROW / 2);
  const list = timeline.waitsOf.get(thread) ?? [];
  const edge = gutter() + timelineWidth();
  // Waits that end within a pixel that has been drawn already would not be seen.
  let covered = gutter();
  for (let at = firstInView(list); at < list.length; at++) {
    const i = list[at];
    if (waits.start[i] > timeline.to) break;
    const end = Math.ceil(xOf(waits.start[i] + waits.wait[i]));
    if (end <= covered) continue;
    const left = Math.max(Math.floor(xOf(waits.start[i])), gutter(), covered);
    const right = Math.min(Math.max(end, left + 1), edge);
    const thin = data.kinds[waits.kind[i]].contention ? 2 : 5;
    context.fillStyle = lockColour(waits.lock[i]);
    context.fillRect(left, y + thin, right - left, ROW - 2 * thin);
    if (waits.outcome[i] === UNFINISHED) {
      context.fillStyle = ink.ink;
      context.fillRect(right - 2, y + 1, 2, ROW - 2);
    }
    covered = end;
  }
}

// A thread's waits follow each other, so their ends are in order too.
function firstInView(list) {
  return d3.bisector((i) => waits.start[i] + waits.wait[i]).left(list, timeline.from);
}

function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const tail = text.slice(text.lastIndexOf("/"));
  let head = text.slice(0, text.lastIndexOf("/"));
  while (head && context.measureText(`${head}…${tail}`).width > width) head = head.slice(0, -1);
  return `${head}…${tail}`;
}

function drawChosen(context, rows, width, ink) {
  const i = timeline.chosen;
  const left = Math.max(xOf(waits.start[i]), gutter());
  const right = Math.min(Math.max(xOf(waits.start[i] + waits.wait[i]), left + 2), width - 8);
  const y = AXIS + rows.indexOf(waits.thread[i]) * ROW;
  context.strokeStyle = ink.ink;
  context.lineWidth = 2;
  context.strokeRect(left - 1, y, right - left + 2, ROW - 1);
  if (waits.owner[i] === NONE) return;
  const ownerY = AXIS + rows.indexOf(waits.owner[i]) * ROW;
  context.fillStyle = context.strokeStyle = ink.mark;
  context.fillRect(0, ownerY, 3, ROW);
  context.strokeRect(left - 1, ownerY + 1, right - left + 2, ROW - 3);
  context.globalAlpha = 0.2;
  context.fillRect(0, ownerY, width, ROW);
  context.globalAlpha = 1;
  context.beginPath();
  context.setLineDash([3, 3]);
  context.moveTo(left, y + ROW / 2);
  context.lineTo(left, ownerY + ROW / 2);
  context.stroke();
  context.setLineDash([]);
}

function drawDrag(context, height, ink) {
  const [left, right] = [timeline.drag.from, timeline.drag.to].sort((a, b) => a - b);
  context.globalAlpha = 0.25;
  context.fillStyle = ink.mark;
  context.fillRect(left, 0, right - left, height);
  context.globalAlpha = 1;
}
