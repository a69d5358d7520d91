//! The catalog over a real store in memory.

#[cfg(test)]
mod it {
    mod catalog;
    mod costs;
    mod databases;
    mod fixture;
    mod functions;
    mod histories;
    mod partitions;
    mod statistics;
    mod tables;
}
