//! Tables by a filter on their owner, last access and parameters.
//!
//! The language is that of partition filters, with other keys.

use catalog::Error;
use catalog::model::Table;
use catalog::names::{DEFAULT_PARTITION, Pattern};
use thrift_idl::methods::{GetTableNamesByFilter, GetTableNamesByFilterArgs};

use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::filter::{self, FilterError, Key, Plan};
use crate::registry::Routes;
use crate::walk::room;

const OWNER: &str = "hive_filter_field_owner__";
const LAST_ACCESS: &str = "hive_filter_field_last_access__";
/// Followed by the name of the parameter.
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
    let keys = keys(&text);
    let plan = filter::plan(&text, &keys).map_err(failure)?;
    let snapshot = target.snapshot().await?;
    let Some(database) = snapshot.find_database(&target.database).await? else {
        return Ok(Vec::new());
    };
    let room = room(args.max_tables);
    let mut found = Vec::new();
    for (name, entry) in snapshot.tables(database.id, &Pattern::all()).await? {
        if found.len() >= room {
            break;
        }
        let table = snapshot.find_table_by_id(entry.id).await?;
        if table.is_some_and(|table| takes(&plan, &text, &table, &keys)) {
            found.push(name);
        }
    }
    Ok::<_, Error>(found).map_err(Failure::from)
}

fn failure(error: FilterError) -> Failure {
    match error {
        FilterError::UnknownKey(key) => Failure::meta(format!(
            "Invalid key name in filter. Use constants from api: {key}"
        )),
        other => other.into(),
    }
}

/// Returns the keys that a filter names, in the order of their first occurrence.
fn keys(filter: &str) -> Vec<Key> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut keys: Vec<Key> = Vec::new();
    for word in filter.split(|c| !is_word(c)) {
        let name = word.to_lowercase();
        let type_name = match name.as_str() {
            OWNER => "string",
            LAST_ACCESS => "int",
            name if name.starts_with(PARAMETER) => "string",
            _ => continue,
        };
        if keys.iter().all(|key| key.name != name) {
            let type_name = type_name.to_owned();
            keys.push(Key { name, type_name });
        }
    }
    keys
}

/// Returns whether a filter accepts a table. No comparison holds for what is not said of it: that has the type of a
/// number then, for which the null value is no value.
fn takes(plan: &Plan, filter: &str, table: &Table, keys: &[Key]) -> bool {
    let values = values(table, keys);
    if values.iter().all(Option::is_some) {
        let values: Vec<String> = values.into_iter().flatten().collect();
        return plan.takes_all() || plan.takes(&values);
    }
    let typed = |(key, value): (&Key, &Option<String>)| match value {
        Some(_) => key.clone(),
        None => Key {
            type_name: "int".to_owned(),
            ..key.clone()
        },
    };
    let keys: Vec<Key> = keys.iter().zip(&values).map(typed).collect();
    let said = |value: Option<String>| value.unwrap_or_else(|| DEFAULT_PARTITION.to_owned());
    let values: Vec<String> = values.into_iter().map(said).collect();
    filter::plan(filter, &keys).is_ok_and(|plan| plan.takes(&values))
}

/// Returns what is said of a table under each key.
fn values(table: &Table, keys: &[Key]) -> Vec<Option<String>> {
    let value = |key: &Key| match key.name.as_str() {
        OWNER => table.owner.clone(),
        LAST_ACCESS => Some(table.accessed_s.unwrap_or_default().to_string()),
        name => parameter(table, name.strip_prefix(PARAMETER).unwrap_or_default()),
    };
    keys.iter().map(value).collect()
}

/// Returns the parameter of that name, in any case: words of a filter have none.
fn parameter(table: &Table, name: &str) -> Option<String> {
    let mut all = table.parameters.iter().flatten();
    all.find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use catalog::model::Parameters;

    use super::*;

    #[test]
    fn tables_are_filtered_by_what_is_said_of_them() {
        let table = Table {
            owner: Some("Tester".into()),
            accessed_s: Some(30),
            parameters: Some(Parameters::from([("Color".into(), "red".into())])),
            ..Table::default()
        };
        for (filter, expected) in [
            (r#"hive_filter_field_owner__ = "Tester""#, true),
            (r#"hive_filter_field_owner__ like "T.*""#, true),
            (r#"hive_filter_field_owner__ = "tester""#, false),
            ("hive_filter_field_last_access__ < 90", true),
            ("hive_filter_field_last_access__ > 90", false),
            (r#"hive_filter_field_params__color = "red""#, true),
            (r#"hive_filter_field_params__size = "red""#, false),
            (r#"hive_filter_field_params__size <> "red""#, false),
            (
                r#"hive_filter_field_last_access__ > 90 or hive_filter_field_params__color <> "blue""#,
                true,
            ),
        ] {
            let keys = keys(filter);
            let plan = filter::plan(filter, &keys).unwrap();
            assert_eq!(takes(&plan, filter, &table, &keys), expected, "{filter}");
        }
        assert!(filter::plan(r#"owner = "x""#, &keys(r#"owner = "x""#)).is_err());
    }
}
