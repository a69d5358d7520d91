//! Parameters: free properties merge key by key; traces, statistics and groups have rules of their own
//! (versioning.md 5.4).

use std::collections::BTreeSet;

use super::conflict::{ConflictKind, Report, Scope, Subject};
use super::generic::Three;
use crate::model::Parameters;

/// Who wrote data since the base: who decides what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Writers {
    #[default]
    Nobody,
    Ours,
    Theirs,
    Both,
}

impl Writers {
    pub(crate) fn of(ours: bool, theirs: bool) -> Writers {
        match (ours, theirs) {
            (false, false) => Writers::Nobody,
            (true, false) => Writers::Ours,
            (false, true) => Writers::Theirs,
            (true, true) => Writers::Both,
        }
    }

    pub(crate) fn and(self, other: Writers) -> Writers {
        let wrote = |one: Writers| {
            let (ours, theirs) = (Writers::Ours, Writers::Theirs);
            (
                one == ours || one == Writers::Both,
                one == theirs || one == Writers::Both,
            )
        };
        let (a, b) = (wrote(self), wrote(other));
        Writers::of(a.0 || b.0, a.1 || b.1)
    }
}

/// How many data files the merged state has in a folder, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Folder {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// What is known of the data that parameters speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Data {
    pub(crate) writers: Writers,
    /// Counted in the merged state where both sides wrote.
    pub(crate) folder: Option<Folder>,
}

/// What a key is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A trace of who did what when, without meaning.
    Noise,
    /// Statistics that a look at the folder gives.
    Fast,
    /// Statistics that need a look at the data.
    Scanned,
    /// Repeats the columns of a table, and is decided with them there. Elsewhere it is as good as any other.
    Derived,
    Other,
}

const NOISE: [&str; 8] = [
    "transient_lastDdlTime",
    "last_modified_by",
    "last_modified_time",
    "trino_query_id",
    "presto_query_id",
    "trino_version",
    "impala.lastComputeStatsTime",
    "numPartitions",
];
const FAST: [&str; 3] = ["numFiles", "totalSize", "numFilesErasureCoded"];
const SCANNED: [&str; 6] = [
    "numRows",
    "rawDataSize",
    "runTimeNumRows",
    "COLUMN_STATS_ACCURATE",
    "STATS_GENERATED",
    "STATS_GENERATED_VIA_STATS_TASK",
];

/// The keys in which Spark and Avro repeat the columns.
const DERIVED: [&str; 3] = [
    "spark.sql.sources.schema",
    "spark.sql.create.version",
    "avro.schema.literal",
];

/// Returns what `key` is about.
pub(crate) fn class_of(key: &str) -> Class {
    let impala = key.starts_with("impala.") && key.contains("catalog");
    if NOISE.contains(&key) || impala {
        Class::Noise
    } else if FAST.contains(&key) {
        Class::Fast
    } else if SCANNED.contains(&key) || key.starts_with("spark.sql.statistics.") {
        Class::Scanned
    } else if DERIVED.contains(&key)
        || key == "spark.sql.sources.schema.numParts"
        || key.starts_with("spark.sql.sources.schema.part.")
    {
        Class::Derived
    } else {
        Class::Other
    }
}

type Versions<'a> = Three<&'a Option<Parameters>>;

/// Merges parameters, all but those that `is_elsewhere` says are decided elsewhere.
pub(crate) fn merge(
    versions: Versions<'_>,
    data: &Data,
    is_elsewhere: &dyn Fn(&str) -> bool,
    scope: &Scope,
    report: &mut Report,
) -> Option<Parameters> {
    if versions.ours == versions.theirs && data.writers != Writers::Both {
        return versions.ours.clone();
    }
    let empty = Parameters::new();
    let sides = versions.map(|side| side.as_ref().unwrap_or(&empty));
    let keys: BTreeSet<&String> = [sides.base, sides.ours, sides.theirs]
        .into_iter()
        .flat_map(Parameters::keys)
        .collect();
    let mut merged = Parameters::new();
    for key in keys {
        let values = sides.map(|side| side.get(key));
        let value = match class_of(key) {
            Class::Noise => later(values),
            Class::Other | Class::Derived if !is_elsewhere(key) => {
                let owned = values.map(|value| value.cloned());
                let at = (scope, ConflictKind::ParamBoth, Subject::Parameter(key.clone()));
                owned.as_ref().text_or_conflict(at, report)
            }
            _ => None,
        };
        merged.extend(value.map(|value| (key.clone(), value)));
    }
    merged.extend(statistics(sides, data));
    let was_set = versions.map(Option::is_some).settled().unwrap_or(true);
    (was_set || !merged.is_empty()).then_some(merged)
}

/// Returns the later of two traces: times are numbers.
fn later(values: Three<Option<&String>>) -> Option<String> {
    let settled = values.settled();
    let rank = |value: Option<&String>| value.map(|value| (value.parse::<u64>().ok(), value.clone()));
    settled
        .unwrap_or_else(|| {
            if rank(values.ours) < rank(values.theirs) {
                values.theirs
            } else {
                values.ours
            }
        })
        .cloned()
}

/// Returns what the merged parameters say of the data.
fn statistics(sides: Three<&Parameters>, data: &Data) -> Parameters {
    let known = |classes: &'static [Class]| {
        sides.map(|side| select(Some(side), &|key| classes.contains(&class_of(key))))
    };
    match data.writers {
        Writers::Ours => known(&[Class::Fast, Class::Scanned]).ours,
        Writers::Theirs => known(&[Class::Fast, Class::Scanned]).theirs,
        Writers::Nobody => {
            let known = known(&[Class::Fast, Class::Scanned]);
            let settled = known.as_ref().settled().cloned();
            settled.unwrap_or_else(|| if is_newer(sides) { known.theirs } else { known.ours })
        }
        Writers::Both => {
            let mut fast = known(&[Class::Fast]);
            fast.ours.append(&mut fast.theirs);
            recount(fast.ours, data.folder)
        }
    }
}

/// Returns whether theirs was analyzed later. What is known of the same data from two sides is the same, or one
/// of them is newer.
fn is_newer(sides: Three<&Parameters>) -> bool {
    let rank = |side: &Parameters| {
        let time = side
            .get("transient_lastDdlTime")
            .and_then(|time| time.parse::<u64>().ok());
        (time, side.clone())
    };
    rank(sides.theirs) > rank(sides.ours)
}

/// Restates how many files there are and how large, where a side stated it.
fn recount(mut stated: Parameters, folder: Option<Folder>) -> Parameters {
    stated.retain(|key, _| key != "numFilesErasureCoded");
    match folder {
        None => stated.clear(),
        Some(folder) => {
            for (key, value) in &mut stated {
                *value = if key == "numFiles" {
                    folder.files
                } else {
                    folder.bytes
                }
                .to_string();
            }
        }
    }
    stated
}

/// Returns the parameters whose keys `is_member` accepts.
pub(crate) fn select(parameters: Option<&Parameters>, is_member: &dyn Fn(&str) -> bool) -> Parameters {
    let members = parameters.into_iter().flatten().filter(|(key, _)| is_member(key));
    members.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns parameters without traces and statistics: what somebody meant to say.
pub(crate) fn meant(parameters: Option<&Parameters>) -> Parameters {
    select(parameters, &|key| {
        matches!(class_of(key), Class::Other | Class::Derived)
    })
}
