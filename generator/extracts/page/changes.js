// What changed in a period other than the reported one, for a recipient whose groups are all on the page.
// The page itself has the changes of the reported period.
"use strict";

const MOVES = 6;
const NAMED = 5;

// Return the changes of a metric from one period to the next, or null if there are none.
function compared(lines, metric, before, now) {
  const found = { added: [], removed: [], moves: [], same: 0 };
  for (const line of lines) {
    const was = line.values[metric][before];
    const is = line.values[metric][now];
    if (was === null && is === null) continue;
    if (was === null) found.added.push(line.name);
    else if (is === null) found.removed.push(line.name);
    else if (was === is) found.same += 1;
    else found.moves.push({ name: line.name, was, is, size: Math.abs(Number(is) - Number(was)) });
  }
  found.moves.sort((a, b) => b.size - a.size);
  return found.added.length || found.removed.length || found.moves.length ? found : null;
}

function sentence(word, names) {
  const p = made("p", "", `${word}: `);
  names.slice(0, NAMED).forEach((name, place) => {
    if (place) p.append(", ");
    p.append(made("b", "", name));
  });
  if (names.length > NAMED) p.append(` and ${(names.length - NAMED).toLocaleString("en")} more`);
  p.append(".");
  return p;
}

// Return the block that tells the changes.
function changesBlock(found, labels, metric, before, now, marks) {
  const block = made("div", "changes");
  block.append(made("h3", "", `What changed since ${before.label}`));
  if (found.added.length) block.append(sentence("New", found.added));
  if (found.removed.length) block.append(sentence("Removed", found.removed));
  if (!found.moves.length) return block;
  const moved = found.moves.length;
  const all = moved + found.same;
  const p = made("p");
  p.append(
    made("b", "", metric),
    ` changed in ${moved.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? "group" : "groups"}`,
    moved > MOVES ? ". The largest changes:" : ":",
  );
  const table = made("table");
  const head = table.createTHead().insertRow();
  for (const [text, className] of [[labels, ""], [before.label, "n"], [now.label, "n"], ["change", "n"], ["in %", "n"]]) {
    const th = made("th", className, text);
    th.scope = "col";
    head.append(th);
  }
  const body = table.createTBody();
  for (const move of found.moves.slice(0, MOVES)) {
    const row = body.insertRow();
    const name = made("th", "", move.name);
    name.scope = "row";
    const by = made("td", "n");
    showChange(by, move.was, move.is, marks);
    row.append(
      name,
      made("td", "n", written(move.was, marks)),
      made("td", "n", written(move.is, marks)),
      by,
      made("td", "n", percentage(change(move.was, move.is).percent)),
    );
  }
  block.append(p, scrolling(table, `Largest changes of ${metric}`));
  return block;
}

// Return a table in a frame that scrolls, also with the keyboard.
function scrolling(table, label) {
  const frame = made("div", "scroll");
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", label);
  frame.append(table);
  return frame;
}
