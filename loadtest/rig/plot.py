"""Throughput and p99 over the number of clients, as an SVG that needs no library."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 260, 70, 50, 90
COLOURS = {"rowlock": "#b3261e", "direct": "#f08c00", "beside": "#e8590c", "go": "#0b7285", "fastify": "#2b8a3e", "flask": "#5f3dc4"}


def nice_ceiling(value):
    step = 10 ** math.floor(math.log10(value))
    return next(step * factor for factor in (1, 2, 2.5, 5, 10) if step * factor >= value)


def label(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 1 else f"{value:g}"


class Panel:
    """One pair of axes: clients to the right, by powers of two; linear upwards, or by powers of ten."""

    def __init__(self, column, line, title, unit, lines, log):
        self.x0, self.y0 = LEFT + column * (WIDTH + GAP), TOP + line * (HEIGHT + GAP)
        self.title, self.unit, self.lines, self.log = title, unit, lines, log
        values = [value for points in lines.values() for _, value in points]
        self.clients = sorted({clients for points in lines.values() for clients, _ in points})
        self.top = 10 ** math.ceil(math.log10(max(values))) if log else nice_ceiling(max(values))
        self.bottom = 10 ** math.floor(math.log10(min(values))) if log else 0
        if self.log and self.top == self.bottom:
            self.top *= 10

    def x(self, clients):
        last = math.log2(self.clients[-1]) or 1
        return self.x0 + WIDTH * math.log2(clients) / last

    def y(self, value):
        if self.log:
            share = math.log10(value / self.bottom) / math.log10(self.top / self.bottom)
        else:
            share = value / self.top
        return self.y0 + HEIGHT * (1 - share)

    def ticks(self):
        if not self.log:
            return [self.top * i / 5 for i in range(6)]
        return [self.bottom * 10**i for i in range(round(math.log10(self.top / self.bottom)) + 1)]

    def svg(self):
        yield f'<text x="{self.x0}" y="{self.y0 - 14}" class="title">{escape(self.title)}, {escape(self.unit)}</text>'
        for tick in self.ticks():
            y = self.y(tick)
            yield f'<path d="M{self.x0} {y:.1f}h{WIDTH}" class="grid"/>'
            yield f'<text x="{self.x0 - 8}" y="{y + 4:.1f}" class="tick" text-anchor="end">{label(tick)}</text>'
        for clients in self.clients:
            x, y = self.x(clients), self.y0 + HEIGHT + 18
            yield f'<text x="{x:.1f}" y="{y}" class="tick" text-anchor="middle">{clients}</text>'
        yield f'<text x="{self.x0 + WIDTH / 2}" y="{self.y0 + HEIGHT + 38}" class="tick" text-anchor="middle">clients</text>'
        for who, points in self.lines.items():
            path = " ".join(f"{self.x(clients):.1f},{self.y(value):.1f}" for clients, value in points)
            yield f'<polyline points="{path}" fill="none" stroke="{COLOURS.get(who, "#000")}" stroke-width="2"/>'
            for clients, value in points:
                yield f'<circle cx="{self.x(clients):.1f}" cy="{self.y(value):.1f}" r="3" fill="{COLOURS.get(who, "#000")}"/>'


def draw(curves):
    """curves[title][who] = [measurement, ...], each with clients, rps and p99_us."""
    panels = []
    for column, (title, lines) in enumerate(curves.items()):
        rates = {who: [(m["clients"], m["rps"]) for m in found] for who, found in lines.items()}
        waits = {who: [(m["clients"], m["p99_us"] / 1000) for m in found] for who, found in lines.items()}
        panels += [Panel(column, 0, title, "requests/s", rates, False), Panel(column, 1, title, "p99 in ms", waits, True)]
    width, height = LEFT + len(curves) * (WIDTH + GAP), TOP + 2 * (HEIGHT + GAP) + 10
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
             "<style>.title{font-size:15px;font-weight:bold}.tick{font-size:12px;fill:#444}.grid{stroke:#ddd}</style>",
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for panel in panels:
        parts += panel.svg()
    names = next(iter(curves.values()))
    for i, who in enumerate(names):
        x, y = LEFT + i * 110, height - 22
        parts.append(f'<rect x="{x}" y="{y}" width="14" height="14" fill="{COLOURS.get(who, "#000")}"/>'
                     f'<text x="{x + 20}" y="{y + 12}" font-size="13">{escape(who)}</text>')
    return "\n".join([*parts, "</svg>", ""])
