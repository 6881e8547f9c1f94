// The page's frame, and the start of all views.
function fillHeader() {
  const targets = data.targets.map((target) => `${printable(target.comm)} (${target.pid})`).join(", ");
  byId("title").textContent = `lockwatch: ${targets}`;
  document.title = `lockwatch: ${targets}`;
  const ended = data.end_reason ? `, ${printable(data.end_reason)}` : "";
  byId("trace").textContent =
    `${data.started}, ${duration(data.duration_ns)}${ended}; waits of ${duration(data.threshold_ns)} or more; lockwatch ${data.version}`;
  for (const sentence of data.verdict) byId("verdict").append(element("li", printable(sentence)));
  for (const line of data.health) byId("health").append(element("li", printable(line)));
  const losses = data.health.filter((line) => line.startsWith("LOST"));
  if (data.left_out.waits) {
    losses.push(`${counted(data.left_out.waits, "shorter wait")} (${duration(data.left_out.wait_ns)}) have no room in this page.`);
  }
  byId("loss").hidden = losses.length === 0;
  byId("loss").textContent = losses.map(printable).join(" ");
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "Light" : "Dark";
  byId("theme").setAttribute("aria-pressed", String(dark));
}

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  setTheme(system.matches);
  byId("theme").addEventListener("click", () => {
    setTheme(document.documentElement.dataset.theme !== "dark");
    drawTimeline();
  });
}

fillHeader();
startTheme();
fillFilters();
startFlame();
startTimeline();
startLocks();
fillRequests();
startGraph();
showFilters();
select();

let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(select, 150);
});
