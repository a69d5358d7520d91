//! A rule that makes joins pause, so that a query can be stopped where it computes without reading.
//!
//! DataFusion pauses where rows are read. A cross join makes millions of rows from a few that it has read once: up
//! to version 55.2 a plan above one runs to its end without a pause, whoever has left or whatever time has passed.
//!
//! A join pauses here where it hands out rows. One by a condition that hardly any pair meets still does not, while it
//! looks for the next.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::unnest::UnnestExec;

#[derive(Debug)]
pub(crate) struct PauseWhereRowsMultiply;

impl PhysicalOptimizerRule for PauseWhereRowsMultiply {
    fn name(&self) -> &str {
        "pause_where_rows_multiply"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(if multiplies(plan.as_ref()) {
                Transformed::yes(Arc::new(CooperativeExec::new(plan)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(plan)
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether more rows may come out than go in: of joins, which have two inputs, and where lists are taken apart.
fn multiplies(plan: &dyn ExecutionPlan) -> bool {
    let pauses = plan.properties().scheduling_type == SchedulingType::Cooperative;
    !pauses && (plan.children().len() > 1 || plan.is::<UnnestExec>())
}
