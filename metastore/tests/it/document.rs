//! The table of methods for people equals what is served.

use std::path::Path;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test asks whether to write the document anew"
)]
fn the_document_lists_what_is_served() {
    let path = Path::new("../docs/methods.md").to_owned();
    let document = metastore::methods_document();
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &document).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == document,
        "docs/methods.md is out of date: run this test with UPDATE_DOCS=1"
    );
}
