//! The routes over a store in memory.

#[cfg(test)]
mod it {
    mod connections;
    mod diffs;
    mod merges;
    mod rig;
    mod rules;
}
