"""Medians, ratios and verdicts of all rounds."""

from statistics import median

from rig.rows import IDLE_KIB, MANY, P99_OF_TAKE_MS, PEERS, RSS_MIB

MEASURES = ("rps", "p50_us", "p99_us", "cpu_per_1000", "database_cpu_per_1000")


def label(row):
    return row.title if row.single else f"{row.title}, {row.clients} clients"


class Figures:
    """seen[row key][contestant] = [measurement of round 1, of round 2, ...]"""

    def __init__(self, rows, seen):
        self.rows, self.seen = rows, seen

    def median(self, key, who, measure):
        values = [one[measure] for one in self.seen[key][who] if one[measure] is not None]
        return median(values) if values else None

    def medians(self, key, who):
        clients = self.seen[key][who][0]["clients"]
        return {"clients": clients, **{measure: self.median(key, who, measure) for measure in MEASURES}}

    def ratios(self, row, whose, other):
        """Rowlock by somebody else, pair by pair: both were measured within the same minute."""
        return [mine["rps"] / theirs["rps"] for mine, theirs in zip(self.seen[row.key]["rowlock"], self.seen[whose][other])]

    def reference(self, row):
        return next((who for who in ("pgbench", "bare") if who in self.seen[row.reference]), None)

    def ratio(self, row):
        who = self.reference(row)
        return median(self.ratios(row, row.reference, who)) if who else None

    def beside(self, who):
        """The other build, or the other engine: (row, ratios of Rowlock to it) of each row."""
        return [(row, self.ratios(row, row.key, who)) for row in self.rows if who in self.seen[row.key]]

    # ---- verdicts: (measure, value, what is required, whether it is met) ----

    def verdicts(self, memory):
        found = []
        for row in self.rows:
            ratio = self.ratio(row)
            if row.needs is not None and ratio is not None:
                found.append((f"{label(row)}: to {self.reference(row)}", f"{ratio:.3g} x",
                              f"at least {row.needs:.1f} x", ratio >= row.needs))
            if row.key == "take":
                p99 = self.median("take", "rowlock", "p99_us") / 1000
                found.append((f"{label(row)}: p99", f"{p99:.1f} ms", f"under {P99_OF_TAKE_MS} ms",
                              p99 < P99_OF_TAKE_MS))
            found += self.verdicts_on_peers(row)
        if "worker" in memory:
            size = memory["worker"] / 2**20
            found.append(("memory of a worker after the bench", f"{size:.1f} MiB", f"under {RSS_MIB} MiB", size < RSS_MIB))
        for name, what in (("idle", "memory of an idle connection"), ("idle_direct", "... with --http direct")):
            if name in memory:
                size = memory[name] / 2**10
                found.append((what, f"{size:.2f} KiB", f"under {IDLE_KIB} KiB", size < IDLE_KIB))
        return found

    def verdicts_on_peers(self, row):
        """With many clients ahead in every round, which is what beyond noise means here; else at least level."""
        for who in PEERS:
            if who not in self.seen[row.key]:
                continue
            ratios = self.ratios(row, row.key, who)
            many = row.clients >= MANY
            met = min(ratios) > 1 if many else median(ratios) >= 0.95
            yield (f"{label(row)}: to {who}", f"{median(ratios):.3g} x (least {min(ratios):.3g})",
                   "ahead in every round" if many else "level or ahead", met)
