"""
Compares what clients were told with what the database holds.

The events of an order are written under its row lock, so they are in the order in which they happened: that is one witness.
The answers are the other. A run passes when both tell the same story and it has one winner at a time.
"""

from collections import Counter, defaultdict

# event -> the events that may come before it
BEFORE = {"placed": {None}, "taken": {"placed", "released", "expired"}, "released": {"taken"}, "expired": {"taken"}, "delivered": {"taken"}}
STATUS = {"placed": "UNASSIGNED", "released": "UNASSIGNED", "expired": "UNASSIGNED", "taken": "TAKEN", "delivered": "DELIVERED"}
EVENT = {"take": "taken", "release": "released", "deliver": "delivered"}

SEEN = """
SELECT e.order_id, e.event, e.taker, e.claim, e.id > {since} FROM order_events AS e
WHERE e.order_id IN (SELECT order_id FROM order_events WHERE id > {since}) ORDER BY e.order_id, e.id
"""
ROWS = """
SELECT id, status, taker, distance FROM orders WHERE id IN (SELECT order_id FROM order_events WHERE id > {since})
"""


class Story:
    """One order: what happened to it (database) and what its clients heard (answers)."""

    def __init__(self):
        self.events = []            # (event, taker, claim, in this run)
        self.row = None             # (status, taker, distance)
        self.told = Counter()       # (event, taker) -> SUCCESS answers
        self.doubt = Counter()      # (event, taker) -> answers that leave it open
        self.fences = []            # (taker, claim) that claims were told
        self.placed = None          # the distance that the customer was told


def last_event(query):
    """Where the run begins."""
    return query("SELECT coalesce(max(id), 0) FROM order_events")[0][0]


def tell(entries, query, since):
    stories = defaultdict(Story)
    for order, *event in query(SEEN.format(since=int(since))):
        stories[order].events.append(event)
    for order, status, taker, distance in query(ROWS.format(since=int(since))):
        stories[order].row = (status, taker, distance)
    for entry in entries:
        event = EVENT.get(entry.op)
        if entry.op == "place" and entry.outcome == "success":
            stories[entry.order].placed = entry.detail
        elif entry.op == "claim" and entry.outcome == "success":
            for order, claim in entry.detail:
                stories[order].told["taken", entry.taker] += 1
                stories[order].fences.append((entry.taker, claim))
        elif event and entry.outcome.startswith("success"):
            stories[entry.order].told[event, entry.taker] += 1
        elif event and entry.outcome in ("unknown", "unanswered"):
            stories[entry.order].doubt[event, entry.taker] += 1
    doubt_claims(stories, {entry.taker for entry in entries if entry.op == "claim" and entry.outcome in ("unknown", "unanswered")})
    return stories


def doubt_claims(stories, takers):
    """Whose claim had no answer may have any order."""
    for story in stories.values():
        for event, taker, *_ in story.events:
            if event == "taken" and taker in takers:
                story.doubt[event, taker] += 1


def complaints_of_answers(entries, fault):
    """Answers that nothing expects, and requests without any."""
    found = [entry.detail for entry in entries if entry.outcome.endswith("unexpected")]
    if not fault:
        found += [f"{entry.op} of order {entry.order} by {entry.taker} was never answered"
                  for entry in entries if entry.outcome == "unanswered"]
    return found


def complaints_of_events(order, story):
    """One order by the database alone: one holder at a time, and the row says what the last event says."""
    before, holder, found = None, None, []
    if not story.events:        # an order that does not exist, or one that complaints_of_both finds
        return found
    for event, taker, *_ in story.events:
        if before not in BEFORE.get(event, ()):
            found.append(f"order {order}: {event} by {taker} right after {before or 'nothing'} by {holder}"
                         + (": two winners" if event == before == "taken" else ""))
        elif event in ("released", "delivered", "expired") and taker != holder:
            found.append(f"order {order}: taken by {holder}, {event} by {taker}")
        before, holder = event, taker
    if story.row is None:
        return [*found, f"order {order}: it has events and no row"]
    status, taker, _ = story.row
    expected = (STATUS.get(before), holder if before in ("taken", "delivered") else None)
    if (status, taker) != expected:
        found.append(f"order {order}: the row says {status} by {taker}, the last event {before} by {holder}")
    return found


def complaints_of_fences(order, story):
    """Each acquisition has a higher number than the one before, its end has the same, and so has the answer of the claim. Events
    of before there were numbers have none."""
    fence, found = 0, []
    for event, taker, claim, _ in story.events:
        if claim is None or event == "placed":
            continue
        if event == "taken" and claim <= fence:
            found.append(f"order {order}: taken by {taker} under claim {claim}, after claim {fence}")
        elif event != "taken" and fence and claim != fence:
            found.append(f"order {order}: {event} by {taker} under claim {claim}, taken under claim {fence}")
        fence = max(fence, claim)
    taken = {(taker, claim) for event, taker, claim, _ in story.events if event == "taken"}
    return found + [f"order {order}: {taker} was told claim {claim}, and no event says so" for taker, claim in story.fences
                    if (taker, claim) not in taken]


def complaints_of_winners(order, story):
    """One order by the answers, and by the leases that have ended. A name is used for one claim, so its second SUCCESS is no
    second win."""
    wins = sum(1 if taker else count for (event, taker), count in story.told.items() if event == "taken")
    ends = sum(1 if taker else count for (event, taker), count in (story.told + story.doubt).items() if event == "released")
    ends += sum(event == "expired" for event, *_ in story.events)
    if wins > 1 + ends:
        names = sorted(str(taker) for (event, taker) in story.told if event == "taken")
        return [f"order {order}: {wins} winners by the answers, {ends} releases and ended leases: {', '.join(names)}"]
    return []


def complaints_of_both(order, story, fault):
    """Each SUCCESS has its event, each event of this run its SUCCESS."""
    found = []
    happened = Counter((event, taker) for event, taker, _, ours in story.events if ours and event not in ("placed", "expired"))
    for (event, taker), count in story.told.items():
        most = min(count, 1) if taker else count
        if happened[event, taker] < most:
            found.append(f"order {order}: {count} SUCCESS, {happened[event, taker]} {event} events by {taker}")
    for (event, taker), count in happened.items():
        told, doubt = story.told[event, taker], story.doubt[event, taker]
        if taker and count > 1:
            found.append(f"order {order}: {count} {event} events by {taker}")
        elif fault and (doubt or not taker):
            continue        # the reply was lost; without a name nobody can ask again who it was
        elif told < count:
            found.append(f"order {order}: {count} {event} events, {told} SUCCESS by {taker}")
    return found


def complaints_of_placing(order, story, fault):
    placed = any(event == "placed" and ours for event, *_, ours in story.events)
    if story.placed is not None and (story.row is None or story.row[2] != story.placed or not placed):
        return [f"order {order}: placed with distance {story.placed}, stored as {story.row}"]
    if placed and story.placed is None and not fault:
        return [f"order {order}: it was placed, and no customer was told"]
    return []


def complaints(entries, query, since, fault=False):
    """Everything that is wrong, as lines; empty when nothing is. See unproved, too."""
    found = complaints_of_answers(entries, fault)
    for order, story in sorted(tell(entries, query, since).items()):
        found += complaints_of_events(order, story)
        found += complaints_of_fences(order, story)
        found += complaints_of_winners(order, story)
        found += complaints_of_both(order, story, fault)
        found += complaints_of_placing(order, story, fault)
    return found


def unproved(entries):
    """What a run has to have seen, so that no complaint means something. A session at Locust's page may end without."""
    outcomes = Counter((entry.op, entry.outcome) for entry in entries)
    return [f"nothing was proved: no {op} ended with {outcome!r}"
            for op, outcome in (("place", "success"), ("take", "success"), ("take", "taken"), ("claim", "success"), ("deliver", "stale"))
            if not outcomes[op, outcome]]
