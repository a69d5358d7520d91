//! The routes over a store in memory.

#[cfg(test)]
mod it {
    mod merges;
    mod rig;
    mod rules;
}
