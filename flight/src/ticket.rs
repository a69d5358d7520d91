//! Tickets and the handles of prepared statements: a statement with the place where it is to be run.
//!
//! They are not signed, since they allow nothing that whoever made them up could not ask for without: they are parsed as strictly
//! as any request.

use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_schema::Schema;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Fault;

const VERSION: u8 = 1;
/// More than a statement of the greatest length takes.
const BYTES_MAX: usize = 256 << 10;

/// A statement that is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ticket {
    version: u8,
    pub(crate) repository: String,
    #[serde(rename = "ref")]
    pub(crate) at: String,
    pub(crate) sql: String,
    /// What [`columns`] said when it was planned, if it was.
    pub(crate) columns: Option<u64>,
}

impl Ticket {
    pub(crate) fn new(
        repository: &impl ToString,
        at: &impl ToString,
        sql: String,
        columns: Option<u64>,
    ) -> Ticket {
        Ticket {
            version: VERSION,
            repository: repository.to_string(),
            at: at.to_string(),
            sql,
            columns,
        }
    }

    /// Returns the ticket as bytes, which [`Ticket::parse`] reads.
    ///
    /// # Errors
    /// None that is known.
    pub(crate) fn to_bytes(&self) -> Result<Bytes, Fault> {
        let bytes = serde_json::to_vec(self).map(Bytes::from);
        bytes.map_err(|error| Fault::invalid(format!("no ticket can be made: {error}")))
    }

    /// Reads a ticket.
    ///
    /// # Errors
    /// [`versioning::Kind::Invalid`] for what no server of this version has made.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Ticket, Fault> {
        let wrong = |why: &str| Fault::invalid(format!("the ticket or handle is not valid: {why}"));
        if bytes.len() > BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let ticket: Ticket = serde_json::from_slice(bytes).map_err(|error| wrong(&error.to_string()))?;
        match ticket.version {
            VERSION => Ok(ticket),
            _ => Err(wrong("another version of skep has made it")),
        }
    }
}

/// Returns a number that tells whether columns are the same, within one version of the program.
pub(crate) fn columns(schema: &Schema) -> u64 {
    let mut hasher = DefaultHasher::new();
    schema.fields().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    #[test]
    fn tickets_come_back_as_they_were() {
        let ticket = Ticket::new(&"lake", &"main~2", "select 'é\"'".to_owned(), Some(u64::MAX));
        assert_eq!(Ticket::parse(&ticket.to_bytes().unwrap()).unwrap(), ticket);
    }

    #[test]
    fn what_is_no_ticket_is_told() {
        let good = r#"{"version":1,"repository":"lake","ref":"main","sql":"select 1","columns":null}"#;
        assert!(Ticket::parse(good.as_bytes()).is_ok());
        let long = good.replace("select 1", &"x".repeat(BYTES_MAX));
        for (text, why) in [
            ("", "EOF"),
            ("\u{0}\u{ff}", "expected value"),
            ("{}", "missing field"),
            (&good.replace("}", ",\"more\":1}"), "unknown field"),
            (&good.replace(":1,", ":2,"), "another version"),
            (&good.replace("null", "-1"), "invalid value"),
            (&long, "too long"),
        ] {
            let told = Ticket::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
        assert!(Ticket::parse(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn columns_are_told_apart() {
        let one = |name: &str, kind| columns(&Schema::new(vec![Field::new(name, kind, true)]));
        assert_eq!(one("a", DataType::Int32), one("a", DataType::Int32));
        assert_ne!(one("a", DataType::Int32), one("a", DataType::Int64));
        assert_ne!(one("a", DataType::Int32), one("b", DataType::Int32));
    }
}
