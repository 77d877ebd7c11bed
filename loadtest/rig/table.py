"""Figures as text."""

from statistics import median

from rig.figures import label


def lay_out(head, lines):
    """Columns as wide as they must be: the first two to the left, numbers to the right."""
    cells = [head, *lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    return "\n".join(lay_out_line(line, widths) for line in cells)


def lay_out_line(line, widths):
    padded = [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))]
    return "  ".join(padded).rstrip()


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def measurements(figures):
    head = ["work", "who", "clients", "requests/s", "p50 ms", "p99 ms", "CPU s/1000", "PostgreSQL CPU s/1000", "of reference"]
    lines = []
    for row in figures.rows:
        title = row.title
        for who in figures.seen[row.key]:
            m = figures.medians(row.key, who)
            ratio = figures.ratio(row) if who == "rowlock" else None
            lines.append([title, who, str(m["clients"]), number(m["rps"]), number(thousandth(m["p50_us"]), 2),
                          number(thousandth(m["p99_us"]), 2), number(m["cpu_per_1000"], 4), number(m["database_cpu_per_1000"], 4),
                          "" if ratio is None else f"{ratio:.3g} x"])
            title = ""
    return lay_out(head, lines)


def thousandth(value):
    return None if value is None else value / 1000


def verdicts(found):
    return lay_out(["measure", "required", "measured", ""],
                   [[what, required, value, "ok" if met else "short"] for what, value, required, met in found])


def beside(found, title):
    return lay_out(["work", f"{title}, median", "least", "most"],
                   [[label(row), f"{median(ratios):.3f} x", f"{min(ratios):.3f}", f"{max(ratios):.3f}"] for row, ratios in found])
