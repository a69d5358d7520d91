//! Typed values of partition keys, and how they compare.

use std::cmp::Ordering;

use super::ast::Literal;

/// How the values of a partition key compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By bytes. The default partition is a text like any other.
    Text,
    Integer,
    Decimal,
    Double,
    /// Dates and timestamps; a date is its midnight.
    Time,
    Boolean,
}

impl Kind {
    /// Returns the kind of a Hive type.
    pub(super) fn of(type_name: &str) -> Kind {
        let name = type_name.to_ascii_lowercase();
        match name.split(['(', ' ']).next().unwrap_or_default() {
            "tinyint" | "smallint" | "int" | "integer" | "bigint" => Kind::Integer,
            "decimal" | "numeric" => Kind::Decimal,
            "float" | "double" | "real" => Kind::Double,
            "date" | "timestamp" => Kind::Time,
            "boolean" => Kind::Boolean,
            _ => Kind::Text,
        }
    }

    /// Reads a value; `None` when it is none of this kind. Such a value is in no comparison's answer.
    pub(super) fn read(self, text: &str) -> Option<Typed> {
        match self {
            Kind::Text => Some(Typed::Text(text.to_owned())),
            Kind::Integer => text.parse().ok().map(Typed::Integer),
            Kind::Decimal => Decimal::read(text).map(Typed::Decimal),
            Kind::Double => text
                .parse::<f64>()
                .ok()
                .filter(|n| !n.is_nan())
                .map(Typed::Double),
            Kind::Time => Time::read(text).map(Typed::Time),
            Kind::Boolean => boolean(text).map(Typed::Boolean),
        }
    }

    /// Reads a literal as a value of this kind.
    pub(super) fn literal(self, literal: &Literal) -> Option<Typed> {
        match literal {
            Literal::Text(text) => self.read(text),
            Literal::Integer(number) => self.read(&number.to_string()),
        }
    }

    /// Compares a partition's value with a literal; `None` when the value is not of this kind.
    pub(super) fn compare(self, value: &str, literal: &Typed) -> Option<Ordering> {
        match literal {
            // the common case, without a copy
            Typed::Text(text) => Some(value.as_bytes().cmp(text.as_bytes())),
            _ => self.read(value)?.partial_cmp(literal),
        }
    }
}

/// A value of a [`Kind`].
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Typed {
    Text(String),
    Integer(i64),
    Decimal(Decimal),
    Double(f64),
    Time(Time),
    Boolean(bool),
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A decimal number of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Digits before the point, without leading zeros.
    whole: String,
    /// Digits behind the point, without trailing zeros.
    fraction: String,
}

impl Decimal {
    fn read(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Decimal {
            negative: negative && !zero,
            whole,
            fraction,
        })
    }

    fn magnitude(&self, other: &Decimal) -> Ordering {
        let key = |n: &Decimal| n.whole.len();
        key(self)
            .cmp(&key(other))
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
        })
    }
}

/// A moment of the calendar, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
    seconds: u32,
    nanos: u32,
}

/// The last year that a date can name.
pub(super) const YEAR_MAX: u16 = 9999;

impl Time {
    /// Reads `2026-01-31`, and behind it `12:30`, `12:30:59` or `12:30:59.5`.
    pub(super) fn read(text: &str) -> Option<Time> {
        let (date, clock) = match text.split_once([' ', 'T']) {
            Some((date, clock)) => (date, Some(clock)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4..=4)?;
        let month = digits(parts.next()?, 1..=2)?;
        let day = digits(parts.next()?, 1..=2)?;
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days(year, month)).contains(&day) {
            return None;
        }
        let (seconds, nanos) = match clock {
            Some(clock) => read_clock(clock)?,
            None => (0, 0),
        };
        let narrow = |n: u32| u8::try_from(n).ok();
        Some(Time {
            year: u16::try_from(year).ok()?,
            month: narrow(month)?,
            day: narrow(day)?,
            seconds,
            nanos,
        })
    }
}

impl Time {
    /// Returns whether this is a date alone.
    pub(super) fn is_midnight(&self) -> bool {
        (self.seconds, self.nanos) == (0, 0)
    }
}

fn read_clock(text: &str) -> Option<(u32, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let hour = digits(parts.next()?, 1..=2)?;
    let minute = digits(parts.next()?, 1..=2)?;
    let second = parts.next().map_or(Some(0), |part| digits(part, 1..=2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = digits(fraction, 1..=9)? * 10u32.pow(9 - u32::try_from(fraction.len()).ok()?);
    Some((hour * 3600 + minute * 60 + second, nanos))
}

fn digits(text: &str, len: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let valid = len.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_by_their_type() {
        use Ordering::{Equal, Greater, Less};
        for (type_name, value, literal, expected) in [
            ("string", "10", "9", Some(Less)),
            ("int", "10", "9", Some(Greater)),
            ("int", "007", "7", Some(Equal)),
            ("bigint", "+5", "5", Some(Equal)),
            ("int", "x", "7", None),
            ("varchar(3)", "b", "B", Some(Greater)),
            ("decimal(10,2)", "1.50", "1.5", Some(Equal)),
            ("decimal(10,2)", "-10", "-9.9", Some(Less)),
            (
                "decimal(38,0)",
                "123456789012345678901234567890",
                "99",
                Some(Greater),
            ),
            ("decimal(3,1)", "-0", "0.0", Some(Equal)),
            ("decimal(3,1)", ".", "0", None),
            ("double", "1e3", "1000", Some(Equal)),
            ("double", "NaN", "1", None),
            ("date", "2026-1-2", "2026-01-02", Some(Equal)),
            ("date", "2026-02-30", "2026-01-02", None),
            ("date", "notadate", "2026-01-02", None),
            ("timestamp", "2026-01-02 00:00:00", "2026-01-02", Some(Equal)),
            (
                "timestamp",
                "2026-01-02 10:00:00.5",
                "2026-01-02 10:00:00.45",
                Some(Greater),
            ),
            ("timestamp", "2026-01-02 24:00:00", "2026-01-02", None),
            ("boolean", "TRUE", "true", Some(Equal)),
        ] {
            let kind = Kind::of(type_name);
            let literal = kind.read(literal).unwrap();
            assert_eq!(
                kind.compare(value, &literal),
                expected,
                "{type_name} {value} {literal:?}"
            );
        }
    }
}
