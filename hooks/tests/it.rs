//! The tests of hooks and the gate through their public surface.

#[cfg(test)]
mod it {
    mod actions;
    mod fake;
    mod gate;
    mod guard;
    mod ready;
}
