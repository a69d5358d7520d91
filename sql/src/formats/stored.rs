//! What the catalog says of the format of files: the class of Hive's serde or Spark's provider, and their options.

use catalog::model::Storage;

use super::csv::CsvRules;
use super::delimited::DelimitedRules;
use super::json::{JsonRules, Malformed};

/// The format of files, with what has to be known to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    Parquet,
    Orc,
    /// The schema that readers go by, if the table has one.
    Avro(Option<String>),
    Delimited(DelimitedRules),
    Csv(CsvRules),
    Json(JsonRules),
}

/// Looks an option up.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns the format by Hive's serde. `parameter` looks a parameter of the table up.
///
/// # Errors
/// Why the files cannot be read.
pub(crate) fn stored_by_serde(storage: &Storage, parameter: Lookup<'_>) -> Result<Stored, String> {
    let class = storage
        .serde_library()
        .or(storage.template.input_format.as_deref())
        .unwrap_or("nothing");
    let name = class.rsplit('.').next().unwrap_or(class);
    let option = |key: &str| {
        let own = storage.serde_parameter(key).map(str::to_owned);
        own.or_else(|| parameter(key))
    };
    match name.to_ascii_lowercase().as_str() {
        parquet if parquet.starts_with("parquet") || parquet == "mapredparquetinputformat" => {
            Ok(Stored::Parquet)
        }
        "orcserde" | "vectorizedorcserde" | "orcinputformat" => Ok(Stored::Orc),
        "avroserde" | "avrocontainerinputformat" => avro(&option),
        text => {
            lines_of_text(storage)?;
            match text {
                "lazysimpleserde" => Ok(Stored::Delimited(DelimitedRules::of_hive(&option)?)),
                "opencsvserde" => Ok(Stored::Csv(CsvRules::of_hive(&option)?)),
                "jsonserde" => Ok(Stored::Json(
                    JsonRules::of_hive(&option)?.with_names(mappings(storage)),
                )),
                _ => Err(format!(
                    "it is stored as {name}, and sql reads Parquet, ORC, Avro, JSON, CSV and delimited text"
                )),
            }
        }
    }
}

/// The names in files that OpenX is told, by column.
fn mappings(storage: &Storage) -> Vec<(String, String)> {
    let parameters = storage
        .template
        .serde
        .as_ref()
        .and_then(|serde| serde.parameters.as_ref());
    let pairs = parameters.into_iter().flatten();
    pairs
        .filter_map(|(key, value)| Some((key.strip_prefix("mapping.")?.to_lowercase(), value.clone())))
        .collect()
}

/// Serdes of text are met over other containers of records, too.
fn lines_of_text(storage: &Storage) -> Result<(), String> {
    let input = storage.template.input_format.as_deref().unwrap_or_default();
    let name = input.rsplit('.').next().unwrap_or(input);
    match name {
        "" | "TextInputFormat" => Ok(()),
        other => Err(format!("its rows are in files of {other}, which sql cannot read")),
    }
}

fn avro(option: Lookup<'_>) -> Result<Stored, String> {
    match (option("avro.schema.literal"), option("avro.schema.url")) {
        (None, Some(url)) => Err(format!(
            "its Avro schema is at {url}, and sql reads one only from avro.schema.literal"
        )),
        (literal, _) => Ok(Stored::Avro(literal.filter(|text| text.trim() != "none"))),
    }
}

/// Returns the format by Spark's provider, as of a data source table.
///
/// # Errors
/// Why the files cannot be read.
pub(crate) fn stored_as_provider(provider: &str, storage: Option<&Storage>) -> Result<Stored, String> {
    // Spark's options have no case
    let option = |key: &str| {
        let parameters = storage?.template.serde.as_ref()?.parameters.as_ref()?;
        let found = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.clone())
    };
    let name = provider.to_ascii_lowercase();
    let short = match name.rsplit('.').next().unwrap_or(&name) {
        "defaultsource" | "fileformat" => name.clone(),
        last => last.to_owned(),
    };
    let is = |format: &str| short.contains(format);
    if is("parquet") {
        Ok(Stored::Parquet)
    } else if is("orc") {
        Ok(Stored::Orc)
    } else if is("avro") {
        Ok(Stored::Avro(option("avroSchema")))
    } else if is("csv") {
        CsvRules::of_spark(&option).map(Stored::Csv)
    } else if is("json") {
        JsonRules::of_spark(&option).map(Stored::Json)
    } else {
        Err(format!(
            "its data source is {provider}, and sql reads Parquet, ORC, Avro, JSON and CSV"
        ))
    }
}

/// Refuses options of Spark that would change what is read, in a way that is not known here.
pub(crate) fn refuse(option: Lookup<'_>, keys: &[&str]) -> Result<(), String> {
    match keys.iter().find(|key| option(key).is_some()) {
        None => Ok(()),
        Some(key) => Err(format!("its option {key} is not known to sql")),
    }
}

/// Returns an option that is one of two words.
pub(crate) fn flag(option: Lookup<'_>, key: &str) -> bool {
    option(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Returns an option that is a count.
pub(crate) fn count(option: Lookup<'_>, key: &str) -> Result<usize, String> {
    match option(key) {
        None => Ok(0),
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("its {key} is {text:?}, which is no number")),
    }
}

/// Texts are read as UTF-8, whatever is not.
pub(crate) fn utf8_only(option: Lookup<'_>) -> Result<(), String> {
    let keys = ["encoding", "charset", "serialization.encoding"];
    match keys.iter().find_map(|key| option(key)) {
        Some(name) if !matches!(name.to_ascii_lowercase().as_str(), "utf-8" | "utf8" | "us-ascii") => {
            Err(format!("its encoding is {name}, and sql reads UTF-8"))
        }
        _ => Ok(()),
    }
}

/// What Spark does with a record that it cannot read.
pub(crate) fn spark_mode(option: Lookup<'_>) -> Malformed {
    match option("mode").unwrap_or_default().to_ascii_uppercase().as_str() {
        "DROPMALFORMED" => Malformed::Drop,
        "FAILFAST" => Malformed::Fail,
        _ => Malformed::Nulls,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use catalog::model::{Serde, Template};

    use super::*;

    fn storage(library: &str, input: &str, parameters: &[(&str, &str)]) -> Storage {
        let pairs = parameters
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let serde = Serde {
            library: Some(library.to_owned()),
            parameters: Some(pairs.collect()),
            ..Serde::default()
        };
        let template = Template {
            serde: Some(serde),
            input_format: (!input.is_empty()).then(|| input.to_owned()),
            ..Template::default()
        };
        Storage {
            template: Arc::new(template),
            ..Storage::default()
        }
    }

    fn by_serde(library: &str, input: &str, parameters: &[(&str, &str)]) -> String {
        match stored_by_serde(&storage(library, input, parameters), &|_| None) {
            Ok(stored) => format!("{stored:?}").split(['(', ' ']).next().unwrap().to_owned(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn classes_tell_the_format() {
        const TEXT: &str = "org.apache.hadoop.mapred.TextInputFormat";
        for (library, input, expected) in [
            (
                "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "",
                "Parquet",
            ),
            ("org.apache.hadoop.hive.ql.io.orc.OrcSerde", "", "Orc"),
            ("org.apache.hadoop.hive.serde2.avro.AvroSerDe", "", "Avro"),
            (
                "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                TEXT,
                "Delimited",
            ),
            ("org.apache.hadoop.hive.serde2.OpenCSVSerde", TEXT, "Csv"),
            ("org.apache.hive.hcatalog.data.JsonSerDe", TEXT, "Json"),
            ("org.apache.hadoop.hive.serde2.JsonSerDe", TEXT, "Json"),
            ("org.openx.data.jsonserde.JsonSerDe", TEXT, "Json"),
        ] {
            assert_eq!(by_serde(library, input, &[]), expected);
        }
        let sequence = "org.apache.hadoop.mapred.SequenceFileInputFormat";
        assert!(by_serde("x.LazySimpleSerDe", sequence, &[]).contains("SequenceFileInputFormat"));
        assert!(by_serde("org.apache.hadoop.hive.serde2.RegexSerDe", TEXT, &[]).contains("RegexSerDe"));
        assert!(by_serde("x.AvroSerDe", "", &[("avro.schema.url", "hdfs:/s")]).contains("hdfs:/s"));
    }

    #[test]
    fn providers_tell_the_format() {
        let options = storage("x", "", &[("HEADER", "true"), ("path", "/p")]);
        for (provider, expected) in [
            ("PARQUET", "Parquet"),
            (
                "org.apache.spark.sql.execution.datasources.csv.CSVFileFormat",
                "Csv",
            ),
            ("json", "Json"),
            ("avro", "Avro"),
            ("orc", "Orc"),
            ("jdbc", "its data source is jdbc"),
        ] {
            let shown = match stored_as_provider(provider, Some(&options)) {
                Ok(stored) => format!("{stored:?}"),
                Err(reason) => reason,
            };
            assert!(shown.starts_with(expected), "{provider}: {shown}");
        }
        let Ok(Stored::Csv(rules)) = stored_as_provider("csv", Some(&options)) else {
            panic!("no csv");
        };
        assert_eq!(rules.skip_lines, 1);
        for option in [
            ("multiLine", "true"),
            ("encoding", "UTF-16"),
            ("dateFormat", "MM"),
        ] {
            let options = storage("x", "", &[option]);
            assert!(
                stored_as_provider("csv", Some(&options))
                    .unwrap_err()
                    .contains(option.0.trim_start_matches("charset"))
            );
        }
    }
}
