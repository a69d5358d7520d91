//! The tests of the store through its public surface.

mod it {
    mod costs;
    mod faults;
    mod model;
}
