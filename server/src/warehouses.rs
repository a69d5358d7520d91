//! The plain warehouses of this server: with what S3 is spoken, and whether it answers.

use std::path::Path;

use catalog::location::strip_s3;
use catalog::{OpenWarehouse, WarehouseSettings};
use versioning::RepositoryName;
use warehouse::{Connection, Limits, S3};

use crate::credentials::read_file;
use crate::error::{Exit, Failure};
use crate::machine::environment;
use crate::settings::Settings;

const NAMES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

const HINT: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or name a file that says \
                    aws_access_key_id = … and aws_secret_access_key = … (--warehouse-credentials)";

/// Returns the service of S3 that the settings name, if there are credentials for one.
pub(crate) fn s3(settings: &Settings) -> Result<Option<S3>, Failure> {
    let keys = match &settings.warehouse_credentials {
        Some(file) => Some(keys_in(file)?),
        None => keys(NAMES.map(environment)),
    };
    let Some([access_key, secret_key, session_token]) = keys else {
        return Ok(None);
    };
    let connection = Connection {
        endpoint: settings.warehouse_endpoint.clone(),
        region: settings.warehouse_region.clone(),
        access_key: access_key.unwrap_or_default(),
        secret_key: secret_key.unwrap_or_default(),
        session_token,
    };
    let s3 = S3::new(connection, Limits::default());
    s3.map(Some).map_err(|error| wrong(format!("warehouse: {error}")))
}

type Keys = [Option<String>; 3];

/// Returns keys if the first two of them are there.
fn keys(found: Keys) -> Option<Keys> {
    let has_pair = found[..2].iter().all(Option::is_some);
    has_pair.then_some(found)
}

fn keys_in(file: &Path) -> Result<Keys, Failure> {
    let text = read_file("warehouse_credentials", file).map_err(wrong)?;
    let found = keys(NAMES.map(|name| value_in(&text, name)));
    found.ok_or_else(|| {
        let message = format!("warehouse_credentials {}: a key is missing", file.display());
        wrong(message).with_hint(HINT)
    })
}

/// Returns what stands behind `name =` in lines as those of AWS's file of credentials, in the first of its sections.
fn value_in(text: &str, name: &str) -> Option<String> {
    let lines = text
        .lines()
        .map(str::trim)
        .skip_while(|line| line.is_empty() || line.starts_with('#'));
    let section = lines
        .enumerate()
        .take_while(|(number, line)| *number == 0 || !line.starts_with('['))
        .map(|(_, line)| line);
    section
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

fn wrong(message: String) -> Failure {
    Failure::new(Exit::WrongUse, message)
}

/// Fails for a warehouse in a bucket that cannot be used, before anything relies on it.
pub(crate) async fn check(
    settings: &WarehouseSettings,
    repository: &RepositoryName,
    open: &OpenWarehouse,
) -> Result<(), Failure> {
    let Some(bucket) = strip_s3(&settings.root).and_then(|rest| rest.split('/').next()) else {
        return Ok(());
    };
    if bucket == repository.as_str() {
        let message = format!(
            "the warehouse {} is in a bucket of the repository's name",
            settings.root
        );
        let hint =
            "its places would be taken for the repository's own: name another bucket, or another repository";
        return Err(wrong(message).with_hint(hint));
    }
    let Some(plain) = open(settings) else {
        let message = format!(
            "the warehouse {} cannot be opened: there are no credentials for it, its bucket has no valid name, or its trash is \
             not in S3",
            settings.root
        );
        return Err(wrong(message).with_hint(HINT));
    };
    plain.files().has_dir(&settings.root).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_credentials_are_read_as_aws_does() {
        let text = "\n# ours\n[default]\naws_access_key_id = key\nAWS_SECRET_ACCESS_KEY=a=b/c\n\n[other]\naws_session_token = t\n";
        let found = NAMES.map(|name| value_in(text, name));
        assert_eq!(found, [Some("key".into()), Some("a=b/c".into()), None]);
        assert_eq!(keys([Some("key".into()), None, Some("t".into())]), None);
    }
}
