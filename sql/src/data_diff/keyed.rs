//! The columns of a table whose rows are compared, and the query that compares them: pure.

use catalog::names::normalize;

use super::columns::{Pair, is_nested};
use crate::branches::quoted;
use crate::error::{Error, Result};

/// The columns of a table, divided by what they are for.
#[derive(Debug)]
pub(super) struct Columns {
    key: Vec<Pair>,
    others: Vec<Pair>,
    one_sided: Vec<String>,
}

impl Columns {
    pub(super) fn new(pairs: &[Pair], key: &[String]) -> Result<Columns> {
        let names: Vec<String> = key.iter().map(|name| normalize(name.trim())).collect();
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(invalid("a key is a column or more, as in id,dt".to_owned()));
        }
        let has_both_sides = pairs.iter().any(|pair| pair.both().is_some());
        let is_there = |pair: &&Pair| !has_both_sides || pair.both().is_some();
        let find = |name: &String| {
            let found = pairs.iter().filter(is_there).find(|pair| pair.name() == name);
            let pair = found.ok_or_else(|| {
                invalid(format!(
                    "the key has {name}, which is not a column of the table at both refs"
                ))
            })?;
            let seen = [&pair.before, &pair.after].into_iter().flatten();
            match seen.into_iter().any(|seen| is_nested(&seen.kind)) {
                true => Err(invalid(format!(
                    "the key has {name}, whose values have parts, so that it cannot be a key"
                ))),
                false => Ok(pair.clone()),
            }
        };
        let is_key = |pair: &&Pair| names.iter().any(|name| name == pair.name());
        Ok(Columns {
            key: names.iter().map(find).collect::<Result<_>>()?,
            others: pairs.iter().filter(|pair| !is_key(pair)).cloned().collect(),
            one_sided: pairs
                .iter()
                .filter(|pair| !is_there(pair))
                .map(|pair| pair.name().to_owned())
                .collect(),
        })
    }

    /// Returns the query of the rows that differ: first equal rows are counted on both sides, then those of a key.
    pub(super) fn statement(&self, tables: &[&str], limit: usize) -> String {
        let keys = listed(self.key.len(), |i| format!("k{i}"));
        let others = listed(self.others.len(), |i| format!(", c{i}"));
        let told = listed(self.others.len(), |i| format!(", b{i}, a{i}"));
        let each = listed(self.others.len(), |i| {
            format!(
                ", first_value(c{i}) filter (where nb > na) as b{i}, \
                 first_value(c{i}) filter (where na > nb) as a{i}"
            )
        });
        let (keys, others, told, each) = (keys.join(", "), others.concat(), told.concat(), each.concat());
        let all: Vec<String> = tables.iter().map(|table| self.side(table)).collect();
        format!(
            "select {keys}{told}, rows_before, rows_after from (\
             select {keys}{each}, sum(nb) as rows_before, sum(na) as rows_after, \
             sum(case when nb <> na then 1 else 0 end) as differing from (\
             select {keys}{others}, sum(is_before) as nb, sum(is_after) as na from ({}) \
             group by {keys}{others}) group by {keys}) where differing > 0 order by {keys} limit {limit}",
            all.join(" union all ")
        )
    }

    fn side(&self, table: &str) -> String {
        let is_before = table == "before";
        let column = |pair: &Pair| {
            let seen = if is_before { &pair.before } else { &pair.after };
            seen.as_ref()
                .map_or("null".to_owned(), |seen| quoted(&seen.name, '"'))
        };
        let keys = self.key.iter().enumerate();
        let keys = keys.map(|(i, pair)| format!("{} as k{i}, ", column(pair)));
        let others = self.others.iter().enumerate();
        let others = others.map(|(i, pair)| format!("{} as c{i}, ", column(pair)));
        format!(
            "select {}{} as is_before, {} as is_after from {table}",
            keys.chain(others).collect::<String>(),
            u8::from(is_before),
            u8::from(!is_before)
        )
    }

    /// Returns those that one side alone has, if any are on both: on the other they are NULL.
    pub(super) fn one_sided(&self) -> &[String] {
        &self.one_sided
    }

    pub(super) fn key(&self) -> Vec<String> {
        names_of(&self.key)
    }

    pub(super) fn others(&self) -> Vec<String> {
        names_of(&self.others)
    }
}

fn names_of(pairs: &[Pair]) -> Vec<String> {
    pairs.iter().map(|pair| pair.name().to_owned()).collect()
}

fn listed(count: usize, of: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(of).collect()
}

pub(super) fn invalid(message: String) -> Error {
    Error::Statement { message }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::super::columns::Seen;
    use super::*;

    fn pair(before: &str, after: &str) -> Pair {
        let seen = |name: &str| {
            (!name.is_empty()).then(|| Seen {
                name: name.to_owned(),
                kind: if name == "list" {
                    crate::types::list_of(DataType::Int32)
                } else {
                    DataType::Int32
                },
            })
        };
        Pair {
            before: seen(before),
            after: seen(after),
        }
    }

    fn columns(key: &[&str]) -> Result<Columns> {
        let pairs = [
            pair("old", "id"),
            pair("note", "note"),
            pair("gone", ""),
            pair("list", "list"),
        ];
        let key: Vec<_> = key.iter().map(|name| (*name).to_owned()).collect();
        Columns::new(&pairs, &key)
    }

    #[test]
    fn keys_are_columns_of_both_sides() {
        assert_eq!(columns(&["ID "]).unwrap().one_sided, ["gone"]);
        for (key, word) in [
            (&["old"][..], "not a column"),
            (&["gone"], "not a column"),
            (&["id", "list"], "have parts"),
            (&[], "a column or more"),
            (&["id", ""], "a column or more"),
        ] {
            let error = columns(key).unwrap_err().to_string();
            assert!(error.contains(word), "{key:?}: {error}");
        }
    }

    #[test]
    fn each_side_calls_columns_by_its_own_names() {
        let columns = columns(&["id"]).unwrap();
        assert_eq!(
            columns.side("before"),
            "select \"old\" as k0, \"note\" as c0, \"gone\" as c1, \"list\" as c2, 1 as is_before, 0 as is_after from before"
        );
        assert_eq!(
            columns.side("after"),
            "select \"id\" as k0, \"note\" as c0, null as c1, \"list\" as c2, 0 as is_before, 1 as is_after from after"
        );
        let statement = columns.statement(&["after"], 8);
        assert!(
            statement.ends_with("where differing > 0 order by k0 limit 8"),
            "{statement}"
        );
    }
}
