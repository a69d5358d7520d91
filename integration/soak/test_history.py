"""The check of a history can fail: for each of its rules, one that breaks it."""

import pytest
from history import Operation, faults

ADD = Operation("k", "add", "1", 10, 20)
DROP = Operation("k", "drop", None, 30, 40)
BEGINS = 4
TOLD = [(5, "add", "k", "1"), (6, "drop", "k", None)]


def test_a_history_that_can_be():
    read = [Operation("k", "read", "1", 15, 16), Operation("k", "read", None, 15, 16), Operation("k", "read", "1", 25, 26)]
    refused = [Operation("k", "add", "9", 25, 26, done=False), Operation("k", "drop", "9", 35, 50, done=False)]
    assert faults([ADD, DROP, *read, *refused], [*TOLD, (7, None, None, None)], [], BEGINS) == []


def test_a_drop_may_be_told_of_by_the_notification_of_another():
    slow, quick = Operation("k", "drop", None, 25, 90), Operation("k", "drop", None, 50, 60)
    again = Operation("k", "add", "2", 45, 70)
    events = [*TOLD, (7, "add", "k", "2"), (8, "drop", "k", None)]
    # the slow one took effect at once, though the quick one ended first
    assert faults([ADD, slow, Operation("k", "read", None, 30, 40), again, quick], events, [], BEGINS) == []


@pytest.mark.parametrize("operations, events, final, told", [
    ([ADD], [], [("k", "1")], "no notification tells of it"),
    ([ADD], TOLD[:1], [], "was written last"),
    ([ADD], TOLD[:1], [("k", "1"), ("k", "1")], "2 times"),
    ([ADD], [TOLD[0], (6, "add", "k", "1")], [("k", "1")], "second"),
    ([ADD, DROP], [TOLD[0], (8, "drop", "k", None)], [], "8 follows 5"),
    ([ADD], [(6, "add", "k", "1")], [("k", "1")], "6 follows 4"),
    ([ADD, Operation("k", "alter", "2", 30, 40), Operation("k", "alter", "3", 25, 26)],
     [TOLD[0], (6, "alter", "k", "2"), (7, "alter", "k", "3")], [("k", "3")], "stands after it"),
    ([ADD, DROP], [(5, "drop", "k", None), (6, "add", "k", "1")], [("k", "1")], "no acknowledged write explains"),
    ([ADD, Operation("k", "add", "3", 12, 22)], [TOLD[0], (6, "add", "k", "3")], [("k", "3")], "took effect while"),
    ([ADD, Operation("k", "read", None, 25, 26)], TOLD[:1], [("k", "1")], "a read saw None"),
    ([ADD, Operation("k", "read", "1", 5, 6)], TOLD[:1], [("k", "1")], "a read saw 1"),
    ([ADD, DROP, Operation("k", "read", "1", 45, 46)], TOLD, [], "a read saw 1"),
    ([ADD, Operation("k", "drop", "9", 25, 26, done=False)], TOLD[:1], [("k", "1")], "found nothing"),
    ([ADD, Operation("k", "add", "9", 5, 6, done=False)], TOLD[:1], [("k", "1")], "was refused"),
])
def test_a_history_that_cannot_be(operations, events, final, told):
    assert any(told in fault for fault in faults(operations, events, final, BEGINS))
