//! The catalog over a real store in memory.

#[cfg(test)]
mod it {
    mod catalog;
    mod costs;
    mod databases;
    mod diffs;
    mod fixture;
    mod functions;
    mod history;
    mod merges;
    mod histories;
    mod partitions;
    mod statistics;
    mod tables;
}
