//! What the YAML library finds wrong with a file, in our words: what it is, and what to do.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Location};

/// Files may nest so deep, and have so many values and aliases.
pub(crate) const DEPTH_MAX: usize = 32;
pub(crate) const NODES_MAX: usize = 20_000;
pub(crate) const ALIASES_MAX: usize = 1_000;

/// Returns what is wrong, without the place, which is told in front of it. What is not known here is told in the words
/// of the library.
pub(crate) fn told(error: &Error, at: Option<Location>) -> String {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => told(error, at),
        Error::Budget { breach, .. } => too_much(breach),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "its aliases make it too large: write out what they stand for".into()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "the alias stands for what holds it: write out what is meant".into()
        }
        Error::UnknownAnchor { .. } => {
            "there is no anchor of this alias: put &NAME before what *NAME stands for, or quotes around a text".into()
        }
        Error::MultipleDocuments { .. } => {
            "a file holds one document: put what follows --- into a file of its own".into()
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            format!("{key} is given twice: remove one of them")
        }
        Error::SerdeMissingField { field, .. } => format!("{field} is missing: add it"),
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("there is no {field}: allowed are {}", expected.join(", "))
        }
        Error::Eof { .. } => "it ends where more is needed".into(),
        other => of_value(other).unwrap_or_else(|| plain(other, at)),
    }
}

/// Returns what is wrong with a single value, if that is known.
fn of_value(error: &Error) -> Option<String> {
    Some(match error {
        Error::InvalidScalar { ty, .. } => needed(kind(ty)?),
        Error::InvalidBooleanStrict { .. } => needed("true or false"),
        Error::Unexpected { expected, .. } => needed(kind(expected)?),
        Error::NullIntoString { .. } => needed("a text, not nothing"),
        Error::NonFiniteFloat { value, .. } => {
            format!("{value} is no number that can be used: put it in quotes if it is a text")
        }
        Error::UnsupportedTag { tag, .. } => {
            format!("the tag {tag} is not known: remove it, and put the text in quotes")
        }
        Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            "a text is needed here: remove the tag, and put the text in quotes".into()
        }
        Error::InvalidBinaryBase64 { .. } | Error::BinaryNotUtf8 { .. } => {
            "!!binary has to hold a text as base64: give the text itself".into()
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => "<< takes a map, or a list of maps".into(),
        _ => return None,
    })
}

fn needed(what: &str) -> String {
    format!("there has to be {what}")
}

/// Returns our words for a kind of value.
fn kind(theirs: &str) -> Option<&'static str> {
    Some(match theirs {
        "u64" | "i64" => "a whole number, as 90",
        "floating point" => "a number",
        "boolean" => "true or false",
        "scalar" | "string scalar" => "a text",
        "sequence start" => "a list, as [a, b]",
        "mapping start" => "a map, as key: value",
        _ => return None,
    })
}

fn too_much(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => format!("it nests deeper than {DEPTH_MAX} levels: make it flatter"),
        BudgetBreach::Nodes { .. } => {
            format!("it has more than {NODES_MAX} values: split it into several files")
        }
        BudgetBreach::Aliases { .. } => {
            format!("it has more than {ALIASES_MAX} aliases: write out what they stand for")
        }
        BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => {
            "it has too many anchors and aliases: write out what they stand for".into()
        }
        BudgetBreach::Documents { .. } => "a file holds one document: split it into several files".into(),
        BudgetBreach::SequenceUnbalanced => "a bracket is closed that was not opened: remove it".into(),
        _ => "it is too large: split it into several files".into(),
    }
}

/// Returns the library's words, without the place.
fn plain(error: &Error, at: Option<Location>) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().to_owned();
    let Some(at) = at else { return first };
    let suffix = format!(" at line {}, column {}", at.line(), at.column());
    first.strip_suffix(&suffix).map_or(first.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::{parse_check, parse_hooks};

    fn hook(text: &str) -> String {
        parse_hooks("f", text.as_bytes()).unwrap_err().to_string()
    }

    fn check(text: &str) -> String {
        parse_check("f", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_told_in_our_words() {
        for (told, expected) in [
            (
                hook(&format!("a: [{}]", "x, ".repeat(20_001))),
                "f:1:59996: it has more than 20000 values: split it into several files",
            ),
            (
                hook(&format!("{}{}", "[".repeat(40), "]".repeat(40))),
                "f:1:33: it nests deeper than 32 levels: make it flatter",
            ),
            (
                hook("a: 1\nb: 2\na: 3\n"),
                "f:3:1: a is given twice: remove one of them",
            ),
            (
                hook("a: 1\n---\nb: 1\n"),
                "f:3:1: a file holds one document: put what follows --- into a file of its own",
            ),
            (
                hook("a: &a [*a]\n"),
                "f:1:8: the alias stands for what holds it: write out what is meant",
            ),
            (
                hook("on: {pre-commit: {branches: *.x}}\n"),
                "f:1:29: there is no anchor of this alias: put &NAME before what *NAME stands for, or quotes around a text",
            ),
            (
                hook("a: [.nan]\n"),
                "f:1:5: .nan is no number that can be used: put it in quotes if it is a text",
            ),
            (
                hook("a: !x b\n"),
                "f:1:7: the tag !x is not known: remove it, and put the text in quotes",
            ),
            (
                check("name: a\nsql: x\ntime_limit_s: soon\n"),
                "f:3:15: there has to be a whole number, as 90",
            ),
            (
                check("name: a\nsql: x\nreads: s.o\n"),
                "f:3:8: there has to be a list, as [a, b]",
            ),
            (check("- a\n"), "f:1:1: there has to be a map, as key: value"),
            (check("name: [a]\nsql: x\n"), "f:1:7: there has to be a text"),
            (
                check("name:\nsql: x\n"),
                "f:1:5: there has to be a text, not nothing",
            ),
            (check("name: a\n"), "f:1:1: sql is missing: add it"),
            (
                check("name: a\nsqll: x\n"),
                "f:2:1: there is no sqll: allowed are name, description, sql, time_limit_s, reads",
            ),
        ] {
            assert_eq!(told, expected);
        }
    }
}
