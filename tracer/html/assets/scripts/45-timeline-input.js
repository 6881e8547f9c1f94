// How the time line is read and steered: pointer, wheel and keyboard.

// The wait under a point of the canvas; three pixels beside it are near enough.
function waitAt(x, y) {
  const thread = shownRows()[Math.floor((y - AXIS) / ROW)];
  const list = timeline.waitsOf.get(thread) ?? [];
  const slack = (3 * (timeline.to - timeline.from)) / timelineWidth();
  const at = d3.bisector((i) => waits.start[i] + waits.wait[i]).left(list, timeAt(x) - slack);
  return at < list.length && waits.start[list[at]] <= timeAt(x) + slack && x >= gutter() ? list[at] : NONE;
}

function waitWords(i) {
  const owner = waits.owner[i] === NONE ? "" : `, held by ${threadLabel(waits.owner[i])}`;
  const serving = waits.owner_request[i] === NONE ? "" : ` serving ${requestName(waits.owner_request[i])}`;
  const request = waits.request[i] === NONE ? "" : ` for ${requestName(waits.request[i])}`;
  const verb = waits.outcome[i] === UNFINISHED ? "was still waiting after" : "waited";
  return (
    `${threadLabel(waits.thread[i])}${request} ${verb} ${duration(waits.wait[i])} for ${kindName(waits.kind[i])} ` +
    `${lockName(waits.lock[i])} at ${seconds(waits.start[i])}${owner}${serving}`
  );
}

function chooseWait(i) {
  timeline.chosen = i;
  const box = byId("wait");
  box.replaceChildren();
  if (i !== NONE) {
    const sleeps = waits.sleeps[i] > 1 ? ` (${counted(waits.sleeps[i], "sleep")})` : "";
    box.append(element("p", `${waitWords(i)}${sleeps}.`));
    const list = element("ol");
    for (const frame of data.stacks.frames[waits.stack[i]]) {
      const place = data.frames.place[frame];
      list.append(element("li", place ? `${frameLabel(frame)}  ${printable(place)}` : frameLabel(frame)));
    }
    box.append(list);
  }
  drawTimeline();
}

function zoomTimeline(factor, middle) {
  const length = Math.min(Math.max((timeline.to - timeline.from) * factor, SHORTEST_VIEW), endOfTrace - startOfTrace);
  const part = (middle - timeline.from) / (timeline.to - timeline.from);
  timeline.from = Math.min(Math.max(middle - part * length, startOfTrace), endOfTrace - length);
  timeline.to = timeline.from + length;
  drawTimeline();
}

// Brings a wait that was chosen with the keyboard into view.
function showWait(i) {
  const length = timeline.to - timeline.from;
  const end = waits.start[i] + waits.wait[i];
  if (end < timeline.from || waits.start[i] > timeline.to) {
    timeline.from = Math.max(Math.min(waits.start[i] - length / 2, endOfTrace - length), startOfTrace);
    timeline.to = timeline.from + length;
  }
  chooseWait(i);
}

function stepWait(step) {
  const thread = timeline.chosen === NONE ? timeline.rows[0] : waits.thread[timeline.chosen];
  const list = timeline.waitsOf.get(thread);
  if (!list) return;
  const at = timeline.chosen === NONE ? 0 : list.indexOf(timeline.chosen) + step;
  if (list[at] !== undefined) showWait(list[at]);
}

function stepThread(step) {
  if (timeline.chosen === NONE) return stepWait(0);
  const row = timeline.rows.indexOf(waits.thread[timeline.chosen]) + step;
  const list = timeline.waitsOf.get(timeline.rows[row]);
  if (!list) return undefined;
  const at = d3.bisector((i) => waits.start[i]).left(list, waits.start[timeline.chosen]);
  return showWait(list[Math.min(at, list.length - 1)]);
}

function timelineKey(event) {
  const middle = timeline.chosen === NONE ? (timeline.from + timeline.to) / 2 : waits.start[timeline.chosen];
  const action = {
    ArrowRight: () => stepWait(1),
    ArrowLeft: () => stepWait(-1),
    ArrowDown: () => stepThread(1),
    ArrowUp: () => stepThread(-1),
    "+": () => zoomTimeline(0.5, middle),
    "=": () => zoomTimeline(0.5, middle),
    "-": () => zoomTimeline(2, middle),
    Escape: () => {
      chooseWait(NONE);
      setFilter({ from: startOfTrace, to: endOfTrace });
    },
  }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function pointerUp(event) {
  const drag = timeline.drag;
  timeline.drag = null;
  if (!drag) return;
  const [left, right] = [drag.from, drag.to].sort((a, b) => a - b);
  if (right - left < 4) chooseWait(waitAt(event.offsetX, event.offsetY));
  else setFilter({ from: Math.max(timeAt(left), startOfTrace), to: Math.min(timeAt(right), endOfTrace) });
}

function pointerMove(event) {
  if (timeline.drag) {
    timeline.drag.to = Math.max(event.offsetX, gutter());
    drawTimeline();
    return;
  }
  const i = waitAt(event.offsetX, event.offsetY);
  const tip = byId("tip");
  tip.hidden = i === NONE;
  if (i === NONE) return;
  tip.textContent = waitWords(i);
  tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - 420)}px`;
  tip.style.top = `${event.clientY + 14}px`;
}

function fillLegend() {
  for (const [lock, colour] of lockColours) {
    const entry = element("span");
    const swatch = element("i");
    swatch.style.background = colour;
    entry.append(swatch, lockName(lock));
    byId("legend").append(entry);
  }
}

function startTimeline() {
  const canvas = byId("timeline");
  onSelection((chosen) => {
    setRows(chosen);
    chooseWait(timeline.chosen);
  });
  canvas.addEventListener("keydown", timelineKey);
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const x = Math.max(event.offsetX, gutter());
    timeline.drag = { from: x, to: x };
  });
  canvas.addEventListener("pointermove", pointerMove);
  canvas.addEventListener("pointerup", pointerUp);
  canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    if (event.shiftKey || event.offsetX < gutter()) return;
    event.preventDefault();
    zoomTimeline(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event.offsetX));
  }, { passive: false });
  fillLegend();
}
