//! The table of methods for people: what is served, and who would miss what is not.

use std::fmt::Write;

use crate::registry::State;

/// Who would miss what is not served: pieces of the names of methods, and who calls these. The first that
/// fits counts.
const MISSED: &[(&[&str], &str)] = &[
    (&["materialization"], "Hive, when it rebuilds materialized views"),
    (
        &["compact", "mark_", "cleanup", "columns_with_stats"],
        "Hive's compactor",
    ),
    (
        &["replayed_txns", "writeid"],
        "transactional tables of Hive, and Trino on them",
    ),
    (
        &["constraint", "primary_key", "foreign_key"],
        "Hive tables with constraints",
    ),
    (&["aggr_stats"], "planners of Hive and Impala; they plan without"),
    (&["exchange_partition"], "Hive's EXCHANGE PARTITION"),
    (&["pspec", "part_specs"], "HCatalog"),
    (
        &["role", "grant", "revoke", "privileges"],
        "SQL-standard authorization of Hive and Trino",
    ),
    (&["token", "master_key"], "Kerberos clients"),
    (&["names_by_filter"], "older Trino, to list views"),
    (
        &["notification", "event", "replication", "cm_recycle"],
        "replication",
    ),
    (
        &["wm_", "resource_plan", "resourceplan"],
        "workload management of Hive LLAP",
    ),
    (&["file_metadata"], "Hive LLAP's cache"),
    (&["scheduled"], "Hive's scheduled queries"),
    (&["schema", "serde"], "Hive's schema registry"),
    (&["index"], "indexes of Hive 2.3"),
    (&["package", "procedure"], "HPL/SQL"),
    (&["dataconnector"], "remote databases of Hive 4"),
    (
        &["catalog"],
        "administrators; a Hive catalog is made as a repository",
    ),
];

/// Returns `docs/methods.md`: each method of the protocol, and how far it is served.
pub fn methods_document() -> String {
    let routes = super::routes();
    let states: Vec<_> = routes.states().collect();
    let count = |state: Option<State>| states.iter().filter(|(_, other)| *other == state).count();
    let mut out = format!(
        "# Methods\n\n\
         All {} methods that clients of Hive 2.3, 3.1 and 4 know, and what skep does when one is called: \
         {} are served, {} are answered that there is nothing, which is true, and {} are not there yet: they \
         answer `Invalid method name`, and the connection goes on.\n\n\
         | method | state | who would miss it |\n|---|---|---|\n",
        states.len(),
        count(Some(State::Served)),
        count(Some(State::Empty)),
        count(None),
    );
    for (method, state) in &states {
        let (state, note) = match state {
            Some(State::Served) => ("served", ""),
            Some(State::Empty) => ("answered empty", ""),
            None => ("not yet", missed(method.name)),
        };
        let _ = writeln!(out, "| `{}` | {state} | {note} |", method.name);
    }
    out
}

fn missed(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let fits = |pieces: &&[&str]| pieces.iter().any(|piece| name.contains(piece));
    MISSED
        .iter()
        .find(|(pieces, _)| fits(pieces))
        .map_or("nobody on a common path", |(_, who)| who)
}
