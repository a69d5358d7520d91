//! The catalog over a real store in memory.

#[cfg(test)]
mod it {
    mod catalog;
    mod constraints;
    mod costs;
    mod databases;
    mod decisions;
    mod diffs;
    mod fixture;
    mod functions;
    mod histories;
    mod history;
    mod iceberg;
    mod merge_laws;
    mod merge_suite;
    mod merges;
    mod partitions;
    mod picks;
    mod plain;
    mod registry;
    mod statistics;
    mod tables;
    mod touches;
}
