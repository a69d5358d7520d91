//! The service itself: who is calling, settings, status, events.

use std::collections::BTreeMap;

use thrift_idl::methods::{
    AliveSince, FlushCache, GetConfigValue, GetConfigValueArgs, GetCounter, GetCounters, GetCpuProfile,
    GetDelegationToken, GetMetaConf, GetMetaConfArgs, GetMetastoreDbUuid, GetName, GetOption, GetOptions,
    GetStatus, GetStatusDetails, GetVersion, Reinitialize, SetMetaConf, SetMetaConfArgs, SetOption, SetUgi,
    SetUgiArgs, Shutdown,
};
use thrift_idl::types::FbStatus;

use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::registry::Routes;

/// What `getVersion` has answered since Hive 3.0, whatever the version.
const VERSION: &str = "3.0";

/// The settings of a session that clients may change, and what they are by default. Some clients put `hive.`
/// in front.
const SESSION_SETTINGS: [(&str, &str); 9] = [
    ("metastore.capability.check", "true"),
    ("metastore.client.capability.check", "true"),
    ("metastore.client.socket.timeout", "600s"),
    ("metastore.disallow.incompatible.col.type.changes", "true"),
    // Hive 4 names its own before MSCK; expressions are read here without it
    (
        "metastore.expression.proxy",
        "org.apache.hadoop.hive.ql.optimizer.ppr.PartitionExpressionForMetastore",
    ),
    ("metastore.integral.jdo.pushdown", "false"),
    ("metastore.partition.name.whitelist.pattern", ""),
    ("metastore.try.direct.sql", "true"),
    ("metastore.try.direct.sql.ddl", "true"),
];

/// What settings may be asked for begin with.
const READABLE: [&str; 4] = ["hive", "hdfs", "mapred", "metastore"];

pub(super) fn routes() -> Routes {
    status()
        .serve::<SetUgi, _, _>(set_ugi)
        .serve::<FlushCache, _, _>(async |_, _| Ok(()))
        .serve::<GetConfigValue, _, _>(async |_, args| get_config_value(args))
        .serve::<GetMetaConf, _, _>(async |call, args| get_meta_conf(&call, args))
        .serve::<SetMetaConf, _, _>(async |call, args| set_meta_conf(&call, args))
        .serve::<GetMetastoreDbUuid, _, _>(get_metastore_db_uuid)
        .serve::<GetDelegationToken, _, _>(async |_, _| {
            Err(Failure::meta(
                "there are no delegation tokens: this listener does not use Kerberos",
            ))
        })
}

/// What fb303 clients ask.
fn status() -> Routes {
    Routes::default()
        .serve::<GetName, _, _>(async |_, _| Ok("skep".to_owned()))
        .serve::<GetVersion, _, _>(async |_, _| Ok(VERSION.to_owned()))
        .serve::<GetStatus, _, _>(async |_, _| Ok(FbStatus::ALIVE))
        .serve::<GetStatusDetails, _, _>(async |_, _| Ok("OK".to_owned()))
        .serve::<AliveSince, _, _>(async |call: Call, _| Ok(call.context.started_s))
        .serve::<Reinitialize, _, _>(async |_, _| Ok(()))
        .serve::<Shutdown, _, _>(async |_, _| Ok(()))
        .serve::<SetOption, _, _>(async |_, _| Ok(()))
        .empty::<GetCounter>(|| 0)
        .empty::<GetCounters>(BTreeMap::new)
        .empty::<GetOption>(String::new)
        .empty::<GetOptions>(BTreeMap::new)
        .empty::<GetCpuProfile>(String::new)
}

/// Remembers who is calling, and answers with all their principals.
async fn set_ugi(call: Call, args: SetUgiArgs) -> Result<Vec<String>, Failure> {
    let groups = args.group_names.unwrap_or_default();
    Ok(call.session.claim(args.user_name, groups))
}

fn get_config_value(args: GetConfigValueArgs) -> Result<String, Failure> {
    let name = args.name.unwrap_or_default();
    if !name.is_empty() && !READABLE.iter().any(|prefix| name.starts_with(prefix)) {
        let text = format!("For security reasons, the config key {name} cannot be accessed");
        return Err(Failure::As(&[Class::ConfigValSecurity], text));
    }
    let known = find_setting(&name).map(|(_, default)| default.to_owned());
    Ok(known.or(args.default_value).unwrap_or_default())
}

/// Returns the name of a setting as it is kept, and its default.
fn find_setting(key: &str) -> Option<(&'static str, &'static str)> {
    let key = key.strip_prefix("hive.").unwrap_or(key);
    SESSION_SETTINGS.into_iter().find(|(known, _)| *known == key)
}

fn session_setting(key: Option<String>) -> Result<(&'static str, &'static str), Failure> {
    let key = key.unwrap_or_default();
    find_setting(&key).ok_or_else(|| Failure::meta(format!("Invalid configuration key {key}")))
}

fn get_meta_conf(call: &Call, args: GetMetaConfArgs) -> Result<String, Failure> {
    let (key, default) = session_setting(args.key)?;
    let set = call.session.state().settings.get(key).cloned();
    Ok(set.unwrap_or_else(|| default.to_owned()))
}

fn set_meta_conf(call: &Call, args: SetMetaConfArgs) -> Result<(), Failure> {
    let (key, _) = session_setting(args.key)?;
    let value = args.value.unwrap_or_default();
    call.session.state().settings.insert(key, value);
    Ok(())
}

/// Answers with the id of the listener's repository, in the form of a UUID.
async fn get_metastore_db_uuid<A>(call: Call, _: A) -> Result<String, Failure> {
    let catalog = call.context.catalog(&call.context.listener.repository).await?;
    let hex: String = catalog
        .repository()
        .record()
        .id
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}
