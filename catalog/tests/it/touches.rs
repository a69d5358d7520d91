//! What changes touch: tables, with all that belongs to them, and what belongs to none.

use catalog::SharedCache;
use catalog::merge::{CatalogResolver, read_by_checks};
use versioning::merge::{Extent, Resolver};

use super::history::History;

/// Changes `main` by `statements`, and returns whether that touches what a check of `tables` reads.
async fn touches(base: &str, statements: &str, tables: &[(&str, &str)]) -> bool {
    let history = History::new(base).await;
    let before = history.commit("main", "").await;
    let after = history.commit("main", statements).await;
    let (before, after) = (history.view(before).await, history.view(after).await);
    let touched = CatalogResolver::default().touches(&before, &after).await.unwrap();
    assert!(matches!(touched, Extent::Units(_)), "{touched:?}");
    let cache = SharedCache::default();
    let reads = read_by_checks(&before, &cache, tables.iter().copied())
        .await
        .unwrap();
    touched.meets(&reads)
}

const BASE: &str = "create sales.t (id int) by (dt string)
    create sales.u (id int) at raw/stage
    put raw/stage/f one";

#[tokio::test]
async fn a_change_touches_the_tables_that_it_is_of() {
    for (statements, touches_t, touches_u) in [
        ("add sales.t dt=1", true, false),
        ("drop sales.t", true, false),
        ("put sales.db/t/dt=1/f one", true, false),
        ("rm raw/stage/f", false, true),
        ("put loose/f one", false, false),
        ("comment sales new", true, true),
        ("put .skep/checks/c.yaml one", true, true),
    ] {
        let t = touches(BASE, statements, &[("sales", "t")]).await;
        let u = touches(BASE, statements, &[("sales", "u")]).await;
        assert_eq!((t, u), (touches_t, touches_u), "{statements}");
    }
}

#[tokio::test]
async fn a_table_that_is_not_there_may_be_anything() {
    assert!(touches(BASE, "put loose/f one", &[("sales", "gone")]).await);
    assert!(!touches(BASE, "put loose/f one", &[]).await);
}
