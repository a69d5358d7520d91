//! Texts as values of a type, as Hive reads them: what is no value of the type is NULL.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, StringArray, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::FormatOptions;

/// The bytes of one column, row by row.
pub(super) type Cells<'a> = [Option<Cow<'a, [u8]>>];

/// Returns values of a type that is not nested.
pub(super) fn array(kind: &DataType, cells: &Cells<'_>) -> Result<ArrayRef, ArrowError> {
    let texts = || cells.iter().map(|cell| cell.as_deref().and_then(text));
    Ok(match kind {
        DataType::Utf8 => Arc::new(strings(cells)),
        DataType::Boolean => Arc::new(texts().map(|text| boolean(text?)).collect::<BooleanArray>()),
        DataType::Int8 => Arc::new(
            texts()
                .map(|text| integer(text?)?.try_into().ok())
                .collect::<Int8Array>(),
        ),
        DataType::Int16 => Arc::new(
            texts()
                .map(|text| integer(text?)?.try_into().ok())
                .collect::<Int16Array>(),
        ),
        DataType::Int32 => Arc::new(
            texts()
                .map(|text| integer(text?)?.try_into().ok())
                .collect::<Int32Array>(),
        ),
        DataType::Int64 => Arc::new(
            texts()
                .map(|text| integer(text?)?.try_into().ok())
                .collect::<Int64Array>(),
        ),
        DataType::Float32 => Arc::new(
            texts()
                .map(|text| real(text?).map(single))
                .collect::<Float32Array>(),
        ),
        DataType::Float64 => Arc::new(texts().map(|text| real(text?)).collect::<Float64Array>()),
        DataType::Decimal128(precision, scale) => {
            let values = texts().map(|text| decimal(text?, *precision, *scale));
            let values: Decimal128Array = values.collect();
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Binary => Arc::new(
            cells
                .iter()
                .map(|cell| cell.as_deref().map(binary))
                .collect::<BinaryArray>(),
        ),
        DataType::Date32 | DataType::Timestamp(..) => {
            let trimmed: StringArray = texts().map(|text| text.map(str::trim)).collect();
            cast_with_options(&trimmed, kind, &lenient())?
        }
        other => new_null_array(other, cells.len()),
    })
}

/// Casts that make NULL of what does not fit, with timestamps written as Hive does.
pub(super) fn lenient() -> CastOptions<'static> {
    CastOptions {
        safe: true,
        format_options: FormatOptions::new().with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f")),
    }
}

fn strings(cells: &Cells<'_>) -> StringArray {
    cells
        .iter()
        .map(|cell| cell.as_deref().map(String::from_utf8_lossy))
        .collect()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A fraction is cut off, as by Hive.
fn integer(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    whole.parse().ok()
}

/// Java's spelling: blanks around, and a letter for the type behind.
fn real(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let has_digits = digits.bytes().any(|byte| byte.is_ascii_digit());
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if has_digits => digits.parse().ok(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float is asked for")]
fn single(value: f64) -> f32 {
    value as f32
}

/// What has more digits behind the point is rounded, half up.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = match mantissa.as_bytes().first()? {
        b'-' => (-1, &mantissa[1..]),
        b'+' => (1, &mantissa[1..]),
        _ => (1, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // how many of the digits are kept, so that `scale` of them stand behind the point
    let kept =
        i64::try_from(whole.len()).ok()? + exponent.parse::<i32>().ok().map(i64::from)? + i64::from(scale);
    let value = kept_digits(&digits, kept)?;
    (value < 10_i128.checked_pow(u32::from(precision))?).then_some(sign * value)
}

/// Returns the number that the first `kept` digits make, with zeros where there are fewer, rounded by the next.
fn kept_digits(digits: &[u8], kept: i64) -> Option<i128> {
    let mut value: i128 = 0;
    for i in 0..kept {
        let digit = usize::try_from(i)
            .ok()
            .and_then(|i| digits.get(i))
            .map_or(0, |byte| byte - b'0');
        if value == 0 && digit == 0 && i >= i64::try_from(digits.len()).ok()? {
            return Some(0);
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    let next = usize::try_from(kept).ok().and_then(|i| digits.get(i));
    Some(value + i128::from(next.is_some_and(|digit| *digit >= b'5')))
}

/// Hive writes Base64, and takes bytes that are none as they are.
fn binary(bytes: &[u8]) -> Cow<'_, [u8]> {
    match base64_simd::STANDARD.decode_to_vec(bytes) {
        Ok(decoded) => Cow::Owned(decoded),
        Err(_) => Cow::Borrowed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::TimeUnit;
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;

    fn read(kind: &DataType, texts: &[&str]) -> Vec<String> {
        let cells: Vec<_> = texts
            .iter()
            .map(|text| Some(Cow::Borrowed(text.as_bytes())))
            .collect();
        let array = array(kind, &cells).unwrap();
        assert_eq!((array.data_type(), array.len()), (kind, texts.len()));
        (0..texts.len())
            .map(|row| array_value_to_string(&array, row).unwrap())
            .collect()
    }

    #[test]
    fn what_is_no_value_is_null() {
        for (kind, texts, expected) in [
            (
                DataType::Int8,
                &["1", "+7", "-128", "128", "", "1.9", "1.x", " 1", "abc"][..],
                "1 7 -128 . . 1 . . .",
            ),
            (
                DataType::Int64,
                &["9223372036854775807", "9223372036854775808"],
                "9223372036854775807 .",
            ),
            (DataType::Boolean, &["TRUE", "false", "1", ""], "true false . ."),
            (
                DataType::Float64,
                &["1.5", " 2e3 ", "1d", "inf", "NaN", "x", ""],
                "1.5 2000.0 1.0 . NaN . .",
            ),
            (DataType::Float32, &["0.1"], "0.1"),
            (
                DataType::Decimal128(5, 2),
                &[
                    "1.005", "-1.005", "1.2e1", "999.995", "12", ".5", "", "1,5", "1e999999",
                ],
                "1.01 -1.01 12.00 . 12.00 0.50 . . .",
            ),
            (
                DataType::Date32,
                &["2026-01-02", "2026-02-30", " 2026-01-02 ", "x"],
                "2026-01-02 . 2026-01-02 .",
            ),
            (DataType::Utf8, &["", "x"], " x"),
            (DataType::Binary, &["aGk=", "hi!"], "6869 686921"),
        ] {
            let shown: Vec<_> = read(&kind, texts)
                .into_iter()
                .map(|text| {
                    if text.is_empty() && kind != DataType::Utf8 {
                        ".".to_owned()
                    } else {
                        text
                    }
                })
                .collect();
            assert_eq!(shown.join(" "), expected, "{kind}");
        }
        let at = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(
            read(
                &at,
                &[
                    "2026-01-02 03:04:05.678901",
                    "2026-01-02T03:04:05",
                    "2026-01-02",
                    "noon"
                ]
            ),
            [
                "2026-01-02T03:04:05.678901",
                "2026-01-02T03:04:05",
                "2026-01-02T00:00:00",
                ""
            ]
        );
    }
}
