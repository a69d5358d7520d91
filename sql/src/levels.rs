//! A rule in front of one of DataFusion's, which takes two projections that look alike for one.
//!
//! Up to version 55.2, `select x * 2 as x from (select x * 2 as x from t)` loses a level where it is optimized: the
//! upper projection and the lower one are equal as expressions, and are not as values, because the same name is
//! another column in each (mended upstream in apache/datafusion#24686). So what the lower one renames gets a name
//! here that no statement can contain, and the two differ. To be dropped with the version that has the mend.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule in front of which levels have to be told apart.
const CONFUSES: &str = "optimize_projections";

/// Returns DataFusion's rules, with this one where it is needed.
pub(crate) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let at = rules.iter().position(|rule| rule.name() == CONFUSES);
    rules.insert(at.unwrap_or(0), Arc::new(TellLevelsApart));
    rules
}

#[derive(Debug)]
struct TellLevelsApart;

impl OptimizerRule for TellLevelsApart {
    fn name(&self) -> &str {
        "tell_levels_apart"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Projection(upper) => match upper.input.as_ref() {
                LogicalPlan::Projection(lower) if upper.expr == lower.expr => apart(upper, lower),
                _ => Ok(Transformed::no(plan)),
            },
            _ => Ok(Transformed::no(plan)),
        }
    }
}

/// Returns the upper projection over the lower one, whose new names nobody else has.
fn apart(upper: &Projection, lower: &Projection) -> Result<Transformed<LogicalPlan>> {
    let mut renamed = HashMap::new();
    let below: Vec<Expr> = lower.expr.iter().map(|expr| rename(expr, &mut renamed)).collect();
    if renamed.is_empty() {
        // columns alone: each level has the same values, and one may go
        return Ok(Transformed::no(LogicalPlan::Projection(upper.clone())));
    }
    let above = upper
        .expr
        .iter()
        .zip(upper.schema.iter())
        .map(|(expr, (qualifier, field))| {
            let expr = expr.clone().transform(|expr| match &expr {
                Expr::Column(column) => Ok(match renamed.get(column) {
                    Some(new) => Transformed::yes(Expr::Column(new.clone())),
                    None => Transformed::no(expr),
                }),
                _ => Ok(Transformed::no(expr)),
            })?;
            match expr.data.qualified_name() == (qualifier.cloned(), field.name().clone()) {
                true => Ok(expr.data),
                false => Ok(expr.data.alias_qualified(qualifier.cloned(), field.name())),
            }
        });
    let above = above.collect::<Result<Vec<_>>>()?;
    let lower = LogicalPlan::Projection(Projection::try_new(below, Arc::clone(&lower.input))?);
    let upper = Projection::try_new_with_schema(above, Arc::new(lower), Arc::clone(&upper.schema))?;
    Ok(Transformed::yes(LogicalPlan::Projection(upper)))
}

/// Gives what an expression is called another name, and notes which.
fn rename(expr: &Expr, renamed: &mut HashMap<Column, Column>) -> Expr {
    let Expr::Alias(alias) = expr else {
        return expr.clone();
    };
    let name = format!("{}\0below", alias.name);
    renamed.insert(
        Column::new(alias.relation.clone(), &alias.name),
        Column::new(alias.relation.clone(), &name),
    );
    alias
        .expr
        .as_ref()
        .clone()
        .alias_qualified(alias.relation.clone(), name)
}
