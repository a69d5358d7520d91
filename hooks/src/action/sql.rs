//! `sql`: a query that has to return no rows, run by the engine that is handed in.

use std::sync::Arc;

use async_trait::async_trait;
use catalog::check::{CheckOutcome, CheckSpec};

use super::{Action, Call, Ended, Outcome};
use crate::check_file::{Query, line_and_column};
use crate::document::{Fields, Wrong};
use crate::template::{Template, Values};

#[derive(Debug)]
struct Sql {
    query: Template,
    at: Option<(u64, u64)>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let query = fields.required_text("query")?;
    Ok(Arc::new(Sql {
        query: Template::parse(&query)?,
        at: line_and_column(query.referenced),
    }))
}

/// Returns the action of a query that has no places to fill in.
pub(crate) fn sql(query: &Query<'_>) -> Arc<dyn Action> {
    Arc::new(Sql {
        query: Template::plain(&query.sql),
        at: query.at,
    })
}

#[async_trait]
impl Action for Sql {
    fn query(&self) -> Option<Query<'_>> {
        Some(Query {
            sql: self.query.sample().into(),
            at: self.at,
        })
    }

    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome = call.within(self.execute(call, &mut values)).await;
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Sql {
    async fn execute(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Outcome, String> {
        let spec = CheckSpec {
            name: call.payload.hook.clone(),
            sql: self.query.fill(values)?.trim().to_owned(),
            time_limit_s: call.limits.time.as_secs(),
        };
        let run = call.tools.checks.run(call.repository, call.commit()?, &spec);
        Ok(told(&run.await.map_err(|error| error.to_string())?))
    }
}

/// Returns how a query ended, as all runs are told of.
pub(crate) fn told(outcome: &CheckOutcome) -> Outcome {
    match outcome {
        CheckOutcome::Passed => Outcome::passed(""),
        CheckOutcome::Failed { rows, sample } => Outcome::failed(found(*rows, sample)),
        CheckOutcome::Errored { message } => Outcome::errored(message.as_str()),
        CheckOutcome::TooLong => Outcome::new(Ended::TooLong, ""),
    }
}

/// Returns what is told of rows that should not be.
pub(crate) fn found(rows: u64, sample: &str) -> String {
    let noun = if rows == 1 { "row was" } else { "rows were" };
    format!("{rows} {noun} found where none should be:\n{}", sample.trim_end())
}
