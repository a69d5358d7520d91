//! YAML as a tree in which every value knows its line and column, and the reading of fields from it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::check_file::Broken;
use crate::yaml_error::{ALIASES_MAX, DEPTH_MAX, NODES_MAX, told};

/// A value and where it stands.
pub(crate) type Node = Spanned<Tree>;

/// How what is no text stands in the document, so that `2.10` is that where a text is asked for; `None` if it is
/// not known.
pub(crate) type Written = Option<String>;

/// What stands in a document.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Nothing,
    Bool(bool, Written),
    Number(f64, Written),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Tree {
    fn noun(&self) -> &'static str {
        match self {
            Tree::Nothing => "nothing",
            Tree::Bool(..) => "true or false",
            Tree::Number(..) => "a number",
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
        Ok(Tree::Bool(value, None))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64, None))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64, None))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value, None))
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

/// Returns how documents are read: by YAML 1.2, in which `no` is a text; shallow ones, since each level takes its part
/// of the stack, and no larger than files may be once their aliases are followed.
pub(crate) fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: NODES_MAX, max_aliases: ALIASES_MAX },
    }
}

/// Reads a document.
pub(crate) fn read(bytes: &[u8]) -> Result<Node, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|_| Wrong {
        at: None,
        message: "is not UTF-8 text".to_owned(),
    })?;
    // places are told without it
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = serde_saphyr::from_str_with_options(text, options());
    let mut node = read.map_err(|error| Wrong {
        at: error.location(),
        message: told(&error, error.location()),
    })?;
    note_written(&mut node, text);
    Ok(node)
}

/// Notes how all that is no text stands in the document.
fn note_written(node: &mut Node, document: &str) {
    match &mut node.value {
        Tree::Bool(_, written) | Tree::Number(_, written) => *written = plain_at(document, node.defined),
        Tree::List(nodes) => nodes.iter_mut().for_each(|node| note_written(node, document)),
        Tree::Map(entries) => entries
            .iter_mut()
            .for_each(|(_, node)| note_written(node, document)),
        Tree::Nothing | Tree::Text(_) => {}
    }
}

/// Returns what stands at a place, if it is a word that needs no quotes.
fn plain_at(document: &str, at: Location) -> Option<String> {
    let begin = usize::try_from(at.span().byte_offset()?).ok()?;
    let len = usize::try_from(at.span().byte_len()?).ok()?;
    let text = document.get(begin..begin.checked_add(len)?)?.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
    (!text.is_empty() && text.chars().all(is_plain)).then(|| text.to_owned())
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
            Tree::Bool(value, _) => Ok(Some(value)),
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
            Tree::Number(number, _) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u64),
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

/// Returns a scalar as a text, as it stands in the document.
fn text(name: &str, node: Node) -> Result<Spanned<String>, Wrong> {
    let value = match node.value {
        Tree::Text(text) => text,
        Tree::Bool(_, Some(written)) | Tree::Number(_, Some(written)) => written,
        Tree::Bool(..) | Tree::Number(..) => {
            let message = format!("{name} has to be a text: put it in quotes");
            return Err(Wrong::at(node.referenced, message));
        }
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
        Tree::Bool(value, _) => (*value).into(),
        Tree::Number(number, written) => json_number(*number, written.as_deref()),
        Tree::Text(text) => text.clone().into(),
        Tree::List(nodes) => nodes.iter().map(json).collect(),
        Tree::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.value.clone(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Returns a number, with all of its digits where JSON writes it as YAML does.
fn json_number(number: f64, written: Option<&str>) -> serde_json::Value {
    let exact = written.and_then(|written| written.parse::<serde_json::Number>().ok());
    match exact {
        Some(exact) => exact.into(),
        None if number.fract() == 0.0 && number.abs() < 9e15 => (number as i64).into(),
        None => number.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the texts of the list `t` of a document.
    fn texts(document: &str) -> String {
        let read = || {
            let mut fields = Fields::of("it", read(document.as_bytes())?)?;
            fields.texts("t")
        };
        match read() {
            Ok(texts) => {
                let texts = texts.into_iter().flatten().map(|text| text.value);
                texts.collect::<Vec<_>>().join("|")
            }
            Err(wrong) => wrong.in_file("f").to_string(),
        }
    }

    #[test]
    fn texts_are_what_stands_in_the_document() {
        for (document, expected) in [
            (
                "t: [2.10, 1e3, 0x1F, 0o17, -0, +1, .5]",
                "2.10|1e3|0x1F|0o17|-0|+1|.5",
            ),
            ("t: [01, 0123, 1_000, 007.50]", "01|0123|1_000|007.50"),
            (
                "t: [y, n, yes, no, on, off, NO, True, FALSE]",
                "y|n|yes|no|on|off|NO|True|FALSE",
            ),
            ("t: 2.10 # why", "2.10"),
            ("t:\r\n- 2.10\r\n- 3.10\r\n", "2.10|3.10"),
            ("\u{feff}t: [ä, 2.10]", "ä|2.10"),
            ("# größer 🔑\nt: ['ä', 2.10]", "ä|2.10"),
            ("u: &a 2.10\nt: [*a, 'x', *a]", "2.10|x|2.10"),
            ("u: &a {t: 2.10}\n<<: *a", "2.10"),
            (
                "t: [!!str 2.10, ! 2.10, !!float 2.10, '2.10']",
                "2.10|2.10|2.10|2.10",
            ),
        ] {
            assert_eq!(texts(document), expected, "{document:?}");
        }
    }

    #[test]
    fn what_has_no_text_of_its_own_is_refused() {
        for (document, place, word) in [
            ("t:\n- !!int '7'\n", "f:2:", "quotes"),
            ("t: [a, !!python/object:os.system n]\n", "f:1:34:", "tag"),
            ("t: [~]\n", "f:1:5:", "not nothing"),
            ("t: [1e999]\n", "f:1:5:", "1e999"),
        ] {
            let told = texts(document);
            assert!(
                told.starts_with(place) && told.contains(word),
                "{document:?}: {told}"
            );
        }
    }

    #[test]
    fn json_keeps_all_digits() {
        let node = read(b"[9007199254740993, 0123, 0x1F, 2.5, n, true]").unwrap();
        assert_eq!(
            json(&node).to_string(),
            r#"[9007199254740993,123,31,2.5,"n",true]"#
        );
    }
}
