"""What /metrics says, read strictly: Prometheus' text format 0.0.4, and what OpenMetrics 1.0 says otherwise."""

import re

LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:{(?P<labels>.*)})? (?P<value>[0-9.]+)")
EXEMPLAR = re.compile(r'(?P<line>.*_bucket{.*} [0-9]+) # {(?P<labels>.*)} (?P<value>[0-9.]+) (?P<time>[0-9.]+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}


class Metrics:
    """families: {name: (type, help)}, as the text names them; units: {name: unit}; values: {(name, labels as a frozenset of pairs): value};
    exemplars: {the same key: ({label: value}, value, time)}"""

    def __init__(self, text):
        self.text, self.families, self.units, self.values, self.exemplars = text, {}, {}, {}, {}
        self.open = text.endswith("# EOF\n")
        assert text.endswith("\n"), text[-200:]
        helps, current = {}, None
        for line in text.removesuffix("# EOF\n").splitlines():
            word, _, rest = line.partition(" ")
            if word == "#":
                kind, name, said = rest.split(" ", 2)
                if kind == "HELP":
                    assert name not in helps, name
                    helps[name] = said
                elif kind == "TYPE":
                    self.families[name], current = (said, helps[name]), name
                else:
                    assert kind == "UNIT" and self.open and name == current and name.endswith("_" + said), line
                    self.units[name] = said
            else:
                self.take(line, current)

    def take(self, line, family):
        exemplar = EXEMPLAR.fullmatch(line) if self.open else None
        found = LINE.fullmatch(exemplar["line"] if exemplar else line)
        assert found, line
        labels, end = [], 0
        for label in LABEL.finditer(found["labels"] or ""):
            assert label.start() == end, line
            labels.append((label[1], re.sub(r"\\(.)", lambda escaped: {"n": "\n"}.get(escaped[1], escaped[1]), label[2])))
            end = label.end()
        assert end == len(found["labels"] or "") and len(dict(labels)) == len(labels), line
        kind = self.families[family][0]
        allowed = SUFFIXES[kind] if self.open or kind == "histogram" else ("",)
        assert found["name"].removeprefix(family) in allowed, line
        key = found["name"], frozenset(labels)
        assert key not in self.values, line
        self.values[key] = float(found["value"])
        if exemplar:
            assert sum(len(name) + len(value) for name, value in LABEL.findall(exemplar["labels"])) <= 128
            self.exemplars[key] = dict(LABEL.findall(exemplar["labels"])), float(exemplar["value"]), float(exemplar["time"])

    def lines(self, name, **labels):
        """{labels: value} of all lines with that name and, among others, these labels."""
        return {found: value for (other, found), value in self.values.items() if other == name and set(labels.items()) <= found}

    def value(self, name, **labels):
        """The sum of those lines; 0 when there is none."""
        return sum(self.lines(name, **labels).values())

    def labels(self, name):
        """The names of the labels of a family's lines, without those that its type brings along."""
        names = [name + suffix for suffix in ("", "_total", "_info", "_bucket")]
        return {label for (other, found) in self.values if other in names for label, _ in found} - {"le"}


def scraped(api, target="/metrics", headers=()):
    """What is there now."""
    answer = api.get(target, headers)
    assert answer.status == 200, answer
    return Metrics(answer.body.decode())
