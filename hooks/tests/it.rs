//! The tests of the gate through its public surface.

mod it {
    mod gate;
}
