//! `partition-completeness`: a table has a partition for every value that is expected.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Told, judged, snapshot};
use crate::action::{Action, Call, Outcome};
use crate::check_file::qualified;
use crate::document::{Fields, Wrong};

/// How many values may be expected.
const VALUES_MAX: u64 = 100_000;
const DAY_S: u64 = 86_400;

#[derive(Debug)]
struct Completeness {
    table: (String, String),
    key: String,
    expected: Expected,
}

/// Which values a key has to have.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Listed(Vec<String>),
    /// All days from the first to the last.
    Days(i64, Last),
}

/// The last day that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Day(i64),
    /// So many days before the present one, in UTC.
    Ago(i64),
}

pub(crate) fn partition_completeness(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let table = fields.required_text("table")?;
    let not_qualified = || Wrong::at(table.referenced, "table has to be DATABASE.TABLE");
    let name = qualified(&table.value).ok_or_else(not_qualified)?;
    let key = fields.required_text("key")?.value.to_lowercase();
    let values = fields.texts("values")?;
    let (from, to) = (fields.text("from")?, fields.text("to")?);
    let expected = match (values, from, to) {
        (Some(values), None, None) => Expected::Listed(values.into_iter().map(|value| value.value).collect()),
        (None, Some(from), Some(to)) => {
            let wrong = |text: &serde_saphyr::Spanned<String>, allowed: &str| {
                Wrong::at(text.referenced, format!("{:?} has to be {allowed}", text.value))
            };
            let first = day(&from.value).ok_or_else(|| wrong(&from, "a day, as 2026-01-31"))?;
            let last = match to.value.as_str() {
                "today" => Some(Last::Ago(0)),
                "yesterday" => Some(Last::Ago(1)),
                other => day(other).map(Last::Day),
            };
            let last = last.ok_or_else(|| wrong(&to, "a day, as 2026-01-31, today or yesterday"))?;
            Expected::Days(first, last)
        }
        _ => {
            return Err(Wrong::at(
                fields.place(),
                "values are needed, or from and to, and not both",
            ));
        }
    };
    Ok(Arc::new(Completeness {
        table: name,
        key,
        expected,
    }))
}

#[async_trait]
impl Action for Completeness {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            let expected = self
                .expected
                .values(call.repository.clock().now_us() / 1_000_000)?;
            let snapshot = snapshot(call, call.commit()?).await?;
            let (database, name) = &self.table;
            let table = snapshot.table(database, name).await.told()?;
            let keys = table.key_names();
            let Some(at) = keys.iter().position(|key| *key == self.key) else {
                return Err(format!("{database}.{name} is not partitioned by {}", self.key));
            };
            let mut found = BTreeSet::new();
            let mut partitions = snapshot.partitions(table.id);
            while let Some(partition) = partitions.next().await.told()? {
                found.extend(partition.values().told()?.into_iter().nth(at));
            }
            let missing = expected.into_iter().filter(|value| !found.contains(value));
            let findings: Vec<_> = missing
                .map(|value| format!("{database}.{name} has no partition with {}={value}", self.key))
                .collect();
            Ok(judged(&findings))
        })
        .await
    }
}

impl Expected {
    fn values(&self, now_s: u64) -> Result<Vec<String>, String> {
        let (first, last) = match self {
            Expected::Listed(values) => return Ok(values.clone()),
            Expected::Days(first, Last::Day(last)) => (*first, *last),
            Expected::Days(first, Last::Ago(days)) => (*first, (now_s / DAY_S).cast_signed() - days),
        };
        if last.saturating_sub(first) > VALUES_MAX.cast_signed() {
            return Err(format!("more than {VALUES_MAX} days are expected"));
        }
        Ok((first..=last).map(spelled).collect())
    }
}

/// Returns the number of a day `YYYY-MM-DD` since 1970-01-01, in the Gregorian calendar.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if (year.len(), month.len(), day.len(), parts.next()) != (4, 2, 2, None) {
        return None;
    }
    let (y, m, d): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    // years begin in March, so that the leap day is their last
    let (y, m_from_march) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m_from_march + 2) / 5 + d
            - 719_469;
    // what is no day, as a 31st of April, is spelled otherwise
    ((1..=12).contains(&m) && spelled(days) == text).then_some(days)
}

fn spelled(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2026-11-26", 20_783),
            ("1969-12-31", -1),
        ] {
            assert_eq!(day(text), Some(days), "{text}");
            assert_eq!(spelled(days), text);
        }
        for bad in [
            "2026-02-30",
            "2025-02-29",
            "2026-13-01",
            "2026-1-1",
            "today",
            "2026-01-01-01",
        ] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_of_days_are_expected() {
        let first = day("2026-02-27").unwrap();
        let now_s = (day("2026-03-02").unwrap() as u64) * DAY_S + 5;
        let values = |last| Expected::Days(first, last).values(now_s).unwrap().join(" ");
        assert_eq!(values(Last::Ago(1)), "2026-02-27 2026-02-28 2026-03-01");
        assert_eq!(values(Last::Day(first)), "2026-02-27");
        assert_eq!(values(Last::Day(first - 1)), "");
        assert!(Expected::Days(i64::MIN / 2, Last::Ago(0)).values(now_s).is_err());
    }
}
