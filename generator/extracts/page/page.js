// The choice of period and metric, and the sections, which are updated when they come into sight.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const latest = data.periods.length - 1;
  const page = { periods: data.periods, metrics: data.metrics, size: data.size, latest, chosen: latest, metric: 0 };
  const sections = Object.entries(data.sections).map(
    ([id, found]) => new Section(document.getElementById(id), found, page),
  );
  const byElement = new Map(sections.map((section) => [section.element, section]));
  const visible = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const section = byElement.get(entry.target);
        if (entry.isIntersecting) visible.add(section);
        else visible.delete(section);
        if (entry.isIntersecting && section.stale) section.update();
      }
    },
    { rootMargin: "600px" },
  );

  function show() {
    const { id, label } = page.periods[page.chosen];
    for (const element of document.querySelectorAll("[data-period]")) element.hidden = element.dataset.period !== id;
    for (const element of document.querySelectorAll("[data-metric]")) {
      element.hidden = Number(element.dataset.metric) !== page.metric;
    }
    for (const element of document.querySelectorAll(".changes[data-period]:not([hidden])")) {
      element.hidden = !element.querySelector(":scope > p, :scope > [data-metric]:not([hidden])");
    }
    for (const element of document.querySelectorAll("[data-period-label]")) element.textContent = label;
    for (const section of sections) {
      section.stale = true;
      if (visible.has(section)) section.update();
    }
  }

  const period = document.getElementById("period");
  const metric = document.getElementById("metric");
  function chosen() {
    page.chosen = page.periods.findIndex(({ id }) => id === period.value);
    page.metric = metric ? Number(metric.value) : 0;
    show();
    const what = page.metrics.length ? `${page.metrics[page.metric]}, ` : "";
    document.getElementById("status").textContent = `Shows ${what}${page.periods[page.chosen].label}.`;
  }
  period.addEventListener("change", chosen);
  metric?.addEventListener("change", chosen);
  // A browser may keep the choice of the last visit.
  document.getElementById("choice").reset();
  document.getElementById("choice").hidden = false;
  addEventListener("beforeprint", () => sections.filter((section) => section.stale).forEach((section) => section.update()));
  show();
  for (const section of sections) observer.observe(section.element);
})();
