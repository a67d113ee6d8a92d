"use strict";
/* Draws the charts and the trade list of a run page from #page-data. Text from the data is only ever set as text, or
   escaped where Plotly would read markup. Times are UTC milliseconds throughout. */
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const $ = (id) => document.getElementById(id);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const touch = matchMedia("(pointer: coarse)").matches;
  const narrow = () => innerWidth < 560;
  const THIN = "\u202f";
  const MINUS = "\u2212";
  const MARKERS_MAX = 800;
  const PAGE = 25;

  const number = (x, digits) => x.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", MINUS);
  const priceDigits = (x) => (x >= 100 ? 2 : x >= 1 ? 4 : 8);
  const when = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const span = (ms) => {
    const hours = Math.floor(ms / 36e5), days = Math.floor(hours / 24);
    if (days >= 10) return `${days}${THIN}d`;
    if (days) return `${days}${THIN}d ${hours % 24}${THIN}h`;
    return hours ? `${hours}${THIN}h` : `${Math.round(ms / 6e4)}${THIN}min`;
  };
  const unpack = (curve) => {
    let at = curve.start;
    return { x: curve.step.map((step) => (at += step)), y: curve.value };
  };
  const [SIDE, IN, OUT, QTY, ENTRY, EXIT, GROSS, FEES, FUNDING, SLIP, NET, PCT, CAUSE, REASON] = Array(14).keys();

  /* ---- charts ---- */

  const equity = unpack(data.equity), held = unpack(data.held), fall = unpack(data.fall), heldFall = unpack(data.heldFall), price = unpack(data.price);
  let scale = "linear";
  const config = () => ({ responsive: false, displaylogo: false, displayModeBar: false, scrollZoom: false, doubleClick: "reset", showTips: false });
  const axis = (more) => ({ gridcolor: style("--line"), linecolor: style("--line"), zeroline: false, tickfont: { color: style("--soft"), size: 12 }, automargin: true, fixedrange: touch, ...more });
  const layout = (more) => ({
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: style("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: narrow() ? 44 : 60, r: 12, t: 8, b: 32 },
    showlegend: false, dragmode: touch ? false : "zoom", hovermode: "x unified",
    hoverlabel: { bgcolor: style("--card"), bordercolor: style("--line"), font: { color: style("--ink"), size: 12 } }, ...more });
  const moment = (at) => (typeof at === "number" ? at : Date.parse(`${String(at).replace(" ", "T")}${String(at).length > 10 ? "Z" : ""}`));
  const inView = () => (ranges.current ? ranges.current.map(moment) : [-Infinity, Infinity]);
  /* The height follows what is in view, with a little air; null lets Plotly choose. */
  const reach = (curves, air, take = (y) => y) => {
    const [from, to] = inView();
    let low = Infinity, high = -Infinity;
    for (const { x, y } of curves) for (let i = 0; i < x.length; i += 1) if (x[i] >= from && x[i] <= to) { if (y[i] < low) low = y[i]; if (y[i] > high) high = y[i]; }
    if (!(take(high) > take(low))) return null;
    const room = (take(high) - take(low)) * air;
    return [take(low) - room, take(high) + room];
  };
  const draw = (id, traces, shape) => Plotly.react($(id), traces, shape, config());

  const drawEquity = () => {
    const unit = data.quote ? ` ${escaped(data.quote)}` : "";
    const line = (of, name, colour, more) => ({ ...of, name, type: "scatter", mode: "lines", line: { color: colour, width: 1.8, ...more }, hovertemplate: `%{y:,.2f}${unit}` });
    const below = (of, name, colour, more) => ({ ...of, name: `${name}, drawdown`, type: "scatter", mode: "lines", yaxis: "y2", line: { color: colour, width: 1 }, hovertemplate: "%{y:.2%}", ...more });
    return draw("equity-chart", [
      line(held, "buy and hold", style("--held"), { width: 1.3, dash: "4px,3px" }),
      line(equity, "strategy", style("--accent")),
      below(heldFall, "buy and hold", style("--held"), { line: { color: style("--held"), width: 1, dash: "3px,3px" } }),
      below(fall, "strategy", style("--loss"), { fill: "tozeroy", fillcolor: `rgba(${style("--loss-rgb")},0.18)` }),
    ], layout({
      xaxis: axis({ type: "date", range: ranges.current && [...ranges.current], anchor: "y2", showgrid: false, hoverformat: "%Y-%m-%d %H:%M UTC", spikethickness: 1, spikedash: "2px,2px", spikecolor: style("--held") }),
      yaxis: axis({ domain: [0.34, 1], type: scale, fixedrange: true, range: reach([equity, held], 0.05, scale === "log" ? Math.log10 : undefined), tickformat: "~s", exponentformat: "SI", nticks: 6 }),
      yaxis2: axis({ domain: [0, 0.26], fixedrange: true, tickformat: ".0%", rangemode: "tozero", nticks: 4 }),
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: data.capital, y1: data.capital, line: { color: style("--held"), width: 1, dash: "1px,4px" } }],
    }));
  };

  const exitLook = () => ({
    "order": { name: "exit by order", symbol: "circle-open", color: style("--ink") },
    "stop-loss": { name: "exit by stop", symbol: "x", color: style("--loss") },
    "take-profit": { name: "exit by target", symbol: "diamond", color: style("--target") },
    "liquidation": { name: "liquidated", symbol: "star", color: style("--fail") },
  });
  const seen = () => {
    const [from, to] = inView();
    const inside = data.trades.filter((t) => t[IN] <= to && (t[OUT] ?? Infinity) >= from);
    if (inside.length <= MARKERS_MAX) return { inside, shown: inside };
    return { inside, shown: [...inside].sort((a, b) => Math.abs(b[NET]) - Math.abs(a[NET])).slice(0, MARKERS_MAX) };
  };
  const drawPrice = () => {
    const { inside, shown } = seen();
    const mark = shown.length > 400 ? 5 : shown.length > 100 ? 7 : 10;
    $("markers-note").textContent = data.trades.length === 0 ? "no trades" : shown.length < inside.length
      ? `markers of the ${number(shown.length, 0)} largest of ${number(inside.length, 0)} trades in view; zoom in for all` : `${number(shown.length, 0)} trades in view, all marked`;
    const trace = (name, symbol, color, points, size) => ({ type: "scatter", mode: "markers", name, x: points.map((p) => p[0]), y: points.map((p) => p[1]), text: points.map((p) => p[2]),
      hovertemplate: "%{text}<extra></extra>", marker: { symbol, color, size, line: { width: symbol.includes("open") ? 1.4 : 0.8, color: symbol.includes("open") ? color : style("--card") } } });
    const entry = (t) => [t[IN], t[ENTRY], `${t[SIDE] > 0 ? "long" : "short"} ${number(t[ENTRY], priceDigits(t[ENTRY]))}<br>${escaped(data.reasons[t[REASON]]).slice(0, 120)}`];
    const leave = (t) => [t[OUT], t[EXIT], `${escaped(data.causes[t[CAUSE]])} ${number(t[EXIT], priceDigits(t[EXIT]))}<br>net ${number(t[NET], 2)} (${number(t[PCT] * 100, 2)}%)`];
    const done = shown.filter((t) => t[OUT] !== null);
    const traces = [
      { ...price, type: "scatter", mode: "lines", name: "close", line: { color: style("--held"), width: 1.1 }, hovertemplate: "%{y:,}<extra>close</extra>", showlegend: false },
      trace("long entry", "triangle-up", style("--long"), shown.filter((t) => t[SIDE] > 0).map(entry), mark),
      trace("short entry", "triangle-down", style("--short"), shown.filter((t) => t[SIDE] < 0).map(entry), mark),
      ...Object.entries(exitLook()).map(([cause, look]) => trace(look.name, look.symbol, look.color, done.filter((t) => data.causes[t[CAUSE]] === cause).map(leave), mark - 1)),
    ].filter((one) => one.x.length > 0);
    return draw("price-chart", traces, layout({
      hovermode: "closest", showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12, color: style("--soft") }, bgcolor: "rgba(0,0,0,0)" },
      margin: { l: narrow() ? 44 : 60, r: 12, t: narrow() ? 60 : 34, b: 32 },
      xaxis: axis({ type: "date", range: ranges.current && [...ranges.current], showgrid: false, hoverformat: "%Y-%m-%d %H:%M UTC" }), yaxis: axis({ fixedrange: true, range: reach([price], 0.06), tickformat: "~s", nticks: 7 }),
    }));
  };

  const drawSpread = () => {
    const { width, first, counts, beyond } = data.bins;
    const edges = counts.map((_, i) => first + i * width);
    $("spread-note").textContent = counts.length === 0 ? "No trade was closed."
      : `Bins of ${number(width * 100, width < 0.001 ? 3 : 2)}${THIN}%.` + (beyond ? ` The outermost bins also hold ${number(beyond, 0)} trades beyond them.` : "");
    const digits = width < 0.001 ? 2 : 1;
    return draw("spread-chart", [{ type: "bar", x: edges.map((edge) => (edge + width / 2) * 100), y: counts, width: width * 94,
      marker: { color: edges.map((edge) => (edge < -width / 2 ? style("--loss") : style("--gain"))) },
      text: edges.map((edge) => `${number(edge * 100, digits)} to ${number((edge + width) * 100, digits)} %`), textposition: "none", hovertemplate: "%{text}: %{y} trades<extra></extra>" }],
    layout({ hovermode: "closest", bargap: 0.05, xaxis: axis({ ticksuffix: "%", zeroline: true, zerolinecolor: style("--soft"), showgrid: false }), yaxis: axis({ nticks: 5, tickformat: ",d" }) }));
  };

  const drawCosts = () => {
    const labels = data.costs.map(([label]) => label.replace(", before costs", ""));
    const amounts = data.costs.map(([, amount]) => amount);
    const last = amounts.length - 1;
    let level = 0;
    const base = amounts.map((amount, i) => { const from = i === 0 || i === last ? 0 : level; level = from + amount; return from; });
    const colour = (amount, i) => (i === 0 || i === last ? style("--accent") : amount < 0 ? style("--loss") : style("--gain"));
    return draw("costs-chart", [{ type: "bar", orientation: "h", y: labels, x: amounts, base, marker: { color: amounts.map(colour) }, hovertemplate: "%{y}: %{customdata}<extra></extra>",
      customdata: amounts.map((amount) => number(amount, 2)), text: amounts.map((amount) => number(amount, 0)), textposition: "auto", cliponaxis: false, textfont: { size: 12 } }],
    layout({ hovermode: "closest", bargap: 0.32, margin: { l: 110, r: 24, t: 4, b: 30 }, xaxis: axis({ tickformat: "~s", nticks: 5, zeroline: true, zerolinecolor: style("--soft") }), yaxis: axis({ autorange: "reversed", showgrid: false }) }));
  };

  /* Both time charts show the same stretch; whichever is zoomed leads. */
  const ends = [Math.min(...[equity, price].map((c) => c.x[0] ?? Infinity)), Math.max(...[equity, price].map((c) => c.x[c.x.length - 1] ?? -Infinity))];
  const whole = Number.isFinite(ends[0]) ? [ends[0], ends[1]] : null;
  const ranges = { current: whole };
  const same = (one, other) => one === other || (one !== null && other !== null && one.every((at, i) => Math.abs(moment(at) - moment(other[i])) < 1));
  const follow = (id) => $(id).on("plotly_relayout", (change) => {
    const from = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0], to = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
    if (from === undefined && !change["xaxis.autorange"]) return;
    const next = from === undefined ? whole : [from, to];
    if (same(next, ranges.current)) return;
    look(next);
  });
  const look = (range) => {
    ranges.current = range;
    $("show-all").disabled = same(range, whole);
    drawEquity().then(drawPrice);
  };
  $("show-all").addEventListener("click", () => look(whole));

  document.querySelectorAll("[data-scale]").forEach((button) => button.addEventListener("click", () => {
    scale = button.dataset.scale;
    document.querySelectorAll("[data-scale]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    drawEquity();
  }));
  /* A chart follows its box, not the window: a rotated phone, a print, a pane all change the one and not always the other. */
  const widths = new WeakMap();
  const fit = new ResizeObserver((boxes) => boxes.forEach(({ target, contentRect }) => {
    const before = widths.get(target);
    widths.set(target, contentRect.width);
    if (before !== undefined && before !== contentRect.width && target.data) Plotly.Plots.resize(target);
  }));
  document.querySelectorAll(".chart").forEach((chart) => fit.observe(chart));
  const drawAll = async () => { for (const one of [drawEquity, drawPrice, drawSpread, drawCosts]) await one(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  /* ---- the trade list ---- */

  const money = (x) => number(x, 2);
  const columns = [
    ["Side", "", (t) => (t[SIDE] > 0 ? "long" : "short"), (t) => t[SIDE]],
    ["Entered", "", (t) => when(t[IN]), (t) => t[IN]],
    ["Exited", "", (t) => (t[OUT] === null ? "still open" : when(t[OUT])), (t) => t[OUT] ?? Infinity],
    ["Held", "n", (t) => (t[OUT] === null ? "" : span(t[OUT] - t[IN])), (t) => (t[OUT] ?? Infinity) - t[IN]],
    ["Quantity", "n", (t) => t[QTY].toLocaleString("en-US", { maximumFractionDigits: 8 }), (t) => t[QTY]],
    ["Entry", "n", (t) => number(t[ENTRY], priceDigits(t[ENTRY])), (t) => t[ENTRY]],
    ["Exit", "n", (t) => (t[EXIT] === null ? "" : number(t[EXIT], priceDigits(t[EXIT]))), (t) => t[EXIT] ?? 0],
    ["From prices", "n", (t) => money(t[GROSS]), (t) => t[GROSS]],
    ["Fees", "n", (t) => money(t[FEES]), (t) => t[FEES]],
    ["Funding", "n", (t) => money(t[FUNDING]), (t) => t[FUNDING]],
    ["Net", "n", (t) => money(t[NET]), (t) => t[NET]],
    ["Net %", "n", (t) => number(t[PCT] * 100, 2), (t) => t[PCT]],
    ["Ended by", "", (t) => data.causes[t[CAUSE]], (t) => data.causes[t[CAUSE]]],
    ["Reason", "reason", (t) => data.reasons[t[REASON]], (t) => data.reasons[t[REASON]]],
  ];
  const indexed = data.trades.map((trade, place) => ({ trade, place }));
  const view = { sort: 1, down: false, page: 0, rows: indexed };

  const choose = () => {
    const find = $("trade-find").value.trim().toLowerCase(), side = $("trade-side").value, result = $("trade-result").value, cause = $("trade-cause").value;
    view.rows = indexed.filter(({ trade: t }) => (!side || t[SIDE] === Number(side)) && (!result || Math.sign(t[NET]) === Number(result)) && (!cause || t[CAUSE] === Number(cause))
      && (!find || data.reasons[t[REASON]].toLowerCase().includes(find) || when(t[IN]).includes(find) || (t[OUT] !== null && when(t[OUT]).includes(find))));
    const key = columns[view.sort][3], turn = view.down ? -1 : 1;
    view.rows.sort((a, b) => { const x = key(a.trade, a.place), y = key(b.trade, b.place); return turn * (x < y ? -1 : x > y ? 1 : 0) || a.place - b.place; });
    view.page = 0;
    show();
  };
  const show = () => {
    const pages = Math.max(1, Math.ceil(view.rows.length / PAGE)), first = view.page * PAGE;
    const body = document.createElement("tbody");
    for (const { trade, place } of view.rows.slice(first, first + PAGE)) {
      const row = body.insertRow();
      columns.forEach(([title, kind, text]) => {
        const cell = row.insertCell();
        cell.className = kind;
        if (title === "Net" || title === "Net %") cell.classList.add(trade[NET] < 0 ? "loss" : "gain");
        cell.textContent = text(trade, place);
        if (kind === "reason") cell.title = cell.textContent;
      });
    }
    $("trade-table").tBodies[0].replaceWith(body);
    document.querySelectorAll("#trade-table th").forEach((head, i) => { if (i === view.sort) head.setAttribute("aria-sort", view.down ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
    $("trade-count").textContent = view.rows.length === 0 ? "no trade" : `${number(first + 1, 0)} to ${number(Math.min(first + PAGE, view.rows.length), 0)} of ${number(view.rows.length, 0)}`
      + (view.rows.length < indexed.length ? ` (${number(indexed.length, 0)} in all)` : "");
    $("trade-back").disabled = view.page === 0;
    $("trade-on").disabled = view.page >= pages - 1;
  };
  const csv = () => {
    const cell = (value) => {
      const text = value === null ? "" : String(value);
      const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; /* a reason must not become a formula */
      return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
    };
    const head = ["side", "entered_at", "exited_at", "quantity", "entry_price", "exit_price", "gross_pnl", "fees", "funding", "slippage", "net_pnl", "net_return", "exit_cause", "reason"];
    const lines = view.rows.map(({ trade: t }) => [t[SIDE] > 0 ? "long" : "short", new Date(t[IN]).toISOString(), t[OUT] === null ? null : new Date(t[OUT]).toISOString(),
      ...t.slice(QTY, CAUSE), data.causes[t[CAUSE]], data.reasons[t[REASON]]].map(cell).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([[head.join(","), ...lines].join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = "trades.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const listTrades = () => {
    const head = $("trade-table").tHead.rows[0];
    columns.forEach(([title, kind], i) => {
      const cell = document.createElement("th"), button = document.createElement("button");
      cell.scope = "col";
      cell.className = kind === "n" ? "n" : "";
      button.type = "button";
      button.textContent = title;
      button.addEventListener("click", () => { view.down = view.sort === i ? !view.down : kind === "n"; view.sort = i; choose(); });
      cell.append(button);
      head.append(cell);
    });
    data.causes.forEach((cause, i) => $("trade-cause").add(new Option(cause, String(i))));
    ["trade-side", "trade-result", "trade-cause"].forEach((id) => $(id).addEventListener("change", choose));
    $("trade-find").addEventListener("input", choose);
    $("trade-back").addEventListener("click", () => { view.page -= 1; show(); });
    $("trade-on").addEventListener("click", () => { view.page += 1; show(); });
    $("trade-csv").addEventListener("click", csv);
    $("trade-tools").hidden = $("trade-pager").hidden = false;
    choose();
  };

  listTrades();
  drawAll().then(() => { ["equity-chart", "price-chart"].forEach(follow); document.documentElement.dataset.drawn = "yes"; });
})();
