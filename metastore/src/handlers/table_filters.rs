//! Tables by a filter over what is said of them.

use catalog::model::Table;
use catalog::names::Pattern;
use thrift_idl::methods::{GetTableNamesByFilter, GetTableNamesByFilterArgs};

use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::filter::{self, Key};
use crate::registry::Routes;
use crate::walk::room;

/// The names of fields in filters, in lower case, which is how filters know names.
const OWNER: &str = "hive_filter_field_owner__";
const LAST_ACCESS: &str = "hive_filter_field_last_access__";
const TABLE_NAME: &str = "hive_filter_field_tablename__";
const TABLE_TYPE: &str = "hive_filter_field_tabletype__";
/// Behind it stands the key of a parameter.
const PARAMETER: &str = "hive_filter_field_params__";

pub(super) fn routes() -> Routes {
    Routes::default().serve::<GetTableNamesByFilter, _, _>(names)
}

async fn names(call: Call, args: GetTableNamesByFilterArgs) -> Result<Vec<String>, Failure> {
    let Some(text) = args.filter else {
        let text = "the filter cannot be null".to_owned();
        return Err(Failure::As(&[Class::InvalidOperation], text));
    };
    let unknown = |text: String| Failure::As(&[Class::UnknownDatabase], text);
    let target = match call.database(args.dbname.as_deref(), None).await {
        Ok(target) if !target.database.is_empty() => target,
        Ok(_) => return Err(unknown("the database's name cannot be empty".into())),
        Err(failure) => return Err(unknown(failure.to_string())),
    };
    let fields = filter::names(&text)?;
    let keys = fields
        .iter()
        .map(|name| key(name))
        .collect::<Result<Vec<_>, _>>()?;
    let plan = filter::plan(&text, &keys)?;
    let snapshot = target.snapshot().await?;
    let Some(database) = snapshot.find_database(&target.database).await? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (name, entry) in snapshot.tables(database.id, &Pattern::all()).await? {
        if found.len() == room(args.max_tables) {
            break;
        }
        let Some(table) = snapshot.find_table_by_id(entry.id).await? else {
            continue;
        };
        let values: Vec<Option<String>> = fields.iter().map(|field| value(&table, field)).collect();
        let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        if plan.takes_known(&values) {
            found.push(name);
        }
    }
    Ok(found)
}

fn key(name: &str) -> Result<Key, Failure> {
    let type_name = match name {
        LAST_ACCESS => "int",
        OWNER | TABLE_NAME | TABLE_TYPE => "string",
        other if other.starts_with(PARAMETER) => "string",
        _ => {
            return Err(Failure::meta(
                "Invalid key name in filter. Use constants from org.apache.hadoop.hive.metastore.api",
            ));
        }
    };
    Ok(Key {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
    })
}

fn value(table: &Table, field: &str) -> Option<String> {
    match field {
        OWNER => table.owner.clone(),
        LAST_ACCESS => Some(table.accessed_s.unwrap_or_default().to_string()),
        TABLE_NAME => Some(table.name.clone()),
        TABLE_TYPE => Some(table.kind.as_str().to_owned()),
        other => {
            let wanted = other.strip_prefix(PARAMETER)?;
            let mut all = table.parameters.iter().flatten();
            let found = all.find(|(key, _)| key.to_lowercase() == wanted);
            found.map(|(_, value)| value.clone())
        }
    }
}
