"""What many clients did at once, and whether one server can have answered so.

A partition of a given name is a register: there with a token, or not. An operation of a client is written down with the
moments of its call and of its return, by one clock. Notifications tell the order in which the writes took effect; so the
check is one pass: the order has to lead from write to write, no write may stand before one that had ended when it began,
and a read has to have seen what one of the states was between its call and its return.
"""

import bisect
import collections
import dataclasses

ABSENT = None


@dataclasses.dataclass
class Operation:
    """One call: what it did to (or saw of) a key, and what the server said of it."""

    key: str
    kind: str  # add, drop, alter or read
    token: str | None  # what is there after it, or what a read saw
    called: int
    returned: int
    done: bool = True  # False if it was refused


def faults(operations, events, final, begins):
    """Returns all that cannot be, as text.

    `events` is the list of (id, kind, key, token) of notifications in the order in which they were read, and `final` maps
    the keys that are there at the end to their tokens, as a list of pairs. `begins` is the number of the last notification
    before all of them.
    """
    return [*numbering(begins, events), *doubled(final), *per_key(operations, events, dict(final))]


def numbering(begins, events):
    for (before, *_), (after, *_) in zip([(begins,), *events], events):
        if after != before + 1:
            yield f"notification {after} follows {before}"


def doubled(final):
    for key, times in collections.Counter(key for key, _ in final).items():
        if times > 1:
            yield f"{key} is there {times} times"


def per_key(operations, events, final):
    by_key, told = collections.defaultdict(list), collections.defaultdict(list)
    for one in operations:
        by_key[one.key].append(one)
    for _, kind, key, token in events:
        if key is not None:  # of no partition
            told[key].append((kind, token))
    for key in by_key.keys() | told.keys() | final.keys():
        yield from one_key(key, by_key[key], told[key], final.get(key, ABSENT))


def one_key(key, operations, told, at_the_end):
    done = [one for one in operations if one.kind != "read" and one.done]
    order, left = matched(done, told)
    for event, write in zip(told, order):
        if write is None:
            yield f"{key}: a notification of {event} that no acknowledged write explains, or its second"
    for write in left:
        yield f"{key}: {write.kind} {write.token} was acknowledged, and no notification tells of it"
    if None in order or left:
        return
    state = ABSENT
    for write in order:
        if (write.kind == "add") != (state is ABSENT):
            yield f"{key}: {write.kind} {write.token} took effect while {state} was there"
        state = ABSENT if write.kind == "drop" else write.token
    if state != at_the_end:
        yield f"{key}: {state} was written last, {at_the_end} is there at the end"
    latest_call = 0
    for before, write in zip([None, *order], order):
        if write.returned < latest_call:
            yield f"{key}: {write.kind} {write.token} had ended before {before.kind} {before.token} began, and stands after it"
        latest_call = max(latest_call, write.called)
    yield from reads(key, [one for one in operations if one.kind == "read" or not one.done], order)


def matched(done, told):
    """Returns the write that each notification tells of, None for one that no write explains, and the writes left over.

    Tokens name adds and alterations. Drops have none: a notification of a drop takes, of those drops that can have been
    between the writes around it, the one that ended first; later notifications could take it less than any other. Which of
    them it was nobody knows, so what it returns for it was called when the first of them was, and returned with the last.
    """
    named = {(one.kind, one.token): one for one in done if one.kind != "drop"}
    drops = sorted((one for one in done if one.kind == "drop"), key=lambda one: one.returned)
    order = [None if kind == "drop" else named.pop((kind, token), None) for kind, token in told]
    latest, earliest = [0], [float("inf")]
    for write in order:
        latest.append(max(latest[-1], write.called if write else 0))
    for write in reversed(order):
        earliest.append(min(earliest[-1], write.returned if write else float("inf")))
    earliest.reverse()
    every, returns = list(drops), [one.returned for one in drops]
    longest = max((one.returned - one.called for one in drops), default=0)
    for place, (kind, _) in enumerate(told):
        if kind != "drop":
            continue
        since, until = latest[place], earliest[place + 1]
        if drop := next((one for one in drops if one.returned >= since and one.called <= until), None):
            drops.remove(drop)
            near = every[bisect.bisect_left(returns, since) : bisect.bisect_right(returns, until + longest)]
            fits = [one for one in near if one.called <= until]
            called, returned = min(one.called for one in fits), max(one.returned for one in fits)
            order[place] = dataclasses.replace(drop, called=called, returned=returned)
    return order, [*named.values(), *drops]


def reads(key, seen, order):
    """Yields what reads (and refusals, which saw that a key was there or not) cannot have seen."""
    states = [ABSENT] + [ABSENT if write.kind == "drop" else write.token for write in order]
    # state n can be seen from the call of write n until the return of write n + 1, or of any after it
    begins = [0, *(write.called for write in order)]
    for number in range(1, len(begins)):
        begins[number] = max(begins[number], begins[number - 1])
    ends = [*(write.returned for write in order), float("inf")]
    for number in range(len(ends) - 2, -1, -1):
        ends[number] = min(ends[number], ends[number + 1])
    for one in seen:
        first = bisect.bisect_left(ends, one.called)
        last = bisect.bisect_right(begins, one.returned)
        possible = states[first:last]
        if one.kind == "read" and one.token not in possible:
            yield f"{key}: a read saw {one.token}, and {possible} is what there was meanwhile"
        elif one.kind == "add" and all(state is ABSENT for state in possible):
            yield f"{key}: an add was refused, and there was nothing"
        elif one.kind in ("drop", "alter") and ABSENT not in possible:
            yield f"{key}: {one.kind} found nothing, and {possible} is what there was meanwhile"
