// Numbers as the files write them. A value is the text of the default format, such as "-1234.50"; "" is a
// missing value, and null is a group that the file does not have. Differences are exact, as in the files.
"use strict";

const NOTHING = "\u2013";
const MINUS = "\u2212";

function digits(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

function scaled(text, places) {
  return BigInt(text.replace(".", "") + "0".repeat(places - digits(text)));
}

// Return now - before as text with all digits.
function minus(now, before) {
  const places = Math.max(digits(now), digits(before));
  const by = scaled(now, places) - scaled(before, places);
  const all = String(by < 0n ? -by : by).padStart(places + 1, "0");
  const whole = all.slice(0, all.length - places);
  return (by < 0n ? "-" : "") + whole + (places ? "." + all.slice(-places) : "");
}

// Return a value as a recipient's file writes it.
function written(text, marks) {
  if (!text) return NOTHING;
  const [whole, rest] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, () => marks.thousands);
  return rest === undefined ? grouped : grouped + marks.decimal + rest;
}

function change(before, now) {
  if (!before || !now) return { by: "", percent: NaN };
  const was = Number(before);
  return { by: minus(now, before), percent: was > 0 && Number(now) >= 0 ? ((now - was) / was) * 100 : NaN };
}

function percentage(share) {
  if (!share) return ""; // also for NaN
  const text = Math.abs(share).toFixed(1);
  return (share < 0 ? MINUS : "+") + text + "\u00a0%";
}

// Show the change from one value to another in an element.
function showChange(element, before, now, marks) {
  const span = document.createElement("span");
  const { by } = change(before, now);
  if (!before && !now) span.textContent = NOTHING;
  else if (!by) span.textContent = before ? "no value now" : "no value before";
  else {
    const size = Number(by);
    const sign = size > 0 ? "+" : size < 0 ? MINUS : "\u00b1";
    span.textContent = sign + written(by.replace("-", ""), marks);
    span.className = size > 0 ? "up" : size < 0 ? "down" : "soft";
  }
  if (!by) span.className = "soft";
  element.replaceChildren(span);
}

// Return an element with a class and text.
function made(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
