//! Functions: one thing each, without finer rules.

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use crate::model::Function;

/// Merges a function.
pub(crate) fn merge(
    versions: Three<Option<&Function>>,
    scope: &Scope,
    report: &mut Report,
) -> Option<Function> {
    if let Some(settled) = versions.settled() {
        return settled.cloned();
    }
    let Three { base, ours, theirs } = versions;
    let name = [ours, theirs, base].into_iter().flatten().next()?.name.clone();
    let is_same = match (ours, theirs) {
        (Some(ours), Some(theirs)) => without_time(ours) == without_time(theirs),
        _ => false,
    };
    if !is_same {
        let kind = match (base, ours, theirs) {
            (_, None, _) | (_, _, None) => ConflictKind::DropModify,
            (None, ..) => ConflictKind::AddAdd,
            _ => ConflictKind::FunctionBoth,
        };
        let did = |side: Option<&Function>| match (base, side) {
            (_, None) => "dropped".to_owned(),
            (None, Some(side)) => format!("created as {}", class_of(side)),
            (Some(_), Some(side)) => format!("changed to {}", class_of(side)),
        };
        let texts = Texts::new(base.map(class_of), did(ours), did(theirs));
        let at = (scope, kind, Subject::Function(name));
        if let Some(whose) = report.decide(at, texts, Choices::ANY).whose() {
            return versions.take(whose).cloned();
        }
    }
    ours.or(theirs).cloned()
}

fn class_of(function: &Function) -> &str {
    function.class_name.as_deref().unwrap_or("no class")
}

fn without_time(function: &Function) -> Function {
    Function {
        created_s: None,
        ..function.clone()
    }
}
