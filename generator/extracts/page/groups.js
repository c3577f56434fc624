// The section of a recipient: its charts, its changes, and its table of groups.
"use strict";

const LARGEST = 6;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

// Return text for a search that ignores case and accents.
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

class Section {
  constructor(element, data, page) {
    Object.assign(this, { element, data, page, stale: true, order: null });
    this.marks = { decimal: data.decimal, thousands: data.thousands };
    this.table = element.querySelector("table.groups");
    this.cards = element.querySelector(".cards");
    this.cells = null;
    if (this.table) this.read();
  }

  // Read the groups from the table, and make its headings and sparklines buttons.
  read() {
    const heads = [...this.table.tHead.rows[0].cells];
    const labels = heads.filter((head) => head.dataset.sort === "text").length || 1;
    this.labels = heads.slice(0, labels).map((head) => head.textContent).join(" \u00b7 ");
    this.spark = heads.findIndex((head) => head.className === "spark");
    this.first = heads.findIndex((head) => head.dataset.sort === "metric");
    this.changed = heads.findIndex((head) => head.dataset.sort === "change");
    this.lines = [...this.table.tBodies[0].rows].map((row, place) => {
      const texts = [...row.cells].slice(0, labels).map((cell) => cell.textContent);
      const values = this.data.values.map((metric) => metric[place]);
      return { row, place, texts, values, name: texts.join(" \u00b7 "), found: plain(texts.join(" ")), detail: null };
    });
    heads.forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = made("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => this.sort(column));
      head.append(button);
    });
    if (this.spark >= 0) this.lines.forEach((line) => this.openable(line));
    const tools = this.element.querySelector(".tools");
    this.search = tools.querySelector("input");
    this.count = tools.querySelector(".found");
    this.search.addEventListener("input", () => this.filter());
    tools.hidden = false;
  }

  openable(line) {
    const cell = line.row.cells[this.spark];
    const button = made("button");
    button.type = "button";
    button.title = "Show all periods";
    button.setAttribute("aria-label", `All periods of ${line.name}`);
    button.setAttribute("aria-expanded", "false");
    button.append(...cell.childNodes);
    button.addEventListener("click", () => {
      if (line.detail) {
        line.detail.remove();
        line.detail = null;
      } else this.open(line);
      button.setAttribute("aria-expanded", String(Boolean(line.detail)));
    });
    cell.append(button);
  }

  // Show the chart and all values of a group below its row.
  open(line) {
    const { metric, metrics, periods } = this.page;
    line.detail?.remove();
    line.detail = made("tr", "detail");
    const cell = made("td");
    cell.colSpan = line.row.cells.length;
    const figure = card(line, metric, this.view());
    const table = made("table");
    const head = table.createTHead().insertRow();
    for (const text of ["period", ...metrics]) {
      const th = made("th", text === "period" ? "" : "n", text);
      th.scope = "col";
      head.append(th);
    }
    const body = table.createTBody();
    for (let place = periods.length - 1; place >= 0; place -= 1) {
      const row = body.insertRow();
      const th = made("th", "", periods[place].label);
      th.scope = "row";
      row.append(th, ...line.values.map((values) => made("td", "n", written(values[place], this.marks))));
    }
    const values = scrolling(table, `All values of ${line.name}`);
    values.className = "values";
    figure.append(values);
    cell.append(figure);
    line.detail.append(cell);
    line.row.after(line.detail);
    draw([figure]);
  }

  view() {
    const { periods, chosen, metrics } = this.page;
    return { periods, chosen, metrics, marks: this.marks };
  }

  // The place of the period before the chosen one, or -1 if that period is not published.
  get before() {
    const place = this.page.chosen - 1;
    return this.page.periods[place]?.published ? place : -1;
  }

  update() {
    this.stale = false;
    if (!this.table || !this.page.metrics.length) {
      if (this.table) this.filter();
      return;
    }
    this.showValues();
    this.showChanges();
    this.showCards();
    this.arrange();
    this.filter();
  }

  showValues() {
    const { chosen, metric, metrics } = this.page;
    const of = this.table.querySelector(".of");
    if (of) of.textContent = metrics.length > 1 ? ` of ${metrics[metric]}` : "";
    for (const line of this.lines) {
      const { row, values } = line;
      const is = values[metric][chosen];
      const was = this.before < 0 ? null : values[metric][this.before];
      line.change = this.before < 0 ? { by: "", percent: NaN } : change(was, is);
      line.present = is !== null;
      row.classList.toggle("absent", !line.present);
      values.forEach((texts, place) => {
        row.cells[this.first + place].textContent = written(texts[chosen], this.marks);
      });
      if (this.changed >= 0) {
        const cell = row.cells[this.changed];
        if (this.before < 0) cell.textContent = "";
        else if (was === null && is !== null) cell.replaceChildren(made("span", "soft", "new"));
        else showChange(cell, was, is, this.marks);
        row.cells[this.changed + 1].textContent = percentage(line.change.percent);
      }
      if (this.spark >= 0) sparkline(row.cells[this.spark], values[metric]);
      if (line.detail) this.open(line);
    }
  }

  showChanges() {
    const { periods, chosen, latest, metric, metrics } = this.page;
    this.block?.remove();
    this.block = null;
    if (chosen === latest || this.before < 0) return;
    if (!this.data.whole) {
      this.block = made("p", "soft", `The page compares all groups of this file only for ${periods[latest].label}.`);
    } else {
      const found = compared(this.lines, metric, this.before, chosen);
      if (!found) return;
      this.block = changesBlock(found, this.labels, metrics[metric], periods[this.before], periods[chosen], this.marks);
    }
    this.cards.before(this.block);
  }

  // Chart the largest groups, and those with the largest changes.
  showCards() {
    const { metric, metrics, size, chosen, periods } = this.page;
    const present = this.lines.filter((line) => line.present);
    const weight = (line) => Math.abs(Number(line.values[size][chosen] || 0));
    const largest = [...present].sort((a, b) => weight(b) - weight(a)).slice(0, LARGEST);
    const moved = present
      .filter((line) => Number(line.change.by) && !largest.includes(line))
      .sort((a, b) => Math.abs(Number(b.change.by)) - Math.abs(Number(a.change.by)))
      .slice(0, LARGEST);
    this.cards.replaceChildren();
    this.cards.hidden = periods.length === 1; // a line of one point shows nothing
    if (this.cards.hidden) return;
    const all = largest.length === present.length;
    const by = metric !== size ? ` by ${metrics[size]}` : "";
    for (const [title, lines] of [
      [all ? metrics[metric] : `${metrics[metric]} of the largest groups${by}`, largest],
      [`Largest changes of ${metrics[metric]} in other groups since ${periods[this.before]?.label}`, moved],
    ]) {
      if (!lines.length) continue;
      const grid = made("div", "grid");
      grid.append(...lines.map((line) => card(line, metric, this.view())));
      this.cards.append(made("h3", "", title), grid);
      draw(grid.children);
    }
  }

  filter() {
    const words = plain(this.search.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    let all = 0;
    for (const line of this.lines) {
      const matches = words.every((word) => line.found.includes(word));
      line.row.hidden = !matches;
      if (line.detail) line.detail.hidden = !matches || line.present === false;
      if (line.present === false) continue;
      all += 1;
      shown += matches;
    }
    const total = all.toLocaleString("en");
    this.count.textContent = words.length ? `${shown.toLocaleString("en")} of ${total}` : `${total} rows`;
  }

  // Sort by a column: numbers first downwards, a second click turns the order.
  sort(column) {
    const text = this.table.tHead.rows[0].cells[column].dataset.sort === "text";
    const first = text ? "ascending" : "descending";
    const turned = this.order?.column === column && this.order.way === first;
    this.order = { column, way: turned ? (text ? "descending" : "ascending") : first };
    [...this.table.tHead.rows[0].cells].forEach((head, place) => {
      if (place === column) head.setAttribute("aria-sort", this.order.way);
      else head.removeAttribute("aria-sort");
    });
    this.arrange();
  }

  // Put the rows into the chosen order. Rows without a value are last in both directions.
  arrange() {
    if (!this.order) return;
    const { column, way } = this.order;
    const kind = this.table.tHead.rows[0].cells[column].dataset.sort;
    const sign = way === "ascending" ? 1 : -1;
    const key = {
      text: (line) => line.texts[column],
      metric: (line) => parsed(line.values[column - this.first][this.page.chosen]),
      change: (line) => parsed(line.change.by),
      percent: (line) => line.change.percent,
    }[kind];
    const keyed = this.lines.map((line) => ({ line, key: key(line) }));
    keyed.sort((a, b) => {
      if (kind === "text") return sign * collator.compare(a.key, b.key) || a.line.place - b.line.place;
      const missing = Number.isNaN(a.key) - Number.isNaN(b.key);
      return missing || (Number.isNaN(a.key) ? 0 : sign * (a.key - b.key)) || a.line.place - b.line.place;
    });
    const rows = keyed.flatMap(({ line }) => (line.detail ? [line.row, line.detail] : [line.row]));
    this.table.tBodies[0].append(...rows);
  }
}

function parsed(text) {
  return text ? Number(text) : NaN;
}

// Draw a sparkline again, as the page has it for the first metric.
function sparkline(cell, texts) {
  const values = texts.map((text) => (text ? Number(text) : null));
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  let path = "";
  let last = [-9, -9];
  values.forEach((value, place) => {
    if (value === null) return;
    const x = 4 + (place / Math.max(1, values.length - 1)) * 112;
    const y = low === high ? 14 : 4 + ((high - value) / (high - low)) * 20;
    const joins = place > 0 && values[place - 1] !== null;
    const lone = !joins && (values[place + 1] ?? null) === null;
    path += `${joins ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${lone ? "h1" : ""}`;
    last = [x, y];
  });
  cell.querySelector("path").setAttribute("d", path);
  const circle = cell.querySelector("circle");
  circle.setAttribute("cx", last[0].toFixed(1));
  circle.setAttribute("cy", last[1].toFixed(1));
}
