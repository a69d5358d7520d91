//! What is counted.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// The label of methods that nobody serves: what clients make up must not become labels.
pub(super) const UNKNOWN: &str = "unknown";

/// Counts an open connection for as long as it lives.
pub(super) struct Open;

impl Open {
    pub(super) fn new() -> Open {
        counter!("skep_metastore_connections_total").increment(1);
        gauge!("skep_metastore_connections").increment(1);
        Open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!("skep_metastore_connections").decrement(1);
    }
}

/// Counts a connection that found no place.
pub(super) fn refused() {
    counter!("skep_metastore_connections_refused_total").increment(1);
}

/// Counts an answered call.
pub(super) fn call(method: &'static str, outcome: &'static str, took: Duration) {
    counter!("skep_metastore_calls_total", "method" => method, "outcome" => outcome).increment(1);
    histogram!("skep_metastore_call_seconds", "method" => method).record(took.as_secs_f64());
}
