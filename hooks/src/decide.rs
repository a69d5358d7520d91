//! What the gate says, from what was found: pure.

use std::collections::BTreeSet;

use catalog::check::CheckOutcome;
use versioning::RefName;
use versioning::guard::Act;
use versioning::merge::{Extent, Refusal, Verdict};

use crate::check_file::{Broken, Check, CheckSet};
use crate::event::Event;
use crate::hook_file::{Hook, HookSet};
use crate::log::Run;

/// The check and hook files of a commit.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) checks: CheckSet,
    pub(crate) hooks: HookSet,
}

impl Files {
    fn broken(&self) -> impl Iterator<Item = &Broken> {
        self.checks.broken.iter().chain(&self.hooks.broken)
    }

    /// Returns what the check or hook of this name judges of the branch; checks judge everything that a gate does.
    pub(crate) fn judges(&self, name: &str, branch: &RefName) -> BTreeSet<Act> {
        if self.checks.has(name) {
            return [Act::Merge, Act::Revert, Act::CherryPick, Act::Reset].into();
        }
        self.hooks.judges(name, branch.as_str())
    }
}

/// Returns what stands against running any check at all: files that are broken, and required checks that
/// are missing, on the branch or in what would become its head.
pub(crate) fn before_running(
    (branch, act): (&RefName, Act),
    required: &[String],
    head: &Files,
    candidate: &Files,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for broken in head.broken() {
        refusals.push(refusal(
            &broken.path,
            format!("the check file cannot be used: {broken}\nhint: {}", mend(branch)),
        ));
    }
    for broken in candidate
        .broken()
        .filter(|broken| !head.broken().any(|known| known == *broken))
    {
        let reason = format!(
            "the merge would bring a check file that cannot be used: {broken}\nhint: mend it on the source branch"
        );
        refusals.push(refusal(&broken.path, reason));
    }
    for name in required {
        if let Some(reason) = missing((branch, act), name, head, candidate) {
            refusals.push(refusal(name, reason));
        }
    }
    refusals
}

fn missing((branch, act): (&RefName, Act), name: &str, head: &Files, candidate: &Files) -> Option<String> {
    let (before, after) = (head.judges(name, branch), candidate.judges(name, branch));
    let hint = mend(branch);
    if !before.is_empty() && !before.contains(&act) {
        let event = Event::pre(act);
        return Some(format!(
            "branch {branch} requires this check, which is not for the event {event} there\nhint: {hint}"
        ));
    }
    if before.is_empty() {
        return Some(format!(
            "branch {branch} requires this check, but no check file there has its name\nhint: {hint}, or no longer require it"
        ));
    }
    if !after.is_superset(&before) && act == Act::Reset {
        return Some(format!(
            "the commit does not have this check, which branch {branch} requires\nhint: undo single commits instead \
             (skep revert), or no longer require the check"
        ));
    }
    if !after.is_superset(&before) {
        return Some(format!(
            "the merge would remove this check, which branch {branch} requires\nhint: keep its file on the source branch"
        ));
    }
    None
}

fn mend(branch: &RefName) -> String {
    format!(
        "checks are read from the destination: write the file on {branch} and commit it there (lift the protection of the branch meanwhile)"
    )
}

/// Returns the tables that checks and hooks read; `None` if one of them does not say.
pub(crate) fn tables_read<'a>(checks: &'a CheckSet, hooks: &'a [Hook]) -> Option<Vec<(&'a str, &'a str)>> {
    let mut tables = Vec::new();
    let of_checks = checks.checks.iter().map(|check| &check.reads);
    for reads in of_checks.chain(hooks.iter().map(|hook| &hook.reads)) {
        let reads = reads.as_ref()?.iter();
        tables.extend(reads.map(|(database, table)| (database.as_str(), table.as_str())));
    }
    Some(tables)
}

/// Returns the verdict on all checks and on the runs of hooks with their descriptions; all of it rests on `reads`.
pub(crate) fn verdict(
    checks: &[(Check, CheckOutcome)],
    hooks: Vec<(Option<String>, Run)>,
    reads: Extent,
) -> Verdict {
    let mut refusals: Vec<_> = checks
        .iter()
        .filter_map(|(check, outcome)| against(check, outcome))
        .collect();
    refusals.extend(crate::service::refusals(&hooks));
    if refusals.is_empty() {
        let names = checks.iter().map(|(check, _)| check.spec.name.clone());
        Verdict::Pass {
            checks: names
                .chain(hooks.into_iter().map(|(_, run)| run.payload.hook))
                .collect(),
            reads,
        }
    } else {
        Verdict::Refuse(refusals)
    }
}

fn against(check: &Check, outcome: &CheckOutcome) -> Option<Refusal> {
    let found = match outcome {
        CheckOutcome::Passed => return None,
        CheckOutcome::Failed { rows, sample } => {
            let noun = if *rows == 1 { "row was" } else { "rows were" };
            format!("{rows} {noun} found where none should be:\n{}", sample.trim_end())
        }
        CheckOutcome::Errored { message } => format!("the check could not be run: {message}"),
        CheckOutcome::TooLong => format!(
            "the check was stopped at its time limit of {} s\nhint: raise time_limit_s in {}",
            check.spec.time_limit_s, check.path
        ),
    };
    let about = check
        .description
        .as_ref()
        .map(|text| format!("{}\n", text.trim_end()))
        .unwrap_or_default();
    Some(refusal(
        &check.spec.name,
        format!("{about}{found}\nsql: {}", check.spec.sql),
    ))
}

fn refusal(check: &str, reason: String) -> Refusal {
    Refusal {
        check: check.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_file::parse;

    fn check(name: &str) -> Check {
        let text = format!("name: {name}\nsql: select * from s.o where amt < 0\ndescription: no debts\n");
        parse(&format!("{name}.yaml"), text.as_bytes()).unwrap()
    }

    fn set(names: &[&str], broken: &[&str]) -> Files {
        let broken = broken.iter().map(|path| Broken {
            path: (*path).into(),
            at: None,
            message: "bad".into(),
        });
        Files {
            checks: CheckSet {
                checks: names.iter().map(|name| check(name)).collect(),
                broken: broken.collect(),
            },
            ..Files::default()
        }
    }

    fn names(refusals: &[Refusal]) -> Vec<&str> {
        refusals.iter().map(|refusal| refusal.check.as_str()).collect()
    }

    #[test]
    fn what_is_broken_or_missing_refuses_before_anything_runs() {
        let main = RefName::parse("main").unwrap();
        for (required, head, candidate, expected) in [
            (&[][..], set(&[], &[]), set(&[], &[]), &[][..]),
            (&["a"], set(&["a", "b"], &[]), set(&["a"], &[]), &[]),
            (&["a", "c"], set(&["a"], &[]), set(&["a", "c"], &[]), &["c"]),
            (&["a"], set(&["a"], &[]), set(&[], &[]), &["a"]),
            (&[], set(&[], &["x.yaml"]), set(&[], &["x.yaml"]), &["x.yaml"]),
            (&[], set(&[], &["x.yaml"]), set(&["x"], &[]), &["x.yaml"]),
            (&[], set(&["x"], &[]), set(&[], &["x.yaml"]), &["x.yaml"]),
            (
                &["a"],
                set(&[], &["x.yaml"]),
                set(&["a"], &["y.yaml"]),
                &["x.yaml", "y.yaml", "a"],
            ),
        ] {
            let required: Vec<_> = required.iter().map(|name| (*name).to_owned()).collect();
            let refusals = before_running((&main, Act::Merge), &required, &head, &candidate);
            assert_eq!(names(&refusals), expected, "{required:?} {head:?} {candidate:?}");
            assert!(refusals.iter().all(|refusal| refusal.reason.contains("\nhint: ")));
        }
    }

    #[test]
    fn every_check_that_does_not_pass_is_a_refusal() {
        let failed = CheckOutcome::Failed {
            rows: 2,
            sample: "| -1 |\n| -2 |\n".into(),
        };
        let errored = CheckOutcome::Errored {
            message: "no table s.o".into(),
        };
        let passed = (check("fine"), CheckOutcome::Passed);
        assert_eq!(
            verdict(std::slice::from_ref(&passed), Vec::new(), Extent::All),
            Verdict::Pass {
                checks: vec!["fine".into()],
                reads: Extent::All
            }
        );
        let runs = [
            (check("rows"), failed),
            passed,
            (check("sql"), errored),
            (check("slow"), CheckOutcome::TooLong),
        ];
        let Verdict::Refuse(refusals) = verdict(&runs, Vec::new(), Extent::All) else {
            panic!("passed")
        };
        assert_eq!(names(&refusals), ["rows", "sql", "slow"]);
        assert_eq!(
            refusals[0].reason,
            "no debts\n2 rows were found where none should be:\n| -1 |\n| -2 |\nsql: select * from s.o where amt < 0"
        );
        assert!(refusals[1].reason.contains("could not be run: no table s.o"));
        assert!(
            refusals[2]
                .reason
                .contains("300 s\nhint: raise time_limit_s in slow.yaml")
        );
    }
}
