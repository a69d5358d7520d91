//! The tests of the store through its public surface.

#[cfg(test)]
mod it {
    mod costs;
    mod faults;
    mod groups;
    mod model;
}
