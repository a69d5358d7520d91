//! The tests of the store through its public surface.

#[cfg(test)]
mod it {
    mod attempts;
    mod costs;
    mod counts;
    mod doubts;
    mod dry_runs;
    mod expiry;
    mod faults;
    mod fsck;
    mod groups;
    mod history;
    mod lake;
    mod landing;
    mod model;
    mod picks;
    mod queries;
    mod race;
    mod rules;
    mod shared;
    mod state;
}
