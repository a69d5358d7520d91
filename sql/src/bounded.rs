//! Functions whose values may be far larger than what they are given: refused before they take the memory.
//!
//! DataFusion's memory pool sees operators and not functions, and constants are evaluated while a query is planned.
//! So every such function is put into a [`Bounded`] one wherever a statement, the planner or a rule names it. What
//! stays open: the bound is one call's, so a row of many such columns may take it many times.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Documentation, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use crate::growth::{Growth, Operand, bytes_of};
use crate::statement::STATEMENT_BYTES_MAX;

/// The most bytes of a value that is the same for all rows: as a literal, which is no longer than its statement. It
/// may be written out for every row of a batch.
const CONSTANT_BYTES_MAX: u64 = STATEMENT_BYTES_MAX as u64;

/// The share of all memory that the values of one call may take.
const SHARE: u64 = 8;

/// The functions, by the names they are registered under.
const GROWING: &[(&str, Growth)] = &[
    ("array_append", Growth::Sum),
    ("array_concat", Growth::Sum),
    ("array_prepend", Growth::Sum),
    ("array_repeat", Growth::Repeated),
    ("array_replace", Growth::Replaced),
    ("array_replace_all", Growth::Replaced),
    ("array_replace_n", Growth::Replaced),
    ("array_resize", Growth::Resized),
    ("array_to_string", Growth::Listed),
    ("array_union", Growth::Sum),
    ("arrays_zip", Growth::Sum),
    ("concat", Growth::Sum),
    ("concat_ws", Growth::Joined),
    ("generate_series", Growth::Series),
    ("lpad", Growth::Padded),
    ("make_array", Growth::Sum),
    ("map", Growth::Sum),
    ("overlay", Growth::Sum),
    ("range", Growth::Series),
    ("regexp_replace", Growth::Substituted),
    ("repeat", Growth::Repeated),
    ("replace", Growth::Replaced),
    ("rpad", Growth::Padded),
    ("to_char", Growth::Formatted),
];

/// Puts bounds on the functions of a session that has `memory_bytes` in all.
pub(crate) fn bound_functions(context: &mut SessionContext, memory_bytes: usize) -> Result<()> {
    let bytes_max = memory_bytes as u64 / SHARE;
    for (name, growth) in GROWING {
        if let Ok(function) = context.udf(name) {
            context.register_udf(Arc::new(Bounded::over(function, *growth, bytes_max)))?;
        }
    }
    context.register_function_rewrite(Arc::new(Bounds { bytes_max }))
}

/// Bounds what is planned without looking a name up: `||`, and what the planner makes of operators and literals.
#[derive(Debug)]
struct Bounds {
    bytes_max: u64,
}

impl FunctionRewrite for Bounds {
    fn name(&self) -> &str {
        "bounds"
    }

    fn rewrite(&self, expr: Expr, _: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::ScalarFunction(ScalarFunction { func, args }) => match growth(&func) {
                Some(growth) => {
                    let func = Arc::new(Bounded::over(func, growth, self.bytes_max));
                    Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args }))
                }
                None => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
            },
            Expr::BinaryExpr(BinaryExpr {
                op: Operator::StringConcat,
                ..
            }) => {
                let checked = ScalarUDF::new_from_impl(Checked::new(self.bytes_max));
                Transformed::yes(checked.call(vec![expr]))
            }
            other => Transformed::no(other),
        })
    }
}

/// Returns how a function grows, if it does and has no bound yet.
fn growth(function: &ScalarUDF) -> Option<Growth> {
    if function.inner().is::<Bounded>() {
        return None;
    }
    let named = |(name, _): &&(&str, Growth)| *name == function.name();
    GROWING.iter().find(named).map(|(_, growth)| *growth)
}

/// A function that fails before its values take too much.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    bytes_max: u64,
}

impl Bounded {
    fn over(inner: Arc<ScalarUDF>, growth: Growth, bytes_max: u64) -> ScalarUDF {
        ScalarUDF::new_from_impl(Bounded {
            inner,
            growth,
            bytes_max,
        })
    }

    /// Evaluates what is the same for all rows, once.
    fn constant(&self, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
        pieces(self.name(), &self.bounds(args, 1)?, self.bytes_max)?;
        let value = self.inner.invoke_with_args(part(args, 0..1))?;
        let value = match value {
            ColumnarValue::Scalar(value) => value,
            ColumnarValue::Array(values) => ScalarValue::try_from_array(&values, 0)?,
        };
        check(
            self.name(),
            bytes_of(value.to_array()?.as_ref()),
            CONSTANT_BYTES_MAX,
        )?;
        Ok(ColumnarValue::Scalar(value))
    }

    /// Evaluates so many rows at once as surely stay within the bound: it may be far too high for each of them.
    fn rows(&self, args: &ScalarFunctionArgs, bounds: &[u64]) -> Result<ColumnarValue> {
        let (mut parts, mut bytes): (Vec<ArrayRef>, u64) = (Vec::new(), 0);
        for rows in pieces(self.name(), bounds, self.bytes_max)? {
            let count = rows.len();
            let values = self.inner.invoke_with_args(part(args, rows))?.into_array(count)?;
            bytes = bytes.saturating_add(bytes_of(values.as_ref()));
            check(self.name(), bytes, self.bytes_max)?;
            parts.push(values);
        }
        let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&parts)?))
    }

    fn bounds(&self, args: &ScalarFunctionArgs, rows: usize) -> Result<Vec<u64>> {
        let operand = |value: &ColumnarValue| -> Result<Operand> {
            Ok(Operand::new(match value {
                ColumnarValue::Array(values) => Arc::clone(values),
                ColumnarValue::Scalar(value) => value.to_array()?,
            }))
        };
        let operands = args.args.iter().map(operand).collect::<Result<Vec<_>>>()?;
        Ok(self.growth.bounds(&operands, rows)?)
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = self.inner.inner().with_updated_config(config)?;
        Some(Bounded::over(Arc::new(inner), self.growth, self.bytes_max))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args
            .args
            .iter()
            .all(|one| matches!(one, ColumnarValue::Scalar(_)))
        {
            return self.constant(&args);
        }
        let bounds = self.bounds(&args, args.number_rows)?;
        let whole = bounds.iter().copied().fold(0, u64::saturating_add);
        match whole <= self.bytes_max {
            true => self.inner.invoke_with_args(args),
            false => self.rows(&args, &bounds),
        }
    }
}

/// Passes its only argument on, if it is not too large: for operators, whose values are as large as both sides
/// together, and which would double them time and again.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    signature: Signature,
    bytes_max: u64,
}

impl Checked {
    fn new(bytes_max: u64) -> Checked {
        Checked {
            signature: Signature::any(1, Volatility::Immutable),
            bytes_max,
        }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        "||"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args
            .first()
            .map(|one| one.schema_name().to_string())
            .unwrap_or_default())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let only = || DataFusionError::Internal("a check takes one argument".to_owned());
        types.first().cloned().ok_or_else(only)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = <[ColumnarValue; 1]>::try_from(args.args)
            .map_err(|_| DataFusionError::Internal("a check takes one argument".to_owned()))?;
        match &value {
            ColumnarValue::Scalar(one) => {
                check(
                    self.name(),
                    bytes_of(one.to_array()?.as_ref()),
                    CONSTANT_BYTES_MAX,
                )?;
            }
            ColumnarValue::Array(values) => check(self.name(), bytes_of(values.as_ref()), self.bytes_max)?,
        }
        Ok(value)
    }
}

/// Returns the arguments for some of the rows.
fn part(args: &ScalarFunctionArgs, rows: Range<usize>) -> ScalarFunctionArgs {
    let slice = |value: &ColumnarValue| match value {
        ColumnarValue::Array(values) => ColumnarValue::Array(values.slice(rows.start, rows.len())),
        ColumnarValue::Scalar(value) => ColumnarValue::Scalar(value.clone()),
    };
    ScalarFunctionArgs {
        args: args.args.iter().map(slice).collect(),
        arg_fields: args.arg_fields.clone(),
        number_rows: rows.len(),
        return_field: Arc::clone(&args.return_field),
        config_options: Arc::clone(&args.config_options),
    }
}

/// Splits rows so that the bounds of each piece stay below the most together.
///
/// # Errors
/// Fails if one row alone may be too large.
fn pieces(function: &str, bounds: &[u64], bytes_max: u64) -> Result<Vec<Range<usize>>> {
    let (mut pieces, mut from, mut sum) = (Vec::new(), 0, 0_u64);
    for (row, bound) in bounds.iter().enumerate() {
        check(function, *bound, bytes_max)?;
        sum = sum.saturating_add(*bound);
        if sum > bytes_max {
            pieces.push(from..row);
            (from, sum) = (row, *bound);
        }
    }
    pieces.push(from..bounds.len());
    Ok(pieces)
}

fn check(function: &str, bytes: u64, bytes_max: u64) -> Result<()> {
    match bytes <= bytes_max {
        true => Ok(()),
        false => Err(DataFusionError::ResourcesExhausted(format!(
            "{function} may take {bytes} bytes at once, of which {bytes_max} are allowed"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_as_far_as_they_stay_below_the_bound() {
        let of = |bounds: &[u64]| pieces("f", bounds, 10).map_err(|error| error.strip_backtrace());
        assert_eq!(of(&[]), Ok(vec![Range { start: 0, end: 0 }]));
        assert_eq!(of(&[5, 5, 1, 10, 0, 9]), Ok(vec![0..2, 2..3, 3..5, 5..6]));
        let error = of(&[1, 11]).unwrap_err();
        assert!(
            error.ends_with("f may take 11 bytes at once, of which 10 are allowed"),
            "{error}"
        );
    }

    #[test]
    fn every_function_is_there() {
        let context = SessionContext::new();
        for (name, _) in GROWING {
            assert!(context.udf(name).is_ok(), "{name}");
        }
    }
}
