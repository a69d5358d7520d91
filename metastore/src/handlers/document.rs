//! The table of methods for people: what is served, and who would miss what is not.

use std::fmt::Write;

use crate::registry::State;

/// Methods that are not served although clients are known to call them, and what those clients do then.
const MISSED: [(&str, &str); 0] = [];

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
    MISSED
        .iter()
        .find(|(method, _)| *method == name)
        .map_or("", |(_, who)| who)
}
