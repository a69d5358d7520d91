//! How large the values of a function may become, told before it runs: from the sizes of what it is given.

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{ByteArrayType, DataType, IntervalMonthDayNanoType, TimeUnit};
use datafusion::arrow::error::ArrowError;

const DAY_NS: i128 = 86_400_000_000_000;

/// The rule by which the values of a function outgrow its arguments. All are upper bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Growth {
    /// As much as all arguments: `concat`.
    Sum,
    /// All arguments, and the first between any two: `concat_ws`.
    Joined,
    /// The first argument, as often as the second says: `repeat`, `array_repeat`.
    Repeated,
    /// As many characters as the second argument says: `lpad`.
    Padded,
    /// As many elements as the second argument says, each like the third: `array_resize`.
    Resized,
    /// One element for every step between two ends: `range`.
    Series,
    /// Every place of the second argument in the first becomes the third: `replace`.
    Replaced,
    /// The same with a pattern, and groups of it in the third: `regexp_replace`.
    Substituted,
    /// The elements of the first argument as text, with the others between and in place of them:
    /// `array_to_string`.
    Listed,
    /// Every letter of the second argument stands for a date or a time: `to_char`.
    Formatted,
}

/// An argument: one value for each row, or one for all.
pub(crate) struct Operand {
    values: ArrayRef,
    bytes: Vec<u64>,
}

impl Operand {
    pub(crate) fn new(values: ArrayRef) -> Operand {
        let bytes = sizes(values.as_ref());
        Operand { values, bytes }
    }

    fn index(&self, row: usize) -> usize {
        if self.bytes.len() == 1 { 0 } else { row }
    }

    fn bytes(&self, row: usize) -> u64 {
        self.bytes.get(self.index(row)).copied().unwrap_or(0)
    }

    /// Returns the bytes of a text without what tells where it begins.
    fn content(&self, row: usize) -> u64 {
        let start = match self.values.data_type() {
            DataType::Utf8View => 16,
            DataType::LargeUtf8 => 8,
            _ => 4,
        };
        self.bytes(row).saturating_sub(start)
    }

    /// Returns the value as a count; nothing and what is negative count as 0.
    fn counts(&self) -> Result<impl Fn(usize) -> u64 + '_, ArrowError> {
        let numbers = cast(&self.values, &DataType::Int64)?;
        Ok(move |row| {
            let number = number(numbers.as_primitive(), self.index(row)).unwrap_or(0);
            u64::try_from(number).unwrap_or(0)
        })
    }
}

impl Growth {
    /// Returns an upper bound of the bytes of each row's value.
    ///
    /// # Errors
    /// Fails if an argument is of a type that the function does not take.
    pub(crate) fn bounds(self, operands: &[Operand], rows: usize) -> Result<Vec<u64>, ArrowError> {
        let none = || Ok(vec![0; rows]);
        let all = |row: usize| {
            operands
                .iter()
                .map(|one| one.bytes(row))
                .fold(0, u64::saturating_add)
        };
        let every = |bound: &dyn Fn(usize) -> u64| Ok((0..rows).map(bound).collect());
        match (self, operands) {
            (Growth::Sum, _) => every(&all),
            (Growth::Joined, [separator, others @ ..]) => every(&|row| {
                all(row).saturating_add(separator.bytes(row).saturating_mul(others.len() as u64))
            }),
            (Growth::Repeated, [value, count]) => {
                let count = count.counts()?;
                // an element is taken by an index of 8 bytes
                every(&|row| count(row).saturating_mul(value.bytes(row).saturating_add(8)))
            }
            (Growth::Padded, [text, length, ..]) => {
                let length = length.counts()?;
                // a character has up to 4 bytes
                every(&|row| text.bytes(row).max(length(row).saturating_mul(4)))
            }
            (Growth::Resized, [list, length, rest @ ..]) => {
                let length = length.counts()?;
                let new = |row| rest.first().map_or(0, |one| one.bytes(row)).saturating_add(16);
                every(&|row| {
                    list.bytes(row)
                        .saturating_add(length(row).saturating_mul(new(row)))
                })
            }
            (Growth::Series, _) => series(operands, rows),
            (Growth::Replaced, [text, from, to, ..]) => every(&|row| {
                let places = text.bytes(row) / from.content(row).max(1) + 1;
                text.bytes(row)
                    .saturating_add(places.saturating_mul(to.bytes(row)))
            }),
            (Growth::Substituted, [text, _, to, flags @ ..]) => {
                let global = !flags.is_empty();
                every(&|row| substituted(text.bytes(row), to.bytes(row), global))
            }
            (Growth::Listed, [list, texts @ ..]) => every(&|row| {
                let between = texts
                    .iter()
                    .map(|one| one.bytes(row))
                    .fold(8, u64::saturating_add);
                (list.bytes(row) + 1).saturating_mul(between)
            }),
            // the longest of them is %c, as in `Sun Jul  8 00:34:60 2001`
            (Growth::Formatted, [_, format]) => every(&|row| format.bytes(row).saturating_mul(16)),
            // not what the function takes: it says so itself
            _ => none(),
        }
    }
}

/// A group is named by two bytes at least, and the text of all its places is no longer than the whole.
fn substituted(text: u64, to: u64, global: bool) -> u64 {
    let places = if global { text.saturating_add(1) } else { 1 };
    let groups = (to / 2).saturating_add(1);
    text.saturating_mul(groups)
        .saturating_add(places.saturating_mul(to))
}

/// An element is a date or a number of up to 8 bytes; no month is shorter than 28 days.
fn series(operands: &[Operand], rows: usize) -> Result<Vec<u64>, ArrowError> {
    let [start, stop, step] = match operands {
        [stop] => [None, Some(stop), None],
        [start, stop] => [Some(start), Some(stop), None],
        [start, stop, step] => [Some(start), Some(stop), Some(step)],
        _ => return Ok(vec![0; rows]),
    };
    let points = |operand: Option<&Operand>| operand.map(|one| points(&one.values)).transpose();
    let (start, stop, step) = (points(start)?, points(stop)?, points(step)?);
    let at = |values: &Option<Vec<Option<i128>>>, row: usize, default: i128| match values {
        None => Some(default),
        Some(values) => values
            .get(if values.len() == 1 { 0 } else { row })
            .copied()
            .flatten(),
    };
    let elements = |row| {
        Some(elements(
            at(&start, row, 0)?,
            at(&stop, row, 0)?,
            at(&step, row, 1)?,
        ))
    };
    Ok((0..rows)
        .map(|row| elements(row).unwrap_or(0).saturating_mul(8))
        .collect())
}

fn elements(start: i128, stop: i128, step: i128) -> u64 {
    match (stop - start).checked_div(step) {
        Some(steps) if steps >= 0 => u64::try_from(steps).unwrap_or(u64::MAX).saturating_add(1),
        _ => 0,
    }
}

/// Returns the ends or the steps of a series as numbers: integers as they are, all else in nanoseconds.
fn points(values: &ArrayRef) -> Result<Vec<Option<i128>>, ArrowError> {
    if let DataType::Interval(_) = values.data_type() {
        let intervals = values.as_primitive_opt::<IntervalMonthDayNanoType>();
        let intervals =
            intervals.ok_or_else(|| ArrowError::CastError("an interval of another kind".into()))?;
        return Ok(intervals
            .iter()
            .map(|one| one.map(|one| step_ns(one.months, one.days, one.nanoseconds)))
            .collect());
    }
    let unit = match values.data_type() {
        DataType::Date32 => DAY_NS,
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        _ => 1,
    };
    let whole = match values.data_type() {
        DataType::Date32 => cast(&cast(values, &DataType::Int32)?, &DataType::Int64)?,
        _ => cast(values, &DataType::Int64)?,
    };
    let whole: &Int64Array = whole.as_primitive();
    Ok(whole
        .iter()
        .map(|one| one.map(|one| i128::from(one) * unit))
        .collect())
}

/// The least that a step goes on. One with parts of both signs may go on by next to nothing.
fn step_ns(months: i32, days: i32, nanoseconds: i64) -> i128 {
    let parts = [
        i128::from(months) * 28 * DAY_NS,
        i128::from(days) * DAY_NS,
        i128::from(nanoseconds),
    ];
    match (
        parts.iter().any(|part| *part > 0),
        parts.iter().any(|part| *part < 0),
    ) {
        (true, true) | (false, false) => 1,
        _ => parts.iter().sum(),
    }
}

fn number(numbers: &Int64Array, at: usize) -> Option<i64> {
    (at < numbers.len() && numbers.is_valid(at)).then(|| numbers.value(at))
}

/// Returns the bytes of all values, with what tells where each begins.
pub(crate) fn bytes_of(values: &dyn Array) -> u64 {
    sizes(values).into_iter().fold(0, u64::saturating_add)
}

/// Returns the bytes of each value. One that is a view counts as a copy: that is what the next function makes of it.
fn sizes(values: &dyn Array) -> Vec<u64> {
    use datafusion::arrow::datatypes::{BinaryType, LargeBinaryType, LargeUtf8Type, Utf8Type};
    let rows = values.len();
    match values.data_type() {
        DataType::Utf8 => lengths::<Utf8Type>(values),
        DataType::LargeUtf8 => lengths::<LargeUtf8Type>(values),
        DataType::Binary => lengths::<BinaryType>(values),
        DataType::LargeBinary => lengths::<LargeBinaryType>(values),
        DataType::Utf8View => view_lengths(values.as_string_view().views()),
        DataType::BinaryView => view_lengths(values.as_binary_view().views()),
        DataType::List(_) => {
            let list = values.as_list::<i32>();
            parts(
                list.values(),
                list.value_offsets().iter().map(|at| i64::from(*at)),
            )
        }
        DataType::LargeList(_) => {
            let list = values.as_list::<i64>();
            parts(list.values(), list.value_offsets().iter().copied())
        }
        DataType::Map(..) => {
            let map = values.as_map();
            parts(map.entries(), map.value_offsets().iter().map(|at| i64::from(*at)))
        }
        DataType::FixedSizeList(_, length) => {
            let length = i64::from(*length);
            let list = values.as_fixed_size_list();
            parts(list.values(), (0..=rows as i64).map(|row| row * length))
        }
        DataType::Struct(_) => values
            .as_struct()
            .columns()
            .iter()
            .map(|column| sizes(column.as_ref()))
            .fold(vec![0; rows], |sums, column| {
                sums.into_iter().zip(column).map(|(sum, one)| sum + one).collect()
            }),
        DataType::FixedSizeBinary(length) => vec![u64::try_from(*length).unwrap_or(0); rows],
        plain => match plain.primitive_width() {
            Some(width) => vec![width as u64; rows],
            None if rows == 0 => Vec::new(),
            // booleans and nothings; and of what is encoded, each row counts as its share
            None => vec![(values.get_array_memory_size() / rows) as u64; rows],
        },
    }
}

fn lengths<T: ByteArrayType>(values: &dyn Array) -> Vec<u64> {
    let values = values.as_bytes::<T>();
    let offset = size_of::<T::Offset>() as u64;
    let ends = values.offsets().lengths();
    ends.map(|length| length as u64 + offset).collect()
}

/// The first four bytes of a view are its length.
fn view_lengths(views: &[u128]) -> Vec<u64> {
    views
        .iter()
        .map(|view| (view & u128::from(u32::MAX)) as u64 + 16)
        .collect()
}

/// The bytes of lists whose elements lie between one offset and the next.
fn parts(elements: &dyn Array, offsets: impl Iterator<Item = i64>) -> Vec<u64> {
    let mut sums = vec![0_u64];
    sums.extend(sizes(elements).into_iter().scan(0_u64, |sum, one| {
        *sum = sum.saturating_add(one);
        Some(*sum)
    }));
    let upto = |offset: i64| {
        usize::try_from(offset)
            .ok()
            .and_then(|at| sums.get(at))
            .copied()
            .unwrap_or(0)
    };
    let ends: Vec<u64> = offsets.map(upto).collect();
    ends.windows(2)
        .map(|ends| ends[1].saturating_sub(ends[0]) + 8)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Date32Array, IntervalMonthDayNanoArray, ListArray, StringArray, StringViewArray,
    };
    use datafusion::arrow::datatypes::{Int64Type, IntervalMonthDayNano};

    use super::*;

    fn texts(values: &[&str]) -> Operand {
        Operand::new(Arc::new(StringViewArray::from(values.to_vec())))
    }

    fn numbers(values: &[i64]) -> Operand {
        Operand::new(Arc::new(Int64Array::from(values.to_vec())))
    }

    #[track_caller]
    fn check(growth: Growth, operands: &[Operand], expected: &[u64]) {
        let rows = expected.len();
        assert_eq!(growth.bounds(operands, rows).unwrap(), expected, "{growth:?}");
    }

    #[test]
    fn a_value_is_as_large_as_its_parts() {
        assert_eq!(sizes(&StringArray::from(vec!["", "abc"])), [4, 7]);
        assert_eq!(sizes(&StringArray::from(vec!["", "abc", "de"]).slice(1, 1)), [7]);
        assert_eq!(
            sizes(&StringViewArray::from(vec!["", "longer than a view"])),
            [16, 34]
        );
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
        assert_eq!(sizes(&lists), [24, 8]);
        assert_eq!(sizes(&lists.slice(1, 1)), [8]);
    }

    #[test]
    fn what_is_repeated_grows_by_its_count() {
        check(
            Growth::Repeated,
            &[texts(&["abcd"]), numbers(&[0, -1, 3])],
            &[0, 0, 84],
        );
        check(
            Growth::Repeated,
            &[texts(&["abcd"]), numbers(&[i64::MAX])],
            &[u64::MAX],
        );
        check(
            Growth::Padded,
            &[texts(&["a"]), numbers(&[100]), texts(&["x"])],
            &[400],
        );
        check(
            Growth::Joined,
            &[texts(&["a"]), texts(&["b"]), texts(&["c"])],
            &[85],
        );
    }

    #[test]
    fn a_replacement_stands_in_every_place() {
        let replaced = |from: &str| [texts(&["aaaa"]), texts(&[from]), texts(&["bb"])];
        check(Growth::Replaced, &replaced(""), &[398]);
        check(Growth::Replaced, &replaced("a"), &[398]);
        check(Growth::Replaced, &replaced("aaaa"), &[128]);
        // only the first place
        check(
            Growth::Substituted,
            &[texts(&[""]), texts(&["x"]), texts(&[""])],
            &[160],
        );
        let global = [texts(&[""]), texts(&["x"]), texts(&[""]), texts(&["g"])];
        check(Growth::Substituted, &global, &[416]);
    }

    #[test]
    fn a_series_has_an_element_for_every_step() {
        check(Growth::Series, &[numbers(&[9])], &[80]);
        check(Growth::Series, &[numbers(&[1]), numbers(&[0, 9])], &[0, 72]);
        check(
            Growth::Series,
            &[numbers(&[9]), numbers(&[0]), numbers(&[-3])],
            &[32],
        );
        check(
            Growth::Series,
            &[numbers(&[i64::MIN]), numbers(&[i64::MAX])],
            &[u64::MAX],
        );
        let date = |day| Operand::new(Arc::new(Date32Array::from(vec![day])));
        let step = |months, days, nanoseconds| {
            let step = IntervalMonthDayNano::new(months, days, nanoseconds);
            Operand::new(Arc::new(IntervalMonthDayNanoArray::from(vec![step])))
        };
        check(Growth::Series, &[date(0), date(28), step(0, 7, 0)], &[40]);
        check(Growth::Series, &[date(0), date(56), step(1, 0, 0)], &[24]);
        // a month and back again
        let [bound] = Growth::Series
            .bounds(&[date(0), date(1), step(1, -30, 0)], 1)
            .unwrap()[..]
        else {
            panic!("one row has one bound")
        };
        assert!(bound > 1 << 40, "{bound}");
    }
}
