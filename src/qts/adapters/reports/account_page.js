"use strict";
/* Draws the two charts of an account's page from #page-data. Names are escaped where Plotly would read markup. */
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const $ = (id) => document.getElementById(id);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const touch = matchMedia("(pointer: coarse)").matches;
  const narrow = () => innerWidth < 560;
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const unpack = (curve) => {
    let at = curve.start;
    return { x: curve.step.map((step) => (at += step)), y: curve.value };
  };
  const config = () => ({ responsive: false, displaylogo: false, displayModeBar: false, scrollZoom: false, doubleClick: "reset", showTips: false });
  const axis = (more) => ({ gridcolor: style("--line"), linecolor: style("--line"), zeroline: false, tickfont: { color: style("--soft"), size: 12 }, automargin: true, fixedrange: touch, ...more });
  const layout = (more) => ({
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: style("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: narrow() ? 44 : 60, r: 12, t: 8, b: 32 },
    showlegend: false, dragmode: touch ? false : "zoom", hovermode: "x unified",
    hoverlabel: { bgcolor: style("--card"), bordercolor: style("--line"), font: { color: style("--ink"), size: 12 } }, ...more });
  const time = (more) => axis({ type: "date", showgrid: false, hoverformat: "%Y-%m-%d %H:%M UTC", ...more });

  const drawEquity = () => Plotly.react($("equity-chart"), [
    { ...unpack(data.equity), name: "account", type: "scatter", mode: "lines", line: { color: style("--accent"), width: 1.8 }, hovertemplate: "%{y:,.2f}" },
    { ...unpack(data.fall), name: "drawdown", type: "scatter", mode: "lines", yaxis: "y2", line: { color: style("--loss"), width: 1 }, fill: "tozeroy", fillcolor: `rgba(${style("--loss-rgb")},0.18)`, hovertemplate: "%{y:.2%}" },
  ], layout({
    xaxis: time({ anchor: "y2" }),
    yaxis: axis({ domain: [0.34, 1], tickformat: "~s", exponentformat: "SI", nticks: 6 }),
    yaxis2: axis({ domain: [0, 0.26], tickformat: ".0%", rangemode: "tozero", nticks: 4 }),
    shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: data.capital, y1: data.capital, line: { color: style("--held"), width: 1, dash: "1px,4px" } }],
  }), config());

  /* Four colours for a dozen lines: the next four are dashed, the last four dotted. */
  const colours = () => ["--accent", "--loss", "--target", "--short"].map(style);
  const dashes = ["solid", "6px,3px", "2px,3px"];
  const drawLines = () => Plotly.react($("lines-chart"), data.lines.map((line, i) => ({
    ...unpack(line), name: escaped(line.name), type: "scatter", mode: "lines", hovertemplate: "%{y:.2%}",
    line: { color: colours()[i % 4], width: 1.5, dash: dashes[Math.floor(i / 4) % 3] },
  })), layout({
    showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12, color: style("--soft") }, bgcolor: "rgba(0,0,0,0)" },
    margin: { l: narrow() ? 44 : 60, r: 12, t: 40, b: 32 },
    xaxis: time(), yaxis: axis({ tickformat: ".0%", zeroline: true, zerolinecolor: style("--held"), nticks: 6 }),
  }), config());

  const widths = new WeakMap();
  const fit = new ResizeObserver((boxes) => boxes.forEach(({ target, contentRect }) => {
    const before = widths.get(target);
    widths.set(target, contentRect.width);
    if (before !== undefined && before !== contentRect.width && target.data) Plotly.Plots.resize(target);
  }));
  document.querySelectorAll(".chart").forEach((chart) => fit.observe(chart));
  const drawAll = async () => { for (const one of [drawEquity, drawLines]) await one(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll().then(() => { document.documentElement.dataset.drawn = "yes"; });
})();
