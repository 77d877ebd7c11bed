// draw.mjs FILE: the land of a TopoJSON file (github.com/topojson/topojson-specification) as SVG. x is the longitude, y the latitude
// with its sign turned, both in tenths of a degree.
import { readFileSync } from "node:fs";

const topology = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { scale, translate } = topology.transform;

// An arc is stored as its first point and the steps from there; ~n stands for arc n from its end.
const arcs = topology.arcs.map((steps) => {
  let x = 0;
  let y = 0;
  return steps.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
});

function tenths(ring) {
  const points = ring.flatMap((arc) => (arc < 0 ? arcs[~arc].toReversed() : arcs[arc]));
  const rounded = points.map(([x, y]) => [Math.round(10 * x), Math.round(-10 * y)]);
  return rounded.filter(([x, y], i) => i === 0 || x !== rounded[i - 1][0] || y !== rounded[i - 1][1]);
}

function path(points) {
  const [first, ...steps] = points.map(([x, y], i) => (i === 0 ? [x, y] : [x - points[i - 1][0], y - points[i - 1][1]]));
  return `M${first.join(" ")}l${steps.flat().join(" ")}z`.replaceAll(" -", "-");
}

const polygons = topology.objects.land.geometries.flatMap((shape) => (shape.type === "Polygon" ? [shape.arcs] : shape.arcs));
const rings = polygons.flat().map(tenths).filter((points) => points.length > 3);
console.log('<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1800 -900 3600 1800" preserveAspectRatio="none">');
console.log('<path fill="#888" fill-opacity=".35" d="');
rings.forEach((points) => console.log(path(points)));
console.log('"/>\n</svg>');
