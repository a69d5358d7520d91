//! `register-metastore`: tables are registered in another metastore, for engines that know that one alone.

use std::sync::Arc;

use async_trait::async_trait;
use versioning::{RefExpr, RefName};

use super::{Tables, Told};
use crate::action::{Action, Call, Outcome};
use crate::document::{Fields, Wrong};
use crate::registrar::Registration;

/// Which ref locations name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The branch of the event: tables there show what the branch has, until it moves and they are registered again.
    Branch,
    /// The commit of the event: what they show never changes.
    Commit,
}

#[derive(Debug)]
struct Register {
    address: String,
    host: String,
    tables: Tables,
    at: At,
    scheme: String,
}

pub(crate) fn register_metastore(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let uri = fields.required_text("uri")?;
    let Some((host, port)) = address_of(&uri.value) else {
        return Err(Wrong::at(
            uri.referenced,
            "it has to be thrift://HOST:PORT".to_owned(),
        ));
    };
    let (address, host) = (format!("{host}:{port}"), host.trim_matches(['[', ']']).to_owned());
    let at = match fields.text("locations")? {
        None => At::Branch,
        Some(text) => match text.value.as_str() {
            "branch" => At::Branch,
            "commit" => At::Commit,
            _ => {
                return Err(Wrong::at(
                    text.referenced,
                    "allowed are branch and commit".to_owned(),
                ));
            }
        },
    };
    Ok(Arc::new(Register {
        address,
        host,
        tables: Tables::read(fields)?,
        at,
        scheme: fields
            .text("scheme")?
            .map_or_else(|| "s3a".to_owned(), |scheme| scheme.value),
    }))
}

fn address_of(uri: &str) -> Option<(&str, u16)> {
    let (host, port) = uri.strip_prefix("thrift://")?.rsplit_once(':')?;
    let port = port.parse().ok()?;
    (!host.is_empty() && !host.contains(['/', '@'])).then_some((host, port))
}

#[async_trait]
impl Action for Register {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            call.tools.settings.allow_host(&self.host)?;
            let at = match self.at {
                At::Commit => RefExpr::from(call.commit()?),
                At::Branch => RefExpr::from(RefName::parse(&call.payload.branch).told()?),
            };
            let wants = |database: &str, table: &str| self.tables.has(database, table);
            let registration = Registration {
                address: &self.address,
                before: call.head(),
                at: &at,
                scheme: &self.scheme,
                wants: &wants,
            };
            let done = call
                .tools
                .registrar
                .register(call.repository, registration)
                .await?;
            Ok(Outcome::passed(done))
        })
        .await
    }
}
