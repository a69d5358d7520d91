//! Plain warehouses: folders that are not skep's, on this machine or in buckets of S3.
//!
//! What a folder means and when it is made, moved or removed is `catalog`'s; here stands how each file system does
//! it. Each has to pass `catalog::warehouse::conformance`.
//!
//! *Architecture invariant:* knows no tables, refs or commits, reads no environment and writes no protocol: requests
//! to S3 are built, signed and read by `rusty-s3`.

mod client;
mod copies;
mod fault;
mod file;
mod http;
mod place;
mod s3;
mod settings;
mod transfer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::{OpenWarehouse, PlainWarehouse, Warehouse, WarehouseSettings};

pub use file::FileWarehouse;
pub use place::is_s3;
pub use s3::{S3, S3Warehouse};
pub use settings::{Connection, ConnectionError, Limits};

/// Returns what opens warehouses: folders of this machine and, with `s3`, those of its buckets. Each is opened once. Of
/// what lies in the folder `kept`, the server's own, none removes or moves anything.
pub fn opener(s3: Option<S3>, kept: &Path) -> Arc<OpenWarehouse> {
    let kept = kept.to_owned();
    let open: Mutex<BTreeMap<(String, Option<String>), PlainWarehouse>> = Mutex::default();
    Arc::new(move |settings: &WarehouseSettings| {
        let files = open_one(settings, s3.as_ref(), &kept)?;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (settings.root.clone(), settings.trash.clone());
        let plain = open.entry(key).or_insert_with(|| PlainWarehouse::new(files));
        Some(plain.clone())
    })
}

fn open_one(settings: &WarehouseSettings, s3: Option<&S3>, kept: &Path) -> Option<Arc<dyn Warehouse>> {
    if is_s3(&settings.root) {
        return Some(Arc::new(S3Warehouse::new(settings, s3?)?));
    }
    Some(Arc::new(FileWarehouse::new(settings)?.keeping(kept)))
}
