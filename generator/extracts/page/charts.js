// Charts of single groups over the periods, drawn by uPlot. Each has an axis of its own.
"use strict";

const HEIGHT = 168;
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Return the bounds of an axis. It starts at zero, unless the values are close together.
function bounds(low, high) {
  if (low === null) return [0, 1];
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    return low > 0 ? [Math.max(0, low - room), high + room] : [low - room, high + room];
  }
  const room = (high - low) * 0.08;
  if (low >= 0 && low < high * 0.6) return [0, high + room];
  if (high <= 0 && high > low * 0.6) return [low - room, 0];
  return [low - room, high + room];
}

// Round steps for an axis of whole numbers.
const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

// Return the places of labels, backwards from the last period, so that it always has one.
function backwards(last, step) {
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, number) => last - number * step).reverse();
}

function options(width, periods, chosen, whole, hovered) {
  const soft = color("soft");
  const line = color("accent");
  const font = "12px system-ui, sans-serif";
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 30, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, fill: line, stroke: line } },
    scales: {
      x: { time: false, range: [-0.2, periods.length - 0.8] },
      y: { range: (_, low, high) => bounds(low, high) },
    },
    axes: [
      {
        stroke: soft, font, size: 32, gap: 6, space: 72, incrs: [1, 2, 3, 4, 6, 12, 24, 36, 60, 120],
        splits: (_chart, _axis, _low, _high, step) => backwards(periods.length - 1, step),
        grid: { show: false }, ticks: { stroke: color("strong"), size: 4, width: 1 },
        values: (_, places) => places.map((place) => periods[place]?.label ?? ""),
      },
      {
        stroke: soft, font, gap: 6, space: 34, grid: { stroke: color("rule"), width: 1 }, ticks: { show: false },
        ...(whole ? { incrs: WHOLE } : {}),
        values: (_, values) => values.map((value) => compact.format(value)),
        size: (chart, values) => (values ? Math.max(30, 10 + 7 * Math.max(...values.map((v) => v.length))) : 40),
      },
    ],
    series: [
      {},
      {
        stroke: line, width: 2, fill: color("fill"), spanGaps: false,
        points: { show: periods.length <= 36, size: 5, fill: color("card"), stroke: line, width: 1.5 },
      },
    ],
    hooks: { setCursor: [(chart) => hovered(chart.cursor.idx)], draw: [(chart) => marked(chart, chosen)] },
  };
}

// Mark the chosen period with a full point.
function marked(chart, chosen) {
  const value = chart.data[1][chosen];
  if (value === null || value === undefined) return;
  const { ctx } = chart;
  ctx.save();
  ctx.fillStyle = color("accent");
  ctx.beginPath();
  ctx.arc(chart.valToPos(chosen, "x", true), chart.valToPos(value, "y", true), 4.5 * devicePixelRatio, 0, 7);
  ctx.fill();
  ctx.restore();
}

// Return a card with the chart of a group. Its chart is drawn by `draw`, when the card is in the page.
function card(line, metric, view) {
  const { periods, chosen, marks } = view;
  const texts = line.values[metric];
  const figure = made("figure", "card");
  const caption = made("figcaption");
  const value = made("span", "value");
  const when = made("span", "when");
  const delta = made("span", "delta");
  const name = made("span", "name", line.name);
  name.title = line.name;
  caption.append(name, value, when, delta);
  const plot = made("div", "plot");
  plot.setAttribute("role", "img");
  const known = texts.map((text, place) => [text, place]).filter(([text]) => text);
  plot.setAttribute(
    "aria-label",
    `Line chart of ${view.metrics[metric]} of ${line.name}: ` +
      (known.length ? `${known.length} values from ${periods[known[0][1]].label} to ${periods[known.at(-1)[1]].label}` : "no values"),
  );
  figure.append(caption, plot);

  // Show the values of a period in the caption.
  function tell(place) {
    value.textContent = written(texts[place], marks);
    when.textContent = periods[place].label;
    delta.replaceChildren();
    const before = place ? texts[place - 1] : null;
    if (texts[place] && before) {
      const by = made("span");
      showChange(by, before, texts[place], marks);
      const share = percentage(change(before, texts[place]).percent);
      delta.append(by, made("span", "soft", `${share ? ` (${share})` : ""} since ${periods[place - 1].label}`));
    }
  }
  tell(chosen);

  let chart = null;
  figure.draw = () => {
    chart?.destroy();
    const data = [periods.map((_, place) => place), texts.map((text) => (text ? Number(text) : null))];
    const whole = !texts.some((text) => text?.includes("."));
    const hovered = (place) => tell(place ?? chosen);
    chart = new uPlot(options(plot.clientWidth, periods, chosen, whole, hovered), data, plot);
  };
  return figure;
}

// Draw charts, and draw them again when the width or the colors change.
const drawn = new Set();
function draw(figures) {
  for (const figure of figures) {
    figure.draw();
    drawn.add(figure);
  }
}
function drawAgain() {
  for (const figure of drawn) {
    if (figure.isConnected) figure.draw();
    else drawn.delete(figure);
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
let width = innerWidth;
let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  if (innerWidth !== width) waiting = setTimeout(() => { width = innerWidth; drawAgain(); }, 150);
});
