//! The tests of queries through the public surface.

#[cfg(test)]
mod it {
    mod checks;
    mod damage;
    mod data_diff;
    mod describe;
    mod diff_rows;
    mod files;
    mod footers;
    mod formats;
    mod iceberg;
    mod lake;
    mod limits;
    mod queries;
    mod refs;
    mod statements;
    mod system;
    mod views;
}
