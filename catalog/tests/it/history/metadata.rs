//! Iceberg tables of histories, whose metadata files are really there.

use bytes::Bytes;
use catalog::Error;
use catalog::draft::AlterTable;
use catalog::model::{Location, Table};
use versioning::Space;
use versioning::object::Object;

use super::{History, name};
use crate::it::fixture::table;

/// Returns an Iceberg table whose pointer is at a place.
pub(crate) fn iceberg(name: &str, pointer: Location) -> Table {
    let mut table = table(name, "id int", "");
    table.set_parameter("table_type", "ICEBERG");
    table.locations.insert("metadata_location".into(), pointer);
    table
}

/// Creates `sales.t`, or moves its pointer.
pub(crate) async fn change(history: &History, branch: &str, owner: Option<&str>, pointer: Location) {
    let owner = owner.map(str::to_owned);
    let planned = move |mut draft: catalog::Draft| {
        let (pointer, owner) = (pointer.clone(), owner.clone());
        async move {
            let mut new = iceberg("t", pointer);
            new.owner = owner;
            if draft.find_table("sales", "t").await?.is_some() {
                draft
                    .alter_table("sales", "t", new, &AlterTable::default())
                    .await?;
            } else {
                draft.create_table("sales", new).await?;
            }
            Ok::<_, Error>((draft, ()))
        }
    };
    history.catalog.write(&name(branch), planned).await.unwrap();
}

/// Writes the metadata file `{number}.json` that names those before it, and moves the pointer of `sales.t` there.
pub(crate) async fn commit(history: &History, branch: &str, number: u32, before: &[u32]) {
    point(history, branch, number, before).await;
    history.commit_as_is(branch).await;
}

/// As `commit`, and leaves it staged.
pub(super) async fn point(history: &History, branch: &str, number: u32, before: &[u32]) {
    let log = before.iter().map(|number| {
        format!(r#"{{"timestamp-ms": 1, "metadata-file": "s3a://lake/_shared/t/{number}.json"}}"#)
    });
    let log: Vec<String> = log.collect();
    let text = format!(r#"{{"table-uuid": "u", "metadata-log": [{}]}}"#, log.join(","));
    let repository = history.catalog.repository();
    let mut upload = repository.upload().await.unwrap();
    upload.write(Bytes::from(text)).await.unwrap();
    let object = Object {
        segments: vec![upload.finish().await.unwrap().segment],
        ..Object::default()
    };
    let path = format!("t/{number}.json");
    let planned = {
        let path = path.clone();
        move |_| {
            let mut batch = versioning::Batch::default();
            batch.put(Space::Objects, path.clone(), object.encode());
            async move { Ok::<_, versioning::Error>((batch, ())) }
        }
    };
    repository.write_shared(planned).await.unwrap();
    let owner = format!("by-{number}");
    change(history, branch, Some(&owner), Location::Shared(path)).await;
}
