"""The same lines on skep and on what it stands in for; see differential.sh.

    golden     recorded outcomes of Hive 3.1.3, exception and message included
    scenarios  scripts by hand, on every original
    random     scripts by chance, on every original; the first that differs is made small and printed

What differs is compared field by field, and has to be in docs/differences.tsv: original, call, path, theirs, ours (regular
expressions that have to match whole) and the reason. An entry for an original that was asked and did not differ fails too,
for scripts by chance excepted.
"""

import argparse
import ast
import contextlib
import dataclasses
import pathlib
import random
import re
import sys

import chance
import golden
import scenarios
from calls import Server, differences

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Known:
    """A difference that is known, with its reason."""

    original: str
    call: str
    path: str
    theirs: str
    ours: str
    reason: str
    seen: bool = False

    def covers(self, original, line, difference):
        texts = [original, line, *map(str, difference)]
        patterns = [self.original, self.call, self.path, self.theirs, self.ours]
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in zip(patterns, texts))


def read_known(path):
    lines = [line.split("\t") for line in path.read_text().splitlines() if line and line[0] != "#"]
    return [Known(*line) for line in lines]


class Judge:
    def __init__(self, known):
        self.known, self.wrong, self.same = known, 0, 0

    def unknown(self, original, line, theirs, ours):
        """Returns the differences of two outcomes that have no entry."""
        found = []
        for difference in differences(theirs, ours):
            entries = [one for one in self.known if one.covers(original, line, difference)]
            for one in entries:
                one.seen = True
            if not entries:
                found.append(difference)
        return found

    def judge(self, original, line, theirs, ours):
        found = self.unknown(original, line, theirs, ours)
        self.wrong += bool(found)
        self.same += not found
        for path, one, other in found:
            print(f"DIFFERS {original}: {line}\n   at {path or 'the outcome'}\n   theirs {one}\n   ours   {other}", flush=True)

    def stale(self, originals):
        for one in self.known:
            if not one.seen and any(re.fullmatch(one.original, original) for original in originals):
                self.wrong += 1
                print(f"STALE   {one.original}: {one.call} at {one.path}: does not differ (any more): {one.reason}")


# ---------------------------------------------------------------- recorded outcomes


def recorded(text):
    """Returns a recorded outcome as text that compares: maps in order, and without unset fields."""
    with contextlib.suppress(ValueError, SyntaxError):
        return repr(ordered(ast.literal_eval(text)))
    return re.sub(r"\w+=None(, )?|, (?=\))", "", text).replace(", )", ")")


def ordered(value):
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return type(value)(map(ordered, value)) if isinstance(value, (list, tuple)) else value


def spelled(server, line):
    """Runs a line and spells the outcome as the record does."""
    from thriftpy2.thrift import TApplicationException, TException

    try:
        value = eval(line, server.env)  # noqa: S307 (lines are ours)
        value = value if isinstance(value, str) else repr(value)
    except TException as error:
        if not isinstance(error, TApplicationException) and not hasattr(error, "message"):
            raise
        value = f"{type(error).__name__}: {(error.message or '').strip()}"
    value = re.sub(r"(createTime=|'transient_lastDdlTime': )'?\d{10}'?", lambda m: m[1] + ("'<TS>'" if "'" in m[1] else "<TS>"), value)
    return recorded(server.words(value))


def filters(records):
    for label in records:
        if label.startswith("f "):
            yield label, f"joined(c.get_partitions_by_filter('g1', 'p', {label[2:]!r}, -1))"


def replay(skep, judge):
    lines = (HERE / "golden-3.1.3.txt").read_text().splitlines()
    records = dict(line.split(" => ", 1) for line in lines)
    script = [*golden.BEFORE_FILTERS, *filters(records), *golden.AFTER_FILTERS]
    if left_out := records.keys() - {label for label, _ in script}:
        sys.exit(f"recorded outcomes without a line: {sorted(left_out)}")
    for label, line in script:
        ours, theirs = spelled(skep, line), recorded(records[label])
        if len(records[label]) > 500:
            end = theirs.rfind(", ")
            ours, theirs = ours[:end], theirs[:end]
        judge.judge("3.1.3", label, theirs, ours)
    print(f"golden: {len(script)} recorded outcomes replayed", flush=True)


# ---------------------------------------------------------------- both at once


def differing(skep, original, script, judge):
    """Runs a script on both from nothing, and returns the number of its first line that differs, with how."""
    skep.clear(), original.clear()
    for number, line in enumerate(script):
        found = judge.unknown(original.name, line, original.run(line), skep.run(line))
        if found:
            return number, found
    return None


def shrunk(skep, original, script, difference, judge):
    """Leaves out of a script with a known `difference` all that it differs without; one that does not differ again stays."""
    number, found = difference
    script, at = script[:number + 1], 0
    while at < len(script) - 1:
        shorter = script[:at] + script[at + 1:]
        again = differing(skep, original, shorter, judge)
        if again and again[0] == len(shorter) - 1 and again[1] == found:
            script = shorter
        else:
            at += 1
    return script, found


def run_scenarios(skep, original, judge):
    for name, script in scenarios.ALL.items():
        skep.clear(), original.clear()
        for line in script:
            judge.judge(original.name, line, original.run(line), skep.run(line))
        print(f"scenario {name} on {original.name}: {len(script)} calls", flush=True)


def run_random(skep, original, judge, seed, cases):
    for case in range(seed, seed + cases):
        script = chance.script(random.Random(case))
        difference = differing(skep, original, script, judge)
        if difference is None:
            judge.same += 1
            continue
        judge.wrong += 1
        script, found = shrunk(skep, original, script, difference, judge)
        print(f"DIFFERS {original.name}, SEED={case} CASES=1:", *script, sep="\n  ")
        for path, one, other in found:
            print(f"   at {path or 'the outcome'}\n   theirs {one}\n   ours   {other}", flush=True)
    print(f"random on {original.name}: {cases} scripts from seed {seed}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skep", required=True)
    parser.add_argument("--original", action="append", default=[])
    parser.add_argument("--known", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("parts", nargs="+", choices=["golden", "scenarios", "random"])
    arguments = parser.parse_args()
    judge, asked = Judge(read_known(arguments.known)), set()
    with contextlib.ExitStack() as stack:
        skep = Server("skep", *arguments.skep.split("="), stack)
        originals = [Server(*one.split("="), stack) for one in arguments.original]
        if "golden" in arguments.parts:
            replay(skep, judge)
            asked.add("3.1.3")
        for original in originals:
            if "scenarios" in arguments.parts:
                run_scenarios(skep, original, judge)
                asked.add(original.name)
            if "random" in arguments.parts:
                run_random(skep, original, judge, arguments.seed, arguments.cases)
    judge.stale(asked)
    print(f"{judge.same} passed, {judge.wrong} failed")
    return 1 if judge.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
