//! YAML as a tree in which every value knows its line and column, and the reading of fields from it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::check_file::Broken;

/// A value and where it stands.
pub(crate) type Node = Spanned<Tree>;

/// What stands in a document.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Nothing,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Tree {
    fn noun(&self) -> &'static str {
        match self {
            Tree::Nothing => "nothing",
            Tree::Bool(_) => "true or false",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Tree::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut nodes = Vec::new();
        while let Some(entry) = map.next_entry()? {
            nodes.push(entry);
        }
        Ok(Tree::Map(nodes))
    }
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: Option<Location>,
    pub(crate) message: String,
}

impl Wrong {
    pub(crate) fn at(at: Location, message: impl Into<String>) -> Wrong {
        Wrong {
            at: Some(at),
            message: message.into(),
        }
    }

    pub(crate) fn in_file(self, path: &str) -> Broken {
        let known = self.at.filter(|at| *at != Location::UNKNOWN);
        Broken {
            path: path.to_owned(),
            at: known.map(|at| (at.line(), at.column())),
            message: self.message,
        }
    }
}

/// Returns how documents are read: shallow ones, since each level takes its part of the stack, and no larger than files
/// may be once their aliases are followed.
pub(crate) fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: 32, max_nodes: 20_000, max_aliases: 1_000 },
    }
}

/// Reads a document.
pub(crate) fn read(bytes: &[u8]) -> Result<Node, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|_| Wrong {
        at: None,
        message: "is not UTF-8 text".to_owned(),
    })?;
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| Wrong {
        at: error.location(),
        message: crate::check_file::plain(&error, error.location()),
    })
}

/// The fields of a map that are still to be read. What nobody reads is unknown, and told with what is allowed.
#[derive(Debug)]
pub(crate) struct Fields {
    what: String,
    at: Location,
    left: BTreeMap<String, (Location, Node)>,
    allowed: Vec<&'static str>,
}

impl Fields {
    /// Returns the fields of `node`, which is called `what` in messages; nothing at all has no fields.
    pub(crate) fn of(what: &str, node: Node) -> Result<Fields, Wrong> {
        let mut left = BTreeMap::new();
        let at = node.referenced;
        match node.value {
            Tree::Nothing => {}
            Tree::Map(entries) => {
                for (key, value) in entries {
                    let place = key.referenced;
                    if left.insert(key.value.clone(), (place, value)).is_some() {
                        return Err(Wrong::at(place, format!("{} is given twice", key.value)));
                    }
                }
            }
            other => {
                let message = format!("{what} has to be a map, not {}", other.noun());
                return Err(Wrong::at(at, message));
            }
        }
        Ok(Fields {
            what: what.to_owned(),
            at,
            left,
            allowed: Vec::new(),
        })
    }

    /// Where the map stands.
    pub(crate) fn place(&self) -> Location {
        self.at
    }

    /// Returns a field as it is, if it is given.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<Node> {
        self.allowed.push(name);
        self.left.remove(name).map(|(_, node)| node)
    }

    pub(crate) fn missing(&self, name: &str) -> Wrong {
        Wrong::at(self.at, format!("{} needs {name}", self.what))
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<Spanned<String>>, Wrong> {
        self.node(name).map(|node| text(name, node)).transpose()
    }

    pub(crate) fn required_text(&mut self, name: &'static str) -> Result<Spanned<String>, Wrong> {
        let found = self.text(name)?;
        let found = found.ok_or_else(|| self.missing(name))?;
        match found.value.trim().is_empty() {
            true => Err(Wrong::at(found.referenced, format!("{name} is empty"))),
            false => Ok(found),
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Wrong> {
        let Some(node) = self.node(name) else {
            return Ok(None);
        };
        match node.value {
            Tree::Bool(value) => Ok(Some(value)),
            _ => Err(Wrong::at(
                node.referenced,
                format!("{name} has to be true or false"),
            )),
        }
    }

    /// Returns one of the `words`, or the first if none is given.
    pub(crate) fn word(&mut self, name: &'static str, words: &[&'static str]) -> Result<&'static str, Wrong> {
        let Some(given) = self.text(name)? else {
            return Ok(words.first().copied().unwrap_or_default());
        };
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(&given.value));
        found.copied().ok_or_else(|| {
            let message = format!(
                "{name} has to be one of {}, not {:?}",
                words.join(", "),
                given.value
            );
            Wrong::at(given.referenced, message)
        })
    }

    /// Returns a time in seconds: a number, or a text such as `90s`, `5m`, `1h`; from 1 to `max`.
    pub(crate) fn seconds(&mut self, name: &'static str, max: u64) -> Result<Option<u64>, Wrong> {
        let Some(node) = self.node(name) else {
            return Ok(None);
        };
        let seconds = match &node.value {
            Tree::Number(number) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u64),
            Tree::Text(text) => duration_s(text),
            _ => None,
        };
        match seconds.filter(|seconds| (1..=max).contains(seconds)) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(Wrong::at(
                node.referenced,
                format!("{name} has to be 1 to {max} seconds, as 90, 90s, 5m or 1h"),
            )),
        }
    }

    /// Returns a list of texts; one text alone is a list of one.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<Spanned<String>>>, Wrong> {
        let Some(node) = self.node(name) else {
            return Ok(None);
        };
        match node.value {
            Tree::List(nodes) => nodes
                .into_iter()
                .map(|node| text(name, node))
                .collect::<Result<_, _>>(),
            _ => text(name, node).map(|one| vec![one]),
        }
        .map(Some)
    }

    /// Returns a map of texts, in order.
    pub(crate) fn text_map(&mut self, name: &'static str) -> Result<Vec<(String, Spanned<String>)>, Wrong> {
        let Some(node) = self.node(name) else {
            return Ok(Vec::new());
        };
        let at = node.referenced;
        let entries = match node.value {
            Tree::Nothing => Vec::new(),
            Tree::Map(entries) => entries,
            other => {
                let message = format!("{name} has to be a map, not {}", other.noun());
                return Err(Wrong::at(at, message));
            }
        };
        let read = |(key, node): (Spanned<String>, Node)| Ok((key.value, text(name, node)?));
        entries.into_iter().map(read).collect()
    }

    /// Fails if there is a field that nobody read.
    pub(crate) fn finish(self) -> Result<(), Wrong> {
        let Some((name, (at, _))) = self
            .left
            .into_iter()
            .min_by_key(|(_, (at, _))| (at.line(), at.column()))
        else {
            return Ok(());
        };
        let allowed = match self.allowed.as_slice() {
            [] => "nothing is allowed here".to_owned(),
            allowed => format!("allowed are {}", allowed.join(", ")),
        };
        Err(Wrong::at(at, format!("{} has no {name}: {allowed}", self.what)))
    }
}

/// Returns a scalar as a text.
fn text(name: &str, node: Node) -> Result<Spanned<String>, Wrong> {
    let value = match node.value {
        Tree::Text(text) => text,
        Tree::Bool(value) => value.to_string(),
        Tree::Number(number) => number.to_string(),
        other => {
            let message = format!("{name} has to be a text, not {}", other.noun());
            return Err(Wrong::at(node.referenced, message));
        }
    };
    Ok(Spanned::new(value, node.referenced, node.defined))
}

fn duration_s(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let each = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(each)
}

/// Returns a tree as JSON, for what is passed on as it is.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Tree::Nothing => serde_json::Value::Null,
        Tree::Bool(value) => (*value).into(),
        Tree::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => (*number as i64).into(),
        Tree::Number(number) => (*number).into(),
        Tree::Text(text) => text.clone().into(),
        Tree::List(nodes) => nodes.iter().map(json).collect(),
        Tree::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.value.clone(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
