//! What commands print: tables and sentences for people, JSON for programs.

use std::io::{ErrorKind, Write};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use crate::error::{Exit, Failure};

/// For whom a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Format {
    /// Prints `value` for programs, or what `text` makes of it for people, without control characters of others.
    pub(crate) fn print<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        self.print_painted(value, |value| printable(&text(value)))
    }

    /// Prints `value` for programs, or what `text` makes of it for people: all of it painted by a style.
    pub(crate) fn print_painted<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self {
            Format::Json => {
                let json = serde_json::to_string_pretty(value)
                    .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
                say(&json)?;
            }
            Format::Text => {
                let text = text(value);
                if !text.is_empty() {
                    say(text.trim_end())?;
                }
            }
        }
        Ok(())
    }
}

/// Returns how many more there are of what `one` and `many` name: `1 more warning`.
pub(crate) fn more(count: u64, one: &str, many: &str) -> String {
    format!("{count} more {}", if count == 1 { one } else { many })
}

/// Writes a line to standard output. Whoever reads it may have had enough, which is no failure.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Returns a text with its control characters spelled out, so that a terminal does not obey whoever wrote it. Newlines
/// and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c.is_control() && !matches!(c, '\n' | '\t') {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Returns a table with a line of headings.
pub(crate) fn table<R>(headings: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(headings.iter().map(|text| text.to_uppercase()));
    for row in rows {
        table.add_row(row.into_iter().collect::<Vec<_>>());
    }
    trimmed(&table)
}

/// Returns the lines of a table without the spaces around them.
fn trimmed(table: &Table) -> String {
    let lines = table.lines().map(|line| {
        line.trim_end()
            .strip_prefix(' ')
            .map(str::to_owned)
            .unwrap_or(line)
    });
    lines
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns a time as `2026-01-31 12:00:00`, in UTC.
pub(crate) fn time(us: u64) -> String {
    let seconds = us / 1_000_000;
    let (days, within) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (within / 3_600, within / 60 % 60, within % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Returns the date of a day since the Unix epoch, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // counted from 0000-03-01, so that the leap day is the last of its year
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Returns a number of bytes for people: `12.3 MB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut tenths = n.saturating_mul(10);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

/// Units of time, in seconds, the longest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Returns a time for people: `7d`, `12h`, `90s`.
pub(crate) fn duration(seconds: u64) -> String {
    let whole = TIMES.into_iter().find(|(_, unit)| seconds.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(("s", 1));
    format!("{}{name}", seconds / unit)
}

/// Reads a time in seconds: `7d`, `12h`, `30m`, `90s`; `never` is 0.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    if text == "never" {
        return Ok(0);
    }
    let time = TIMES.into_iter().find_map(|(name, unit)| {
        let number: u64 = text.strip_suffix(name)?.parse().ok()?;
        number.checked_mul(unit)
    });
    time.filter(|seconds| *seconds > 0)
        .ok_or_else(|| "it has to be a time such as 7d, 12h, 30m or 90s, or never".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_told() {
        for (text, expected) in [("7d", 604_800), ("12h", 43_200), ("30m", 1_800), ("90s", 90)] {
            assert_eq!(seconds(text), Ok(expected));
            assert_eq!(duration(expected), text);
        }
        assert_eq!(seconds("never"), Ok(0));
        for bad in ["", "7", "d", "0s", "-1d", "1.5h", "99999999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn control_characters_are_told_and_not_obeyed() {
        for (text, expected) in [
            ("one\ttwo\r\nthree\n", "one\ttwo\nthree\n"),
            ("\x1b[2J\x07\0\r\u{9b}1m", "\\u{1b}[2J\\u{7}\\u{0}\\r\\u{9b}1m"),
            ("größer 🔑", "größer 🔑"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(time(0), "1970-01-01 00:00:00");
        assert_eq!(time(951_782_400_000_000), "2000-02-29 00:00:00");
        assert_eq!(time(1_767_225_599_999_999), "2025-12-31 23:59:59");
    }

    #[test]
    fn sizes_are_told_in_short() {
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (12_340_000, "12.3 MB"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }
}
