//! The tests of the gate through its public surface.

#[cfg(test)]
mod it {
    mod gate;
}
