//! The bodies of messages: JSON objects whose members come in the order in which they are written.

use std::fmt::Write;

use thrift_idl::Fields;
use thrift_idl::json::{quote, to_json};

use crate::exception::Failure;

/// A JSON object that is being written.
#[derive(Debug)]
pub(super) struct Object(String);

impl Object {
    /// Starts a message, all of which begin alike. Nobody is named in them, as in the original without Kerberos.
    pub(super) fn message() -> Object {
        Object("{".into()).text("server", "").text("servicePrincipal", "")
    }

    fn name(mut self, name: &str) -> Object {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, name);
        self.0.push(':');
        self
    }

    pub(super) fn text(self, name: &str, text: &str) -> Object {
        let mut object = self.name(name);
        quote(&mut object.0, text);
        object
    }

    pub(super) fn number(self, name: &str, number: i64) -> Object {
        let mut object = self.name(name);
        // a String takes all that is written to it
        let _ = write!(object.0, "{number}");
        object
    }

    /// Adds a struct of the protocol, as a text that holds it.
    pub(super) fn thrift(self, name: &str, value: &dyn Fields) -> Result<Object, Failure> {
        Ok(self.text(name, &thrift_text(value)?))
    }

    pub(super) fn texts(self, name: &str, texts: impl IntoIterator<Item = String>) -> Object {
        let quoted = texts.into_iter().map(|text| {
            let mut out = String::new();
            quote(&mut out, &text);
            out
        });
        self.list(name, quoted)
    }

    /// Adds a list of objects, each of texts by name.
    pub(super) fn objects<'a>(
        self,
        name: &str,
        objects: impl IntoIterator<Item = Vec<(&'a str, &'a str)>>,
    ) -> Object {
        self.list(name, objects.into_iter().map(|members| members_of(&members)))
    }

    pub(super) fn object(self, name: &str, members: &[(&str, &str)]) -> Object {
        let mut object = self.name(name);
        object.0.push_str(&members_of(members));
        object
    }

    /// Adds a list that has nothing in it.
    pub(super) fn nothing(self, name: &str) -> Object {
        self.list(name, [])
    }

    fn list(self, name: &str, elements: impl IntoIterator<Item = String>) -> Object {
        let mut object = self.name(name);
        let elements: Vec<String> = elements.into_iter().collect();
        object.0.push('[');
        object.0.push_str(&elements.join(","));
        object.0.push(']');
        object
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn members_of(members: &[(&str, &str)]) -> String {
    let start = Object("{".into());
    let all = members
        .iter()
        .fold(start, |object, (name, text)| object.text(name, text));
    all.end()
}

pub(super) fn thrift_text(value: &dyn Fields) -> Result<String, Failure> {
    to_json(value).map_err(|fault| Failure::meta(format!("it cannot be told of: {fault}")))
}
