//! What clients ask for as a matter of course, and of which there is none here: resource plans, scheduled queries and
//! compactions. HiveServer2 4 polls for scheduled queries, and one with LLAP asks for its plan when it starts.

use thrift_idl::methods::{
    GetActiveResourcePlan, GetAllResourcePlans, GetLatestCommittedCompactionInfo, GetResourcePlan,
    GetResourcePlanArgs, GetScheduledQuery, GetScheduledQueryArgs, GetTriggersForResourceplan,
    ScheduledQueryPoll, ShowCompact,
};
use thrift_idl::types::{
    GetLatestCommittedCompactionInfoResponse, ScheduledQueryPollResponse, ShowCompactResponse,
    WMGetActiveResourcePlanResponse, WMGetAllResourcePlanResponse, WMGetTriggersForResourePlanResponse,
};

use crate::exception::{Class, Failure};
use crate::registry::Routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .empty::<GetActiveResourcePlan>(WMGetActiveResourcePlanResponse::default)
        .empty::<GetAllResourcePlans>(|| WMGetAllResourcePlanResponse {
            resource_plans: Some(Vec::new()),
        })
        .empty::<GetTriggersForResourceplan>(|| WMGetTriggersForResourePlanResponse {
            triggers: Some(Vec::new()),
        })
        .serve::<GetResourcePlan, _, _>(async |_, args: GetResourcePlanArgs| {
            let name = args.request.unwrap_or_default().resource_plan_name;
            Err(none_of("resource plan", name))
        })
        .empty::<ScheduledQueryPoll>(ScheduledQueryPollResponse::default)
        .serve::<GetScheduledQuery, _, _>(async |_, args: GetScheduledQueryArgs| {
            let name = args.schedule_key.unwrap_or_default().schedule_name;
            Err(none_of("scheduled query", name))
        })
        .empty::<ShowCompact>(|| ShowCompactResponse {
            compacts: Some(Vec::new()),
        })
        .empty::<GetLatestCommittedCompactionInfo>(|| GetLatestCommittedCompactionInfoResponse {
            compactions: Some(Vec::new()),
        })
}

fn none_of(what: &str, name: Option<String>) -> Failure {
    let text = format!("There is no {what} named {}", name.unwrap_or_default());
    Failure::As(&[Class::NoSuchObject, Class::Meta], text)
}
