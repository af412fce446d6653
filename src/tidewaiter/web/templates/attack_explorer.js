"use strict";
const told = JSON.parse(document.getElementById("data").textContent);
const near = told.nodes.map(() => []);
for (const [from, to, relation] of told.edges) {
  near[from].push([to, relation]);
  if (from !== to) near[to].push([from, relation + " (from)"]);
}
const byId = new Map(told.nodes.map((node, at) => [node[0], at]));
const svg = document.getElementById("graph");
const body = document.querySelector("#list tbody");
const wanted = document.getElementById("wanted");
const MOST = 60;
const colors = {technique: "#c0504d", analytic: "#4f81bd", detection_strategy: "#8064a2", data_component: "#4bacc6",
  group: "#f79646", software: "#9bbb59", mitigation: "#2c8c5a", tactic: "#b8860b", campaign: "#d2691e"};

function made(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
}

function short(text, most) { return text.length > most ? text.slice(0, most - 1) + "\u2026" : text; }

function node(at, x, y, size, isNamed) {
  const [id, name, type] = told.nodes[at];
  const group = made("g", {tabindex: 0, role: "button", "data-id": id, "aria-label": id + " " + name, style: "cursor:pointer"});
  group.append(made("title", {}, id + " " + name + " (" + type.replace(/_/g, " ") + ")"));
  group.append(made("circle", {cx: x, cy: y, r: size, fill: colors[type] || "#888"}));
  group.append(made("text", {x: x, y: y + size + 13, "text-anchor": "middle"}, id));
  if (isNamed) group.append(made("text", {x: x, y: y - size - 6, "text-anchor": "middle"}, short(name, size > 12 ? 60 : 26)));
  group.addEventListener("click", () => go(id));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    go(id);
  });
  return group;
}

function show(at) {
  const [id, name, type, page] = told.nodes[at];
  const members = near[at].slice().sort((a, b) => a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : a[0] - b[0]);
  const drawn = members.slice(0, MOST);
  const held = svg.contains(document.activeElement) || body.contains(document.activeElement);
  svg.replaceChildren();
  body.replaceChildren();
  const rings = drawn.length > 24 ? 2 : 1;
  const dots = [];
  drawn.forEach(([other], number) => {
    const angle = 2 * Math.PI * number / drawn.length - Math.PI / 2;
    const reach = rings === 2 && number % 2 ? 0.72 : 1;
    const x = 550 + 470 * reach * Math.cos(angle), y = 375 + 315 * reach * Math.sin(angle);
    svg.append(made("line", {x1: 550, y1: 375, x2: x, y2: y, stroke: "#8888", "stroke-width": 1}));
    dots.push(node(other, x, y, 9, rings === 1));
  });
  const middle = node(at, 550, 375, 18, true);
  svg.append(middle, ...dots);
  if (held) middle.focus();
  for (const [other, relation] of members) {
    const row = body.insertRow();
    row.insertCell().textContent = relation.replace(/_/g, " ");
    const link = document.createElement("a");
    link.href = "#" + encodeURIComponent(told.nodes[other][0]);
    link.textContent = told.nodes[other][0];
    row.insertCell().append(link);
    row.insertCell().textContent = told.nodes[other][1];
  }
  wanted.value = id;
  const link = document.getElementById("page");
  link.href = page;
  link.textContent = "page of " + id;
  const more = members.length > MOST ? ", the first " + MOST + " drawn" : "";
  document.getElementById("said").textContent = id + " " + name + ": " + members.length + " relations" + more;
}

function go(id) { location.hash = encodeURIComponent(id); }

function named() {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return location.hash.slice(1); }
}

function follow() {
  const id = named() || (byId.has("AN0691") ? "AN0691" : told.nodes.length ? told.nodes[0][0] : "");
  const at = byId.get(id);
  if (at !== undefined) show(at);
  else document.getElementById("said").textContent = "no object " + short(id, 80) + " in this release";
}

wanted.addEventListener("change", () => {
  const text = wanted.value.trim(), id = text.split(" ")[0];
  if (byId.has(id)) return go(id);
  const lower = text.toLowerCase();
  const found = told.nodes.find((one) => one[0].toLowerCase() === lower || one[1].toLowerCase() === lower) ||
    told.nodes.find((one) => one[1].toLowerCase().includes(lower));
  if (found) go(found[0]);
  else document.getElementById("said").textContent = "no object is called " + short(text, 80);
});
document.getElementById("back").addEventListener("click", () => history.back());
const options = document.getElementById("all");
for (const one of told.nodes) {
  const option = document.createElement("option");
  option.value = one[0] + " " + one[1];
  options.append(option);
}
addEventListener("hashchange", follow);
follow();
