//! The tests of the binary: starting, stopping, bad input, damage, a full disk.

#[cfg(test)]
mod it {
    mod damage;
    mod diffs;
    mod disk;
    mod flight;
    mod problems;
    mod rig;
    mod rules;
    mod s3;
    mod starting;
    mod statements;
    mod stopping;
}
